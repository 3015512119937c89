//! What lies where in content, by chunks whose borders follow from the content.

use std::collections::HashMap;
use std::io;

use fastcdc::v2020::FastCDC;

use super::{ReadAt, SEGMENT_BYTES, read};

/// Sizes of chunks in bytes: least, usual, most. Smaller ones find more and cost more memory.
const CHUNK_BYTES: (usize, usize, usize) = (4 << 10, 16 << 10, 64 << 10);

/// Where the chunks of content lie. Equal chunks of two contents are found by it wherever they lie.
#[derive(Debug, Default)]
pub struct Sketch {
    places: HashMap<u64, Place>,
    length: u64,
}

/// A chunk of a sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it lies first.
    pub(super) offset: u64,
    pub(super) length: u32,
    /// Whether it lies anywhere else too.
    pub(super) repeated: bool,
}

impl Sketch {
    /// Reads content from end to end.
    pub fn of(content: &dyn ReadAt) -> io::Result<Self> {
        let mut sketch = Self { places: HashMap::new(), length: content.length() };
        let mut start = 0;
        while start < sketch.length {
            let end = (start + SEGMENT_BYTES).min(sketch.length);
            for chunk in chunks(&read(content, start..end)?) {
                let place =
                    Place { offset: start + chunk.start as u64, length: chunk.length, repeated: false };
                sketch.places.entry(chunk.hash).and_modify(|place| place.repeated = true).or_insert(place);
            }
            start = end;
        }
        Ok(sketch)
    }

    /// How many bytes of this content, repetitions left out, are in the other as well.
    pub fn common_bytes(&self, other: &Self) -> u64 {
        let common = self.places.iter().filter(|(hash, _)| other.places.contains_key(*hash));
        common.map(|(_, place)| u64::from(place.length)).sum()
    }

    /// How many bytes the content has, repetitions left out.
    pub fn distinct_bytes(&self) -> u64 {
        self.places.values().map(|place| u64::from(place.length)).sum()
    }

    /// How long the content is, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn place(&self, hash: u64) -> Option<Place> {
        self.places.get(&hash).copied()
    }
}

/// A chunk of a segment.
pub(super) struct Chunk {
    pub(super) start: usize,
    pub(super) length: u32,
    pub(super) hash: u64,
}

/// The chunks of a segment. Two contents that differ in a few places have most of them in common, but for those at the
/// borders of segments.
pub(super) fn chunks(segment: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    let (least, usual, most) = CHUNK_BYTES;
    FastCDC::new(segment, least, usual, most).map(|chunk| {
        let bytes = &segment[chunk.offset..chunk.offset + chunk.length];
        let hash = blake3::hash(bytes);
        let hash = hash.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Chunk { start: chunk.offset, length: u32::try_from(chunk.length).unwrap_or(u32::MAX), hash }
    })
}
