use std::io::{self, Read, Write};

use super::work::{GaveUp, Work, gave_up, read_up_to};

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

    /// The level at which the packer works that is told none, as xdelta3 calls it.
    pub(super) fn level_usual(self) -> u32 {
        match self {
            Self::Gzip | Self::Xz => 6,
            Self::Bzip2 => 9,
        }
    }

    /// Packs `plain`, unless that gives more than `bytes_max`.
    pub(super) fn pack(
        self,
        plain: &[u8],
        level: u32,
        bytes_max: u64,
        work: &Work,
    ) -> Result<Vec<u8>, GaveUp> {
        let plain = work.reading(plain);
        let packed = match self {
            Self::Gzip => {
                read_up_to(flate2::read::GzEncoder::new(plain, flate2::Compression::new(level)), bytes_max)
            }
            Self::Bzip2 => {
                read_up_to(bzip2::read::BzEncoder::new(plain, bzip2::Compression::new(level)), bytes_max)
            }
            Self::Xz => read_up_to(liblzma::read::XzEncoder::new(plain, level), bytes_max),
        };
        // A packer that fails makes no file at this level.
        packed.map_err(|error| error.unwrap_or(GaveUp::TooLong))
    }

    /// Unpacks into `sink`, at most `bytes_max` bytes; without a reason if the bytes are damaged.
    pub(super) fn unpack(
        self,
        packed: &[u8],
        bytes_max: u64,
        sink: &mut dyn Write,
        work: &Work,
    ) -> Result<(), Option<GaveUp>> {
        let reader: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(packed)),
        };
        let mut reader = work.reading(reader).take(bytes_max.saturating_add(1));
        match io::copy(&mut reader, sink) {
            Ok(length) if length <= bytes_max => Ok(()),
            Ok(_) => Err(Some(GaveUp::TooLong)),
            Err(error) => Err(gave_up(&error)),
        }
    }
}

/// Of liblzma: take more time for the same level.
const XZ_EXTREME: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::test_support::HurriedClock;

    #[test]
    fn what_is_packed_is_unpacked_within_a_bound() {
        let plain = b"some text ".repeat(1000);
        let work = work(u64::MAX);
        for packing in [Packing::Gzip, Packing::Bzip2, Packing::Xz] {
            let packed = packing.pack(&plain, 6, 10_000, &work).unwrap();
            let mut unpacked = Vec::new();
            packing.unpack(&packed, 10_000, &mut unpacked, &work).unwrap();
            assert_eq!(unpacked, plain);
            let bomb = packing.unpack(&packed, 100, &mut Vec::new(), &work);
            assert_eq!(bomb, Err(Some(GaveUp::TooLong)));
            assert_eq!(packing.unpack(b"no archive", 100, &mut Vec::new(), &work), Err(None));
            assert_eq!(packing.pack(&plain, 6, 20, &work), Err(GaveUp::TooLong));
        }
    }

    #[test]
    fn packing_ends_when_the_time_is_over() {
        // Mebibytes of what packs well: a packer reads for long before it gives anything out.
        let plain = vec![7; 8 << 20];
        for packing in [Packing::Gzip, Packing::Bzip2, Packing::Xz] {
            let packed = packing.pack(&plain, 6, 1 << 20, &work(u64::MAX)).unwrap();
            assert_eq!(packing.pack(&plain, 6, 1 << 20, &work(5)), Err(GaveUp::OutOfTime));
            let unpacked = packing.unpack(&packed, 16 << 20, &mut io::sink(), &work(5));
            assert_eq!(unpacked, Err(Some(GaveUp::OutOfTime)));
        }
    }

    /// Time for so many looks at the clock.
    fn work(looks: u64) -> Work {
        Work::until(Arc::new(HurriedClock::new()), Duration::from_secs(looks.min(1 << 30)))
    }
}
