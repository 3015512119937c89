//! Where some six bytes stand in the source around the place where the target goes on.
//!
//! What follows an edit mostly stands close to where the source was read last. The large indexes know few places, and of
//! equal ones just the first; this one knows every place of a neighbourhood, which is added when a copy ends.

use std::ops::Range;

/// The places of the neighbourhoods looked at last.
pub(super) struct NearbyIndex {
    /// Place plus 1, the one added last first; 0 where there is none.
    buckets: Vec<[usize; PLACES]>,
    shift: u32,
    added: Range<usize>,
}

const KEY: usize = 6;
const PLACES: usize = 2;
const BITS_MIN: u32 = 8;
const BITS_MAX: u32 = 15;
const BYTES_BEFORE: usize = 512;
const BYTES_AFTER: usize = 4096;

impl NearbyIndex {
    pub(super) fn new(source_bytes: usize) -> Self {
        let bits = source_bytes.clamp(1 << BITS_MIN, 1 << BITS_MAX).ilog2();
        Self { buckets: vec![[0; PLACES]; 1 << bits], shift: u64::BITS - bits, added: 0..0 }
    }

    /// Adds the neighbourhood of `place`, as far as it was not added before.
    pub(super) fn add_around(&mut self, source: &[u8], place: usize) {
        let mut wanted = place.saturating_sub(BYTES_BEFORE)..(place + BYTES_AFTER).min(source.len());
        if self.added.contains(&wanted.start) {
            wanted.start = self.added.end;
        } else {
            self.added.start = wanted.start;
        }
        if wanted.is_empty() {
            return;
        }
        self.added.end = wanted.end;
        for at in wanted {
            if let Some(slot) = self.slot(&source[at..]) {
                let [first, _] = self.buckets[slot];
                self.buckets[slot] = [at + 1, first];
            }
        }
    }

    /// Places that may hold the bytes at the front of `bytes`.
    #[inline]
    pub(super) fn candidates(&self, bytes: &[u8]) -> [Option<usize>; PLACES] {
        let bucket = self.slot(bytes).map_or([0; PLACES], |slot| self.buckets[slot]);
        bucket.map(|place| place.checked_sub(1))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is left has at most 15 bits")]
    fn slot(&self, bytes: &[u8]) -> Option<usize> {
        // Eight bytes are one load; the last two are shifted out.
        let key = u64::from_le_bytes(*bytes.first_chunk::<8>()?) << (64 - 8 * KEY);
        Some((key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize)
    }
}
