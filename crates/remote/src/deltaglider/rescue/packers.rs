use std::io::{self, Read, Write};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Bzip2,
    Xz,
}

impl Packing {
    /// By the letter that xdelta3 notes.
    pub(super) fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'G' => Some(Self::Gzip),
            b'B' => Some(Self::Bzip2),
            b'Y' => Some(Self::Xz),
            _ => None,
        }
    }

    /// The levels, the likeliest first.
    pub(super) fn levels(self) -> Vec<u32> {
        match self {
            Self::Gzip | Self::Bzip2 => (1..=9).rev().collect(),
            Self::Xz => vec![6, 9, 9 | XZ_EXTREME, 6 | XZ_EXTREME, 8, 7, 5, 4, 3, 2, 1, 0],
        }
    }

    pub(super) fn pack(self, plain: &[u8], level: u32) -> io::Result<Vec<u8>> {
        let mut packed = Vec::new();
        match self {
            Self::Gzip => flate2::read::GzEncoder::new(plain, flate2::Compression::new(level))
                .read_to_end(&mut packed)?,
            Self::Bzip2 => {
                bzip2::read::BzEncoder::new(plain, bzip2::Compression::new(level)).read_to_end(&mut packed)?
            }
            Self::Xz => liblzma::read::XzEncoder::new(plain, level).read_to_end(&mut packed)?,
        };
        Ok(packed)
    }

    /// Unpacks into `sink` and says how much that was: at most one byte more than `bytes_max`.
    pub(super) fn unpack(self, packed: &[u8], bytes_max: u64, sink: &mut dyn Write) -> io::Result<u64> {
        let mut reader: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(packed)),
        };
        io::copy(&mut (&mut reader).take(bytes_max.saturating_add(1)), sink)
    }
}

/// Of liblzma: take more time for the same level.
const XZ_EXTREME: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_within_a_bound() {
        let plain = b"some text ".repeat(1000);
        for packing in [Packing::Gzip, Packing::Bzip2, Packing::Xz] {
            let packed = packing.pack(&plain, 6).unwrap();
            let mut unpacked = Vec::new();
            assert_eq!(packing.unpack(&packed, 10_000, &mut unpacked).unwrap(), 10_000);
            assert_eq!(unpacked, plain);
            assert_eq!(packing.unpack(&packed, 100, &mut Vec::new()).unwrap(), 101);
        }
    }
}
