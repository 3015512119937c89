//! A machine of tests, and what is done with its serial port.

use std::io::{ErrorKind, Read, Write};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use casemate_fs::{Dir, File, PipeEnd, SealedBytes};
use casemate_model::ByteSize;
use casemate_vm::test_support::guest;
use casemate_vm::{
    Accelerator, Board, Engine, Host, Kernel, LauncherProgram, MachineSpec, OpenKernel, Running, SERIAL_IN,
    SERIAL_OUT, Start,
};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const UUID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

pub(crate) struct Place {
    _temp: TempDir,
    pub(crate) dir: Dir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open_private(&temp.path().join("machine")).unwrap();
        Self { _temp: temp, dir }
    }

    pub(crate) fn start(&self, board: Board) -> Start {
        let kernel = SealedBytes::from_bytes(&guest()).unwrap();
        let digest = casemate_model::Digest::of(&guest());
        Start {
            spec: MachineSpec {
                board,
                cpus: 1,
                memory: ByteSize::mib(32),
                accelerator: Accelerator::Tcg,
                kernel: Some(Kernel { image: digest, initrd: None, append: String::new() }),
                disks: Vec::new(),
            },
            dir: self.dir.clone(),
            uuid: UUID.to_owned(),
            uid: 65_534,
            engine: Engine::Tcg,
            kernel: Some(OpenKernel { kernel, initrd: None }),
            disks: Vec::new(),
        }
    }

    pub(crate) fn serial(&self) -> Serial {
        Serial {
            out: self.dir.open_pipe(SERIAL_OUT, PipeEnd::Both).unwrap(),
            into: self.dir.open_pipe(SERIAL_IN, PipeEnd::Both).unwrap(),
        }
    }
}

pub(crate) fn host() -> Host {
    Host {
        launcher: LauncherProgram::Path(env!("CARGO_BIN_EXE_casemate-vm-launcher").into()),
        qemu: "/usr/bin/qemu-system-x86_64".into(),
    }
}

/// A machine that ends with its test, however that ends.
pub(crate) struct Killed(Option<Running>);

impl Killed {
    pub(crate) fn new(running: Running) -> Self {
        Self(Some(running))
    }

    /// Drops what is known of it, and leaves it running.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.kill();
        }
    }
}

impl Deref for Killed {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for Killed {
    fn deref_mut(&mut self) -> &mut Running {
        self.0.as_mut().unwrap()
    }
}

pub(crate) struct Serial {
    out: File,
    into: File,
}

impl Serial {
    /// Waits until the guest has said a text; returns all up to its end.
    pub(crate) async fn hears(&mut self, text: &str) -> String {
        let mut heard = Vec::new();
        let hearing = async {
            let mut looks = tokio::time::interval(Duration::from_millis(1));
            loop {
                let mut byte = [0];
                match self.out.read(&mut byte) {
                    Ok(1) => heard.push(byte[0]),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        looks.tick().await;
                    }
                    Err(error) => panic!("{error}"),
                }
                if heard.ends_with(text.as_bytes()) {
                    return;
                }
            }
        };
        let heard_it = tokio::time::timeout(PATIENCE, hearing).await;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        heard_it.unwrap_or_else(|_| panic!("it said `{heard}`"));
        heard
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.into.write_all(text.as_bytes()).unwrap();
    }
}
