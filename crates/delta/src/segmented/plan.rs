//! On which parts of a base a segment is packed.

use std::io;

use super::sketch::chunks;
use super::{Base, PREFIX_BYTES_MAX, ReadAt, SEGMENT_BYTES};

/// Parts of a base are whole units of this many bytes, the last of the base aside.
pub(super) const UNIT_BYTES: u64 = 64 << 10;

const UNITS_MAX: usize = (PREFIX_BYTES_MAX / UNIT_BYTES) as usize;

/// Parts of a base, in ascending order: the number of the first unit, and how many follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u32, u32)>);

/// What was found in the segments before.
#[derive(Default)]
pub(super) struct Plan {
    /// By how much the base was ahead of the content at the last place that was found in it.
    shift: i64,
    /// The end of the content that was planned.
    at: u64,
}

impl Plan {
    /// The parts of the base that hold what the segment holds, or what has its place there: a chunk that was changed lies
    /// between neighbours that were not.
    pub(super) fn ranges(&mut self, segment: &[u8], base: Base<'_>) -> Ranges {
        let (mut found, mut guessed) = (Vec::new(), Vec::new());
        for chunk in chunks(segment) {
            let at = self.at + chunk.start as u64;
            let expected = at.checked_add_signed(self.shift).unwrap_or(0);
            match base.sketch.place(chunk.hash) {
                Some(place) => {
                    found.extend(units(place.offset, u64::from(place.length), base));
                    if !place.repeated {
                        self.shift = place.offset.cast_signed() - at.cast_signed();
                    }
                }
                None => guessed.extend(units(expected, u64::from(chunk.length), base)),
            }
        }
        self.at += segment.len() as u64;
        Ranges::of(found, guessed)
    }
}

/// The units that some bytes of a base lie in.
fn units(offset: u64, length: u64, base: Base<'_>) -> impl Iterator<Item = u32> {
    let last = base.sketch.length().saturating_sub(1) / UNIT_BYTES;
    let first = offset / UNIT_BYTES;
    let end = ((offset + length) / UNIT_BYTES).min(last);
    (first..=end).filter_map(|unit| u32::try_from(unit).ok())
}

impl Ranges {
    /// At most as many units as a segment may lean on; what was found goes before what was guessed.
    fn of(mut found: Vec<u32>, mut guessed: Vec<u32>) -> Self {
        found.sort_unstable();
        found.dedup();
        found.truncate(UNITS_MAX);
        guessed.sort_unstable();
        guessed.dedup();
        guessed.retain(|unit| found.binary_search(unit).is_err());
        guessed.truncate(UNITS_MAX - found.len());
        found.append(&mut guessed);
        found.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for unit in found {
            match ranges.last_mut() {
                Some((first, count)) if *first + *count == unit => *count += 1,
                _ => ranges.push((unit, 1)),
            }
        }
        Self(ranges)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the parts hold, one after the other.
    pub(super) fn read(&self, base: &dyn ReadAt) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (first, count) in &self.0 {
            let start = u64::from(*first) * UNIT_BYTES;
            let end = (start + u64::from(*count) * UNIT_BYTES).min(base.length());
            let length = end.checked_sub(start).ok_or(io::ErrorKind::UnexpectedEof)?;
            let from = bytes.len();
            bytes.resize(from + usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?, 0);
            base.read_exact_at(&mut bytes[from..], start)?;
        }
        Ok(bytes)
    }

    /// The number of ranges in two bytes, then four and four for each.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = u16::try_from(self.0.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        for (first, count) in &self.0 {
            bytes.extend(first.to_be_bytes());
            bytes.extend(count.to_be_bytes());
        }
        bytes
    }

    /// The ranges that a segment begins with, and what follows them; none if they are more than a segment may lean on, or
    /// not in order.
    pub(super) fn parse(segment: &[u8]) -> Option<(Self, &[u8])> {
        let (count, rest) = segment.split_first_chunk::<2>()?;
        let (ranges, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*count)) * 8)?;
        let mut parsed: Vec<(u32, u32)> = Vec::new();
        let (mut after, mut total) = (0, 0_usize);
        for [first, count] in ranges.as_chunks::<4>().0.as_chunks::<2>().0 {
            let (first, count) = (u32::from_be_bytes(*first), u32::from_be_bytes(*count));
            total = total.saturating_add(count as usize);
            if count == 0 || first < after || total > UNITS_MAX {
                return None;
            }
            after = first.checked_add(count)?;
            parsed.push((first, count));
        }
        Some((Self(parsed), rest))
    }
}

const _: () = assert!(SEGMENT_BYTES.is_multiple_of(UNIT_BYTES) && UNITS_MAX <= u16::MAX as usize);
