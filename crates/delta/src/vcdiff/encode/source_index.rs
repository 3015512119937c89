//! Where in the source some bytes stand: one place for each hash, of places at regular distances.

/// An index of every `stride`-th place of a source by the hash of the `KEY` bytes that stand there.
pub(super) struct SourceIndex<const KEY: usize> {
    /// Place divided by stride, plus 1, below eight more bits of the hash; 0 where there is none. The bits tell most wrong
    /// candidates without a look at the source, which is seldom in the processor's cache.
    places: Vec<u32>,
    shift: u32,
    stride: usize,
}

/// Their numbers take 24 bits; they take 64 MiB.
const PLACES_MAX: usize = (1 << PLACE_BITS) - 2;
const PLACE_BITS: u32 = 24;
/// Bits of the hash below those of the slot.
const TAG_SHIFT: u32 = 8;

impl<const KEY: usize> SourceIndex<KEY> {
    /// Indexes `source` at every `stride_min`-th place, at fewer ones if it is too long for that.
    pub(super) fn new(source: &[u8], stride_min: usize) -> Self {
        let mut stride = stride_min;
        while source.len() / stride > PLACES_MAX {
            stride *= 2;
        }
        let bits = (source.len() / stride).next_power_of_two().trailing_zeros().max(4);
        let mut index = Self { places: vec![0; 1 << bits], shift: 64 - bits, stride };
        let mut place = 0;
        for number in 1.. {
            let Some(key) = source.get(place..place + KEY) else { break };
            let (slot, tag) = index.slot(key);
            // The first of equal places stays: what repeats all over is then found as one long stretch.
            if index.places[slot] == 0 {
                index.places[slot] = tag | number;
            }
            place += stride;
        }
        index
    }

    /// A place that may hold the `KEY` bytes at the front of `bytes`.
    #[inline]
    pub(super) fn candidate(&self, bytes: &[u8]) -> Option<usize> {
        let key = bytes.get(..KEY)?;
        let (slot, tag) = self.slot(key);
        let number = self.places[slot] ^ tag;
        if number >> PLACE_BITS != 0 {
            return None;
        }
        let number = number.checked_sub(1)?;
        Some(number as usize * self.stride)
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the slot has at most 24 bits, the tag is the upper part of 32"
    )]
    fn slot(&self, key: &[u8]) -> (usize, u32) {
        let mut hash = 0_u64;
        for word in key.chunks_exact(8) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            hash = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        // The upper bits of a product depend on all of its lower ones, so that they make the better hash.
        ((hash >> self.shift) as usize, (hash >> TAG_SHIFT) as u32 & !0 << PLACE_BITS)
    }
}
