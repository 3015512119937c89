//! The packed form of a blob: compressed, and as a difference to another blob where there is one like it.
//!
//! ```text
//! 0   8   "CASEPACK"
//! 8   1   version, 1
//! 9   1   method: 1 zstd alone, 2 zstd with the base's content as its prefix
//! 10  6   zero
//! 16  32  SHA-256 of the base's content; zero for method 1
//! 48  8   length of the content, big endian
//! 56  …   one zstd frame (RFC 8878)
//! ```
//!
//! A reader trusts none of it: the length is bounded before anything is decoded, no more than it is decoded, and the
//! content counts only when its digest is the one asked for. See `docs/formats/packed-blob.md`.

use std::io::{Read, Write};

use casemate_model::Digest;

/// Most bytes of content that is packed, and of a base. Both are in memory while one is made from the other.
pub(crate) const CONTENT_BYTES_MAX: u64 = 32 << 20;

/// The window that sees base and content together: 2^26 bytes.
const WINDOW_LOG: u32 = 26;

/// Fast: what is packed has to be unpacked and compared too, beside everything else that the node does.
const LEVEL: i32 = 3;

const MAGIC: &[u8; 8] = b"CASEPACK";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 56;

/// Why packed bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackedError {
    /// They do not begin as packed bytes do.
    #[error("the packed form has a bad header")]
    Header,
    /// What they hold is no content of the length that they say.
    #[error("the packed form cannot be decoded")]
    Content(#[source] std::io::Error),
}

/// What packed bytes say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base: Option<Digest>,
    pub(crate) length: u64,
}

impl Header {
    /// Reads the header from the front of packed bytes.
    pub(crate) fn parse(packed: &[u8]) -> Result<Self, PackedError> {
        let header: &[u8; HEADER_BYTES] = packed.first_chunk().ok_or(PackedError::Header)?;
        let (base, length) = (&header[16..48], &header[48..56]);
        let length = u64::from_be_bytes(length.try_into().expect("eight bytes"));
        let sound = header[..8] == *MAGIC && header[8] == VERSION && header[10..16] == [0; 6];
        if !sound || length > CONTENT_BYTES_MAX {
            return Err(PackedError::Header);
        }
        let base: [u8; 32] = base.try_into().expect("thirty-two bytes");
        let base = match header[9] {
            1 if base == [0; 32] => None,
            2 => Some(Digest::from_bytes(base)),
            _ => return Err(PackedError::Header),
        };
        Ok(Self { base, length })
    }

    fn write(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([VERSION, if self.base.is_some() { 2 } else { 1 }]);
        bytes.extend([0; 6]);
        bytes.extend(self.base.map_or([0; 32], |base| *base.as_bytes()));
        bytes.extend(self.length.to_be_bytes());
        bytes
    }
}

/// Packs content, as a difference to `base` if one is given.
pub(crate) fn pack(content: &[u8], base: Option<(&Digest, &[u8])>) -> std::io::Result<Vec<u8>> {
    let header = Header { base: base.map(|(digest, _)| *digest), length: content.len() as u64 };
    let packed = header.write();
    let prefix = base.map_or(&[][..], |(_, content)| content);
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(packed, LEVEL, prefix)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(content.len() as u64))?;
    encoder.write_all(content)?;
    encoder.finish()
}

/// Hands the content of packed bytes to `sink`, never more of it than the header says.
pub(crate) fn unpack(packed: &[u8], base: &[u8], sink: &mut dyn Write) -> Result<u64, PackedError> {
    let header = Header::parse(packed)?;
    let decoder = zstd::stream::read::Decoder::with_ref_prefix(&packed[HEADER_BYTES..], base).and_then(
        |mut decoder| {
            decoder.window_log_max(WINDOW_LOG)?;
            Ok(decoder.single_frame())
        },
    );
    let mut decoder = decoder.map_err(PackedError::Content)?;
    let written = std::io::copy(&mut (&mut decoder).take(header.length + 1), sink);
    let written = written.map_err(PackedError::Content)?;
    let whole = written == header.length && decoder.finish().is_empty();
    if whole { Ok(written) } else { Err(PackedError::Content(std::io::ErrorKind::InvalidData.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8], base: &[u8]) -> Result<Vec<u8>, PackedError> {
        let mut content = Vec::new();
        unpack(packed, base, &mut content).map(|_| content)
    }

    /// Bytes that do not compress, the same for the same seed.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn what_is_packed_comes_back_and_likeness_pays() {
        let base = noise(1, 3_000_000);
        let mut next = base.clone();
        next.splice(1_000_000..1_000_100, noise(2, 250));
        let digest = Digest::of(&base);
        let alone = pack(&next, None).unwrap();
        let difference = pack(&next, Some((&digest, &base))).unwrap();
        assert!(alone.len() > 2_900_000 && difference.len() < 5_000, "{} {}", alone.len(), difference.len());
        assert_eq!(Header::parse(&difference).unwrap(), Header { base: Some(digest), length: 3_000_150 });
        assert_eq!(unpacked(&difference, &base).unwrap(), next);
        assert_eq!(unpacked(&alone, &[]).unwrap(), next);
        for content in [&b""[..], b"x"] {
            assert_eq!(unpacked(&pack(content, None).unwrap(), &[]).unwrap(), content);
        }
    }

    #[test]
    fn a_frame_that_holds_more_than_it_says_is_cut_off() {
        let bomb = pack(&vec![0; 30 << 20], None).unwrap();
        assert!(bomb.len() < 10_000);
        for length in [0, 1, (30 << 20) - 1, (30 << 20) + 1] {
            let mut lying = bomb.clone();
            lying[48..56].copy_from_slice(&u64::to_be_bytes(length));
            let mut written = 0;
            struct Count<'a>(&'a mut u64);
            impl Write for Count<'_> {
                fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                    *self.0 += bytes.len() as u64;
                    Ok(bytes.len())
                }
                fn flush(&mut self) -> std::io::Result<()> {
                    Ok(())
                }
            }
            assert!(unpack(&lying, &[], &mut Count(&mut written)).is_err(), "{length}");
            assert!(written <= length + 1, "{length}: {written}");
        }
        let mut huge = bomb;
        huge[48..56].copy_from_slice(&(CONTENT_BYTES_MAX + 1).to_be_bytes());
        assert!(matches!(unpacked(&huge, &[]), Err(PackedError::Header)));
    }

    #[test]
    fn no_damage_is_taken_for_content() {
        let base = noise(3, 4_000);
        let content: Vec<u8> = base.iter().rev().chain(&base).copied().collect();
        let packed = pack(&content, Some((&Digest::of(&base), &base))).unwrap();
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            // The frame itself may decode to something else: the digest has the last word, in `Blobs`.
            if let Ok(other) = unpacked(&damaged, &base) {
                assert!(other != content || (16..48).contains(&at) || at >= HEADER_BYTES, "byte {at}");
            }
        }
        for end in 0..packed.len() {
            assert!(unpacked(&packed[..end], &base).is_err(), "cut at {end}");
        }
        unpacked(&[&packed[..], b"more"].concat(), &base).unwrap_err();
    }
}
