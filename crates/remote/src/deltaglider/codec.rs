use std::io::Write;

/// Makes and applies deltas in the form that DeltaGlider keeps, which is VCDIFF.
///
/// Both calls compute for long and block. Neither trusts its input.
pub trait DeltaCodec: Send + Sync + 'static {
    /// Writes to `sink` what `delta` makes of `source`; an error if that is more than `bytes_max`. What reached the
    /// sink before an error is worth nothing.
    fn decode(
        &self,
        delta: &[u8],
        source: &[u8],
        bytes_max: u64,
        sink: &mut dyn Write,
    ) -> Result<Decoded, CodecError>;

    /// Writes to `sink` a delta that makes `target` of `source`, without secondary compression that others may lack.
    fn encode(&self, target: &[u8], source: &[u8], sink: &mut dyn Write) -> Result<(), CodecError>;
}

/// What a delta said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes it made.
    pub length: u64,
}

/// Why a delta could not be made or applied.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The delta is damaged, or belongs to another source.
    #[error("the delta cannot be applied")]
    Damaged(#[source] crate::Cause),
    /// It would make more than allowed.
    #[error("the delta makes more than {bytes_max} bytes")]
    TooLarge {
        /// The most allowed.
        bytes_max: u64,
    },
    /// The result could not be written.
    #[error("the result cannot be written")]
    Sink(#[source] std::io::Error),
}

/// What xdelta3 noted in the header of a delta about files that it unpacked before it compared them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// How the target was packed: `G` gzip, `B` bzip2, `Y` xz, `Z` compress. The delta makes it unpacked.
    pub(super) target: Option<u8>,
    /// How the source was packed. The delta needs it unpacked.
    pub(super) source: Option<u8>,
}

impl Unpacked {
    /// Reads it off the header of a delta: `OUT/COMP/SOURCE/COMP` where something was unpacked. Whatever is not
    /// understood counts as nothing; the hashes decide in the end.
    pub(super) fn of(delta: &[u8]) -> Self {
        let Some(header) = application_header(delta) else { return Self::default() };
        let mut fields = header.split(|byte| *byte == b'/');
        let (Some(_), Some(target)) = (fields.next(), fields.next()) else { return Self::default() };
        let (Some(_), source) = (fields.next(), fields.next()) else {
            return Self { target: packing(target), source: None };
        };
        Self { target: packing(target), source: source.and_then(packing) }
    }
}

/// Newer ones write a level behind the letter.
fn packing(field: &[u8]) -> Option<u8> {
    field.first().copied().filter(|letter| b"GBYZ".contains(letter))
}

/// The application header of a VCDIFF (RFC 3284, section 4.1, and the bit that xdelta3 added).
fn application_header(delta: &[u8]) -> Option<&[u8]> {
    let (indicator, mut rest) = delta.strip_prefix(&MAGIC)?.split_first()?;
    if indicator & HAS_SECONDARY != 0 {
        rest = rest.get(1..)?;
    }
    if indicator & HAS_CODE_TABLE != 0 {
        let length = read_number(&mut rest)?;
        rest = rest.get(length..)?;
    }
    if indicator & HAS_APPLICATION_HEADER == 0 {
        return None;
    }
    let length = read_number(&mut rest)?;
    rest.get(..length)
}

/// Seven bits a byte, the highest first.
fn read_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for _ in 0..NUMBER_BYTES_MAX {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number = (number << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

const MAGIC: [u8; 4] = [0xd6, 0xc3, 0xc4, 0x00];
const HAS_SECONDARY: u8 = 1;
const HAS_CODE_TABLE: u8 = 2;
const HAS_APPLICATION_HEADER: u8 = 4;

/// Enough for the length of any header worth reading.
const NUMBER_BYTES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(header: &[u8]) -> Vec<u8> {
        let mut delta = MAGIC.to_vec();
        delta.extend([HAS_SECONDARY | HAS_APPLICATION_HEADER, 2, u8::try_from(header.len()).unwrap()]);
        delta.extend(header);
        delta
    }

    #[test]
    fn what_was_unpacked_is_read_off_the_header() {
        let of = |header: &[u8]| Unpacked::of(&delta(header));
        assert_eq!(of(b"a.tar/G/reference.bin/G"), Unpacked { target: Some(b'G'), source: Some(b'G') });
        assert_eq!(of(b"a.tar/G9/reference.bin/"), Unpacked { target: Some(b'G'), source: None });
        assert_eq!(of(b"a.zip//reference.bin/"), Unpacked::default());
        assert_eq!(of(b"a.zip#0011"), Unpacked::default());
        assert_eq!(Unpacked::of(b"no delta"), Unpacked::default());
        assert_eq!(Unpacked::of(&MAGIC), Unpacked::default());
    }
}
