//! Where a match of a plaintext comes from: nearly every encoder takes the nearest place that has as many equal bytes.
//!
//! So a distance need not be kept. It follows from the plaintext, and it is the distances that change most when a byte is
//! added far before them.

/// Farthest that a match reaches back.
const WINDOW_BYTES: usize = 1 << 15;

/// Bytes that the chain of long matches goes by: a match this long rarely begins like many others.
const LONG_BYTES: usize = 6;
const SHORT_BYTES: usize = 3;

/// Steps along chains for each byte of plaintext, on average. Real encoders' streams need one or two; without a bound,
/// a plaintext made for it would need thousands.
const STEPS_PER_BYTE: usize = 64;

/// Finds the nearest earlier place of bytes of one plaintext, from its front to its end.
pub(crate) struct Finder<'a> {
    plain: &'a [u8],
    short: Chains,
    long: Chains,
    steps_left: usize,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(plain: &'a [u8]) -> Self {
        let steps_left = plain.len().saturating_mul(STEPS_PER_BYTE).saturating_add(1 << 16);
        Self { plain, short: Chains::new(SHORT_BYTES), long: Chains::new(LONG_BYTES), steps_left }
    }

    /// The distance to the nearest place before `at` that has the same `length` bytes, at least three; none if there is
    /// none in the window, or the search has taken too long. `at` never goes back from call to call.
    #[inline]
    pub(crate) fn nearest(&mut self, at: usize, length: usize) -> Option<u16> {
        self.short.insert_up_to(self.plain, at);
        self.long.insert_up_to(self.plain, at);
        let chains = if length < LONG_BYTES { &self.short } else { &self.long };
        let wanted = self.plain.get(at..at + length)?;
        let mut from = chains.head(self.plain, at)?;
        loop {
            let distance = at - from;
            self.steps_left = self.steps_left.checked_sub(1)?;
            if distance > WINDOW_BYTES {
                return None;
            }
            let other = &self.plain[from..from + length];
            // Places that differ mostly differ at the end: what a chain has in common is the front.
            if other[length - 1] == wanted[length - 1] && other == wanted {
                return u16::try_from(distance - 1).ok();
            }
            from = chains.before(from)?;
        }
    }
}

/// Places by what stands there, the latest first.
struct Chains {
    bytes: usize,
    /// The latest place of each hash, plus one.
    heads: Vec<u32>,
    /// How far before each place of the window the one before it in its chain is; zero if there is none so near.
    steps: Vec<u16>,
    /// How far the plaintext is in the chains.
    inserted: usize,
}

impl Chains {
    fn new(bytes: usize) -> Self {
        Self { bytes, heads: vec![0; HEADS], steps: vec![0; WINDOW_BYTES], inserted: 0 }
    }

    #[inline]
    fn insert_up_to(&mut self, plain: &[u8], at: usize) {
        for place in self.inserted..at {
            let Some(hash) = hash(plain, place, self.bytes) else { break };
            let head = self.heads[hash] as usize;
            let step = if head == 0 { 0 } else { place + 1 - head };
            self.steps[place % WINDOW_BYTES] = u16::try_from(step).unwrap_or(0);
            // Plaintexts are below 2^32 bytes: zlib's inflate was asked for no more.
            self.heads[hash] = u32::try_from(place + 1).unwrap_or(0);
        }
        self.inserted = at.max(self.inserted);
    }

    #[inline]
    fn head(&self, plain: &[u8], at: usize) -> Option<usize> {
        (self.heads[hash(plain, at, self.bytes)?] as usize).checked_sub(1)
    }

    #[inline]
    fn before(&self, place: usize) -> Option<usize> {
        match self.steps[place % WINDOW_BYTES] {
            0 => None,
            step => place.checked_sub(usize::from(step)),
        }
    }
}

const HEAD_BITS: u32 = 15;
const HEADS: usize = 1 << HEAD_BITS;

/// A hash of the bytes at a place; none if the plaintext ends before.
#[inline]
fn hash(plain: &[u8], at: usize, bytes: usize) -> Option<usize> {
    let word = match plain.get(at..at + 8) {
        Some(eight) => u64::from_le_bytes(*eight.first_chunk()?),
        None => plain.get(at..at + bytes)?.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let kept = word << (64 - 8 * bytes);
    usize::try_from(kept.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HEAD_BITS)).ok()
}
