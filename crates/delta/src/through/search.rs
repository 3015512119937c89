//! Which settings of stock zlib make a stream of its plaintext, byte for byte.

use super::zlib::{Deflater, Settings};

/// Compressors that are kept, the one that fitted last in front.
const KEPT_MAX: usize = 4;

/// Streams in a row that nothing fits before the search tries only what is likeliest.
const MISSES_MAX: u32 = 3;

/// What is tried, in this order: levels that programs use unasked first.
const CANDIDATES: [(u8, u8); 18] = [
    (6, 8),
    (9, 8),
    (9, 9),
    (6, 9),
    (1, 8),
    (5, 8),
    (4, 8),
    (7, 8),
    (8, 8),
    (3, 8),
    (2, 8),
    (1, 9),
    (8, 9),
    (7, 9),
    (5, 9),
    (4, 9),
    (3, 9),
    (2, 9),
];

/// Candidates that are still tried when the search has missed too often.
const LIKELIEST: usize = 3;

/// A search that remembers what fitted.
#[derive(Default)]
pub(crate) struct Search {
    kept: Vec<Deflater>,
    misses: u32,
}

impl Search {
    /// The settings that make `stream` of `plain`, or at least its first `enough` bytes; none if no candidate does. Most
    /// that do not fit show it within their first block, and cost no more than that.
    pub(crate) fn find(&mut self, plain: &[u8], stream: &[u8], enough: usize) -> Option<Settings> {
        if let Some(fits) = self.kept.iter_mut().position(|kept| makes(kept, plain, stream, enough)) {
            self.kept[..=fits].rotate_right(1);
            self.misses = 0;
            return Some(self.kept[0].settings());
        }
        let tried = if self.misses < MISSES_MAX { CANDIDATES.len() } else { LIKELIEST };
        let known: Vec<Settings> = self.kept.iter().map(Deflater::settings).collect();
        for (level, memory) in &CANDIDATES[..tried] {
            let settings = Settings { level: *level, memory: *memory, window_bits: 15, strategy: 0 };
            if known.contains(&settings) {
                continue;
            }
            let mut deflater = Deflater::new(settings)?;
            if makes(&mut deflater, plain, stream, enough) {
                self.kept.truncate(KEPT_MAX - 1);
                self.kept.insert(0, deflater);
                self.misses = 0;
                return Some(settings);
            }
        }
        self.misses += 1;
        None
    }
}

/// Compressors by their settings, for making streams.
#[derive(Default)]
pub(crate) struct Deflaters {
    kept: Vec<Deflater>,
}

impl Deflaters {
    /// The stream that these settings make of a plaintext; none if zlib refuses, or if it is longer than `max`.
    pub(crate) fn make(&mut self, settings: Settings, plain: &[u8], max: usize) -> Option<Vec<u8>> {
        let kept = match self.kept.iter().position(|kept| kept.settings() == settings) {
            Some(kept) => kept,
            None => {
                self.kept.truncate(KEPT_MAX - 1);
                self.kept.insert(0, Deflater::new(settings)?);
                0
            }
        };
        let mut stream = Vec::new();
        let whole = self.kept[kept].deflate(plain, |step| {
            stream.extend_from_slice(step);
            stream.len() <= max
        });
        whole.then_some(stream)
    }
}

/// Whether a compressor makes exactly this stream, or at least its first `enough` bytes.
fn makes(deflater: &mut Deflater, plain: &[u8], stream: &[u8], enough: usize) -> bool {
    let (mut rest, mut fits) = (stream, false);
    let same = deflater.deflate(plain, |step| match rest.strip_prefix(step) {
        Some(after) => {
            rest = after;
            fits = stream.len() - rest.len() >= enough;
            !fits
        }
        None => false,
    });
    fits || (same && rest.is_empty())
}
