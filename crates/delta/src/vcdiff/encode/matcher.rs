//! Finds what of a window stands in the source or earlier in the window.
//!
//! Greedy, with one step of patience: a match is taken unless the one that starts a byte later saves more. A match found
//! at some byte is extended backward over the bytes before it that were going to be added.

use std::ops::Range;

use super::nearby_index::NearbyIndex;
use super::source_index::SourceIndex;
use super::steps::{Step, Steps};
use super::target_index::TargetIndex;
use crate::vcdiff::reader::number_bytes;

/// Finds the steps of one window after the other.
pub(super) struct Matcher<'a> {
    source: &'a [u8],
    target: &'a [u8],
    /// Few places with long keys, so that a hit is the right one; many places with short keys, for small matches.
    long: SourceIndex<LONG_KEY>,
    short: SourceIndex<SHORT_KEY>,
    nearby: NearbyIndex,
    recent: TargetIndex,
    window: Range<usize>,
    /// Where the last copy from the source ended, in source and target: edits in place go on there.
    last_copy: (usize, usize),
    steps: Steps,
}

/// Something that could stand for `length` bytes of the target at `start`.
#[derive(Clone, Copy, Debug)]
struct Match {
    start: usize,
    length: usize,
    from: From,
    /// Bytes saved, roughly.
    gain: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Source(usize),
    Window(usize),
    Run(u8),
}

const LONG_KEY: usize = 32;
const LONG_STRIDE: usize = 16;
const SHORT_KEY: usize = 8;
const SHORT_STRIDE: usize = 8;

/// A match this long is taken without looking further.
const GOOD_LENGTH: usize = 64;
/// The shortest copy with a code of its own.
const LENGTH_MIN: usize = 4;
/// What a match must save at least, for it may split what is added in two.
const GAIN_MIN: usize = 2;
/// Bytes without a match after which every second one is looked at, then every third, and so on.
const PATIENCE_BYTES: usize = 128;
/// Odd, as the large indexes have places at even distances: soon one of theirs is met.
const STRIDE_MAX: usize = 7;
/// How far a match may reach back over steps already taken.
const ABSORBED_BYTES_MAX: usize = 4096;
/// Inside of copies longer than this only every fourth place is noted.
const DENSE_BYTES: usize = 32;
const SPARSE_STRIDE: usize = 4;

impl<'a> Matcher<'a> {
    pub(super) fn new(source: &'a [u8], target: &'a [u8], window_bytes: usize) -> Self {
        Self {
            source,
            target,
            long: SourceIndex::new(source, LONG_STRIDE),
            short: SourceIndex::new(source, SHORT_STRIDE),
            nearby: NearbyIndex::new(source.len()),
            recent: TargetIndex::new(window_bytes.min(target.len())),
            window: 0..0,
            last_copy: (0, 0),
            steps: Steps::default(),
        }
    }

    /// The steps that rebuild `window`, which follows the window asked for before.
    pub(super) fn steps(&mut self, window: Range<usize>) -> &Steps {
        self.steps.clear();
        self.recent.clear();
        self.window = window.clone();
        let (mut at, mut pending) = (window.start, window.start);
        while at < window.end {
            let Some(found) = self.find_patiently(at, pending) else {
                let stride = (1 + (at - pending) / PATIENCE_BYTES).min(STRIDE_MAX);
                self.note(at);
                at += stride;
                continue;
            };
            self.push_add(pending, found.start);
            let found = self.absorbing(found);
            self.push_match(found);
            self.note_matched(at, found.start + found.length);
            at = found.start + found.length;
            pending = at;
        }
        self.push_add(pending, window.end);
        &self.steps
    }

    /// The best match at `at`, or the one at the next byte if that is better.
    fn find_patiently(&self, at: usize, pending: usize) -> Option<Match> {
        let first = self.find(at, pending)?;
        if first.length >= GOOD_LENGTH || at + 1 >= self.window.end {
            return Some(first);
        }
        // The byte in between costs one.
        match self.find(at + 1, pending) {
            Some(second) if second.gain > first.gain + 1 => Some(second),
            _ => Some(first),
        }
    }

    fn find(&self, at: usize, pending: usize) -> Option<Match> {
        let bytes = &self.target[at..self.window.end];
        let mut best = self.run_at(at);
        let [near, nearer] = self.nearby.candidates(bytes);
        let places =
            [self.on_course(at), near, nearer, self.long.candidate(bytes), self.short.candidate(bytes)];
        for place in places.into_iter().flatten() {
            best = better(best, self.source_match(at, place, pending));
            if best.is_some_and(|best| best.length >= GOOD_LENGTH) {
                return best;
            }
        }
        for place in self.recent.candidates(bytes) {
            best = better(best, self.window_match(at, place, pending));
        }
        best
    }

    /// Where the source stands if the target goes on in parallel to it since the last copy.
    fn on_course(&self, at: usize) -> Option<usize> {
        let (source, target) = self.last_copy;
        let place = source + (at - target);
        (place < self.source.len()).then_some(place)
    }

    fn run_at(&self, at: usize) -> Option<Match> {
        let bytes = &self.target[at..self.window.end];
        let (first, eight) = (*bytes.first()?, bytes.first_chunk::<8>()?);
        if *eight != [first; 8] {
            return None;
        }
        // A run equals itself one byte on.
        let length = 1 + common_prefix(bytes, &bytes[1..]);
        let gain = length.checked_sub(2 + bytes_of(length))?;
        Some(Match { start: at, length, from: From::Run(first), gain })
    }

    fn source_match(&self, at: usize, place: usize, pending: usize) -> Option<Match> {
        let target = &self.target[..self.window.end];
        let forward = common_prefix(&target[at..], &self.source[place..]);
        if forward < LENGTH_MIN {
            return None;
        }
        let back = common_suffix(&target[pending..at], &self.source[..place]);
        let (start, place, length) = (at - back, place - back, forward + back);
        if !self.steps.takes(place..place + length) {
            return None;
        }
        let (last, _) = self.last_copy;
        let address = bytes_of(place).min(1 + bytes_of(place.abs_diff(last)));
        let gain = length.checked_sub(1 + size_bytes(length) + address)?;
        Some(Match { start, length, from: From::Source(place), gain })
    }

    fn window_match(&self, at: usize, place: usize, pending: usize) -> Option<Match> {
        let target = &self.target[..self.window.end];
        let place = self.window.start + place;
        let forward = common_prefix(&target[at..], target.get(place..)?);
        if place >= at || forward < LENGTH_MIN {
            return None;
        }
        let back = common_suffix(&target[pending..at], &target[self.window.start..place]);
        let length = forward + back;
        let gain = length.checked_sub(1 + size_bytes(length) + bytes_of(at - place))?;
        Some(Match { start: at - back, length, from: From::Window(place - back), gain })
    }

    /// Takes back steps at the end whose bytes the match covers too, if it is extended further backward.
    fn absorbing(&mut self, found: Match) -> Match {
        let mut found = found;
        let before = found.start.saturating_sub(ABSORBED_BYTES_MAX).max(self.window.start)..found.start;
        let mut back = match found.from {
            From::Run(_) => return found,
            From::Source(place) => common_suffix(&self.target[before], &self.source[..place]),
            From::Window(place) => {
                common_suffix(&self.target[before], &self.target[self.window.start..place])
            }
        };
        while let Some(length) = self.steps.pop_within(back) {
            back -= length;
            found.start -= length;
            found.length += length;
            found.from = match found.from {
                From::Source(place) => From::Source(place - length),
                From::Window(place) => From::Window(place - length),
                From::Run(byte) => From::Run(byte),
            };
        }
        found
    }

    fn push_add(&mut self, from: usize, to: usize) {
        if from < to {
            self.steps.push(Step::Add { position: from - self.window.start, length: to - from });
        }
    }

    fn push_match(&mut self, found: Match) {
        let length = found.length;
        self.steps.push(match found.from {
            From::Run(byte) => Step::Run { byte, length },
            From::Source(position) => Step::CopySource { position, length },
            From::Window(place) => Step::CopyWindow { position: place - self.window.start, length },
        });
        if let From::Source(place) = found.from {
            self.last_copy = (place + length, found.start + length);
            self.nearby.add_around(self.source, place + length);
        }
    }

    #[inline]
    fn note(&mut self, at: usize) {
        self.recent.insert(&self.target[at..self.window.end], at - self.window.start);
    }

    /// Notes places inside of a match.
    fn note_matched(&mut self, from: usize, to: usize) {
        let dense = to.min(from + DENSE_BYTES);
        for at in from..dense {
            self.note(at);
        }
        for at in (dense..to).step_by(SPARSE_STRIDE) {
            self.note(at);
        }
    }
}

/// The one that saves more, the first if they are equal; nothing if neither saves enough.
fn better(best: Option<Match>, found: Option<Match>) -> Option<Match> {
    match (best, found.filter(|found| found.gain >= GAIN_MIN)) {
        (Some(best), Some(found)) if found.gain <= best.gain => Some(best),
        (best, found) => found.or(best),
    }
}

/// Bytes behind the code that a size takes.
fn size_bytes(length: usize) -> usize {
    if length <= 18 { 0 } else { bytes_of(length) }
}

fn bytes_of(number: usize) -> usize {
    number_bytes(number as u64)
}

/// Bytes that `a` and `b` begin with alike.
#[inline]
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut length = 0;
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let difference = word(a) ^ word(b);
        if difference != 0 {
            return length + (difference.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length + a[length..].iter().zip(&b[length..]).take_while(|(a, b)| a == b).count()
}

/// Bytes that `a` and `b` end with alike.
#[inline]
fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
