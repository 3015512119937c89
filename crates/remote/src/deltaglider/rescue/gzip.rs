use flate2::{Compress, Compression, FlushCompress};

use super::work::{GaveUp, Work};

/// The part of RFC 1952 that is needed to write another header like it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GzipHeader {
    pub(super) time: u32,
    pub(super) name: Option<Vec<u8>>,
    pub(super) name_at: usize,
    pub(super) length: usize,
}

impl GzipHeader {
    pub(super) fn read(packed: &[u8]) -> Option<Self> {
        let fixed = packed.get(..FIXED_BYTES).filter(|fixed| fixed.starts_with(&[0x1f, 0x8b, 8]))?;
        let (flags, time) = (fixed[3], u32::from_le_bytes(fixed[TIME_AT..TIME_AT + 4].try_into().ok()?));
        let mut at = FIXED_BYTES;
        if flags & 4 != 0 {
            at += 2 + usize::from(u16::from_le_bytes(packed.get(at..at + 2)?.try_into().ok()?));
        }
        let name_at = at;
        let mut name = None;
        if flags & 8 != 0 {
            let length = packed.get(at..)?.iter().position(|byte| *byte == 0)?;
            name = Some(packed[at..at + length].to_vec());
            at += length + 1;
        }
        if flags & 16 != 0 {
            at += packed.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
        // A checksum of the header would have to be made anew; no packer of archives writes one.
        (flags & 2 == 0).then_some(Self { time, name, name_at, length: at })
    }
}

/// The levels of zlib that give `stream` of `plain`. Several may, and are told apart on the whole stream.
pub(super) fn matching_levels(plain: &[u8], stream: &[u8], work: &Work) -> Result<Vec<u32>, GaveUp> {
    let head = &plain[..plain.len().min(PROBE_BYTES)];
    let is_whole = head.len() == plain.len();
    let mut levels = Vec::new();
    for level in (1..=9).rev() {
        let probe = deflate(head, level, u64::MAX, work)?;
        // The last block of a probe is not that of the whole.
        let compared = if is_whole { probe.len() } else { probe.len() / 2 };
        if !stream.starts_with(&probe[..compared]) {
            continue;
        }
        match deflate(plain, level, stream.len() as u64, work) {
            Ok(packed) if stream.starts_with(&packed) => levels.push(level),
            Ok(_) | Err(GaveUp::TooLong) => {}
            Err(GaveUp::OutOfTime) => return Err(GaveUp::OutOfTime),
        }
    }
    Ok(levels)
}

/// Deflates `plain`, unless that gives more than `bytes_max`.
pub(super) fn deflate(plain: &[u8], level: u32, bytes_max: u64, work: &Work) -> Result<Vec<u8>, GaveUp> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut packed = Vec::new();
    loop {
        work.go_on()?;
        let done = usize::try_from(compress.total_in()).unwrap_or(plain.len());
        let piece = &plain[done..plain.len().min(done.saturating_add(DEFLATED_AT_ONCE_BYTES))];
        let is_last = done + piece.len() == plain.len();
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::None };
        packed.reserve(DEFLATED_AT_ONCE_BYTES);
        let status = compress.compress_vec(piece, &mut packed, flush);
        if packed.len() as u64 > bytes_max {
            return Err(GaveUp::TooLong);
        }
        if !matches!(status, Ok(flate2::Status::Ok | flate2::Status::BufError)) {
            return Ok(packed);
        }
    }
}

pub(super) fn trailer_of(plain: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat()
}

/// The time of the newest member of a tar archive. Archives are packed right after it, if not at fixed times.
pub(super) fn newest_time(tar: &[u8]) -> Option<u32> {
    let (mut at, mut newest) = (0, None);
    while let Some(block) = tar.get(at..at + TAR_BLOCK_BYTES) {
        if &block[257..262] != b"ustar" {
            break;
        }
        let (size, time) = (octal(&block[124..136])?, octal(&block[136..148])?);
        newest = newest.max(u32::try_from(time).ok());
        let blocks = usize::try_from(size).ok()?.div_ceil(TAR_BLOCK_BYTES);
        at = at.checked_add(TAR_BLOCK_BYTES)?.checked_add(blocks.checked_mul(TAR_BLOCK_BYTES)?)?;
    }
    newest
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(|c: char| c == '\0' || c == ' '), 8).ok()
}

const FIXED_BYTES: usize = 10;
pub(super) const TIME_AT: usize = 4;
const TAR_BLOCK_BYTES: usize = 512;

/// Enough to rule a level out before the whole is packed by it.
const PROBE_BYTES: usize = 256 << 10;
const DEFLATED_AT_ONCE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::test_support::HurriedClock;

    #[test]
    fn a_level_is_found_by_what_it_gives() {
        let plain: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n.wrapping_mul(n) / 7).to_string().into_bytes()).collect();
        let work = Work::until(Arc::new(HurriedClock::new()), Duration::from_secs(1000));
        let deflate = |level| deflate(&plain, level, u64::MAX, &work).unwrap();
        for level in [1, 6, 9] {
            let found = matching_levels(&plain, &deflate(level), &work).unwrap();
            assert!(found.contains(&level), "level {level}");
        }
        assert_eq!(matching_levels(&plain, b"something else", &work), Ok(Vec::new()));
        let no_time = Work::until(Arc::new(HurriedClock::new()), Duration::from_secs(3));
        assert_eq!(matching_levels(&plain, &deflate(6), &no_time), Err(GaveUp::OutOfTime));
    }

    #[test]
    fn headers_with_a_name_are_taken_apart() {
        let mut packed = vec![0x1f, 0x8b, 8, 8, 1, 2, 0, 0, 2, 255];
        packed.extend(b"a.tar\0rest");
        let header = GzipHeader::read(&packed).unwrap();
        assert_eq!(header, GzipHeader { time: 513, name: Some(b"a.tar".to_vec()), name_at: 10, length: 16 });
        assert_eq!(GzipHeader::read(b"no gzip"), None);
    }
}
