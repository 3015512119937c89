//! Where in the source some bytes stand: one place for each hash, of places at regular distances.

/// An index of every `stride`-th place of a source by the hash of the `KEY` bytes that stand there.
pub(super) struct SourceIndex<const KEY: usize> {
    /// Place divided by stride, plus 1; 0 where there is none.
    places: Vec<u32>,
    shift: u32,
    stride: usize,
}

/// 2^24 places take 64 MiB.
const PLACES_MAX: usize = 1 << 24;

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
            let slot = index.slot(key);
            // The first of equal places stays: what repeats all over is then found as one long stretch.
            if index.places[slot] == 0 {
                index.places[slot] = number;
            }
            place += stride;
        }
        index
    }

    /// A place that may hold the `KEY` bytes at the front of `bytes`.
    #[inline]
    pub(super) fn candidate(&self, bytes: &[u8]) -> Option<usize> {
        let key = bytes.get(..KEY)?;
        let place = self.places[self.slot(key)].checked_sub(1)?;
        Some(place as usize * self.stride)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is left has at most 25 bits")]
    fn slot(&self, key: &[u8]) -> usize {
        let mut hash = 0_u64;
        for word in key.chunks_exact(8) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            hash = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        // The upper bits of a product depend on all of its lower ones, so that they make the better hash.
        (hash >> self.shift) as usize
    }
}
