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
    /// How far the plaintext is in the chains.
    inserted: usize,
    steps_left: usize,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(plain: &'a [u8]) -> Self {
        let steps_left = plain.len().saturating_mul(STEPS_PER_BYTE).saturating_add(1 << 16);
        Self { plain, short: Chains::new(), long: Chains::new(), inserted: 0, steps_left }
    }

    /// The distance, less one, to the nearest place before `at` that has the same `length` bytes, at least three; none
    /// if there is none in the window, or the search has taken too long. `at` never goes back from call to call.
    #[inline]
    pub(crate) fn nearest(&mut self, at: usize, length: usize) -> Option<u16> {
        self.insert_up_to(at);
        let wanted = self.plain.get(at..at + length)?;
        let word = word(self.plain, at);
        let is_long = length >= LONG_BYTES;
        let (chains, hash) = if is_long { (&self.long, long(word)) } else { (&self.short, short(word)) };
        let last = wanted[length - 1];
        let mut from = (chains.heads[hash] as usize).checked_sub(1)?;
        loop {
            let distance = at - from;
            self.steps_left = self.steps_left.checked_sub(1)?;
            if distance > WINDOW_BYTES {
                return None;
            }
            let other = &self.plain[from..from + length];
            // Places that differ mostly differ at the end: what a chain has in common is the front.
            if other[length - 1] == last && other == wanted {
                return u16::try_from(distance - 1).ok();
            }
            let step = chains.steps[from % WINDOW_BYTES];
            if step == 0 {
                return None;
            }
            from = from.checked_sub(usize::from(step))?;
        }
    }

    #[inline]
    fn insert_up_to(&mut self, at: usize) {
        let words = self.plain.get(self.inserted..at + 7).unwrap_or_default().windows(8);
        for (place, eight) in (self.inserted..).zip(words) {
            let word = eight.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
            self.short.insert(short(word), place);
            self.long.insert(long(word), place);
            self.inserted = place + 1;
        }
        while self.inserted < at {
            let word = word(self.plain, self.inserted);
            self.short.insert(short(word), self.inserted);
            self.long.insert(long(word), self.inserted);
            self.inserted += 1;
        }
    }
}

/// Places by what stands there, the latest first.
struct Chains {
    /// The latest place of each hash, plus one.
    heads: Box<[u32; HEADS]>,
    /// How far before each place of the window the one before it in its chain is; zero if there is none so near.
    steps: Box<[u16; WINDOW_BYTES]>,
}

impl Chains {
    fn new() -> Self {
        Self { heads: Box::new([0; HEADS]), steps: Box::new([0; WINDOW_BYTES]) }
    }

    #[inline]
    fn insert(&mut self, hash: usize, place: usize) {
        let head = self.heads[hash] as usize;
        let step = if head == 0 { 0 } else { place + 1 - head };
        self.steps[place % WINDOW_BYTES] = u16::try_from(step).unwrap_or(0);
        // A plaintext is shorter than 2^32 bytes: its bound is.
        self.heads[hash] = u32::try_from(place + 1).unwrap_or(0);
    }
}

const HEAD_BITS: u32 = 15;
const HEADS: usize = 1 << HEAD_BITS;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The eight bytes at a place, zeros beyond the end. Where a match ends before them, they hash alike all the same: only
/// the first bytes count.
#[inline]
fn word(plain: &[u8], at: usize) -> u64 {
    match plain.get(at..at + 8).and_then(|eight| eight.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => plain
            .get(at..)
            .unwrap_or_default()
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[inline]
fn short(word: u64) -> usize {
    hash(word << (64 - 8 * SHORT_BYTES))
}

#[inline]
fn long(word: u64) -> usize {
    hash(word << (64 - 8 * LONG_BYTES))
}

#[inline]
fn hash(word: u64) -> usize {
    (word.wrapping_mul(FACTOR) >> (64 - HEAD_BITS)) as usize
}
