//! Where in the window so far some four bytes stand: the last few places of each hash.

/// The last places of four bytes within one window.
pub(super) struct TargetIndex {
    /// Place plus 1, the newest first; 0 where there is none.
    buckets: Vec<[u32; PLACES]>,
}

/// Bytes that are hashed; the shortest copy that has a code of its own.
pub(super) const KEY: usize = 4;
const PLACES: usize = 4;
const BITS: u32 = 17;

impl TargetIndex {
    pub(super) fn new() -> Self {
        Self { buckets: vec![[0; PLACES]; 1 << BITS] }
    }

    pub(super) fn clear(&mut self) {
        self.buckets.fill([0; PLACES]);
    }

    /// Notes that the bytes at the front of `bytes` stand at `place`. Windows are far smaller than 2^32.
    #[inline]
    pub(super) fn insert(&mut self, bytes: &[u8], place: usize) {
        let (Some(slot), Ok(place)) = (slot(bytes), u32::try_from(place)) else { return };
        let [first, second, third, _] = self.buckets[slot];
        self.buckets[slot] = [place + 1, first, second, third];
    }

    /// Places that may hold the four bytes at the front of `bytes`, the newest first.
    #[inline]
    pub(super) fn candidates(&self, bytes: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let bucket = slot(bytes).map_or([0; PLACES], |slot| self.buckets[slot]);
        bucket.into_iter().map_while(|place| place.checked_sub(1)).map(|place| place as usize)
    }
}

#[inline]
fn slot(bytes: &[u8]) -> Option<usize> {
    let key = bytes.first_chunk::<KEY>()?;
    Some((u32::from_le_bytes(*key).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize)
}
