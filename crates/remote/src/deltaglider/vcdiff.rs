use std::io::Write;

use casemate_delta::vcdiff::{DecodeError, EncodeError, EncodeOptions, LimitKind, Limits, decode, encode};

use super::{CodecError, Decoded, DeltaCodec};

/// VCDIFF as xdelta3 writes and reads it, which is what every DeltaGlider keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vcdiff;

impl DeltaCodec for Vcdiff {
    fn decode(
        &self,
        delta: &[u8],
        source: &[u8],
        bytes_max: u64,
        sink: &mut dyn Write,
    ) -> Result<Decoded, CodecError> {
        match decode(delta, source, &Limits::for_output(bytes_max), sink) {
            Ok(decoded) => Ok(Decoded { length: decoded.length }),
            Err(DecodeError::LimitReached { kind: LimitKind::Output, .. }) => {
                Err(CodecError::TooLarge { bytes_max })
            }
            Err(DecodeError::Sink(source)) => Err(CodecError::Sink(source)),
            Err(error) => Err(CodecError::Damaged(error.into())),
        }
    }

    fn encode(&self, target: &[u8], source: &[u8], sink: &mut dyn Write) -> Result<(), CodecError> {
        match encode(target, source, &EncodeOptions::default(), sink) {
            Ok(_) => Ok(()),
            Err(EncodeError::Sink(source)) => Err(CodecError::Sink(source)),
            // The default options compress nothing, so that liblzma is never asked.
            Err(EncodeError::Lzma(source)) => Err(CodecError::Sink(std::io::Error::other(source))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_their_kind() {
        let (target, source) = (vec![7; 5000], vec![7; 4000]);
        let mut delta = Vec::new();
        Vcdiff.encode(&target, &source, &mut delta).unwrap();
        let mut made = Vec::new();
        assert_eq!(Vcdiff.decode(&delta, &source, 5000, &mut made).unwrap(), Decoded { length: 5000 });
        assert_eq!(made, target);
        let too_large = Vcdiff.decode(&delta, &source, 4999, &mut Vec::new());
        assert!(matches!(too_large, Err(CodecError::TooLarge { bytes_max: 4999 })), "{too_large:?}");
        let damaged = Vcdiff.decode(b"no delta", &source, 5000, &mut Vec::new());
        assert!(matches!(damaged, Err(CodecError::Damaged(_))), "{damaged:?}");
    }
}
