use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::deltaglider::{CodecError, Decoded, DeltaCodec};

/// The program xdelta3, which wrote what Python DeltaGlider stored.
#[derive(Clone, Copy, Debug)]
pub struct Xdelta3;

impl Xdelta3 {
    fn run(&self, arguments: &[&str], source: &[u8], input: &[u8]) -> Result<Vec<u8>, CodecError> {
        let scratch = tempfile::tempdir().map_err(CodecError::Sink)?;
        let at = |name: &str| scratch.path().join(name);
        write(&at("source"), source)?;
        write(&at("input"), input)?;
        let output = Command::new("xdelta3")
            .current_dir(scratch.path())
            .args(arguments)
            .args(["-f", "-s", "source", "input", "output"])
            .output()
            .map_err(CodecError::Sink)?;
        if !output.status.success() {
            return Err(CodecError::Damaged(String::from_utf8_lossy(&output.stderr).into()));
        }
        std::fs::read(at("output")).map_err(CodecError::Sink)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CodecError> {
    std::fs::write(path, bytes).map_err(CodecError::Sink)
}

impl DeltaCodec for Xdelta3 {
    fn decode(
        &self,
        delta: &[u8],
        source: &[u8],
        bytes_max: u64,
        sink: &mut dyn Write,
    ) -> Result<Decoded, CodecError> {
        // Without unpacking (-D) and packing (-R).
        let made = self.run(&["-d", "-D", "-R"], source, delta)?;
        if made.len() as u64 > bytes_max {
            return Err(CodecError::TooLarge { bytes_max });
        }
        sink.write_all(&made).map_err(CodecError::Sink)?;
        Ok(Decoded { length: made.len() as u64 })
    }

    fn encode(&self, target: &[u8], source: &[u8], sink: &mut dyn Write) -> Result<(), CodecError> {
        let delta = self.run(&["-e", "-9", "-S", "none", "-D", "-A"], source, target)?;
        sink.write_all(&delta).map_err(CodecError::Sink)
    }
}
