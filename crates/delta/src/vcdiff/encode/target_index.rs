//! Where in the window so far some four bytes stand: the last few places of each hash.

/// The last places of four bytes within one window.
pub(super) struct TargetIndex {
    /// Place plus 1, the newest first; 0 where there is none.
    buckets: Vec<[u32; PLACES]>,
    shift: u32,
}

/// Bytes that are hashed; the shortest copy that has a code of its own.
const KEY: usize = 4;
const PLACES: usize = 4;
/// Small contents get a small index, which costs less to clear than it saves.
const BITS_MIN: u32 = 8;
const BITS_MAX: u32 = 17;

impl TargetIndex {
    /// For windows of at most `window_bytes`.
    pub(super) fn new(window_bytes: usize) -> Self {
        let bits = window_bytes.clamp(1 << BITS_MIN, 1 << BITS_MAX).ilog2();
        Self { buckets: vec![[0; PLACES]; 1 << bits], shift: u32::BITS - bits }
    }

    pub(super) fn clear(&mut self) {
        self.buckets.fill([0; PLACES]);
    }

    /// Notes that the bytes at the front of `bytes` stand at `place`. Windows are far smaller than 2^32.
    #[inline]
    pub(super) fn insert(&mut self, bytes: &[u8], place: usize) {
        let (Some(slot), Ok(place)) = (self.slot(bytes), u32::try_from(place)) else { return };
        let [first, second, third, _] = self.buckets[slot];
        self.buckets[slot] = [place + 1, first, second, third];
    }

    /// Places that may hold the four bytes at the front of `bytes`, the newest first.
    #[inline]
    pub(super) fn candidates(&self, bytes: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let bucket = self.slot(bytes).map_or([0; PLACES], |slot| self.buckets[slot]);
        bucket.into_iter().map_while(|place| place.checked_sub(1)).map(|place| place as usize)
    }

    #[inline]
    fn slot(&self, bytes: &[u8]) -> Option<usize> {
        let key = bytes.first_chunk::<KEY>()?;
        Some((u32::from_le_bytes(*key).wrapping_mul(0x9e37_79b1) >> self.shift) as usize)
    }
}
