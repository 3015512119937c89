//! From content to its parts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::crew;
use super::opened::Opened;
use super::parts::Parts;
use super::recipe::{How, Recipe, Step};
use super::scan::{self, Stream};
use super::search::Search;
use super::tokens::Tokens;
use super::zlib::{self, Settings};
use crate::{Limits, Policy, frame};

/// How sure [`unwrap`] is that the parts make the content again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Each stream was made again from its part and compared.
    Whole,
    /// Of a long stream only the beginning was: whoever keeps the parts compares what they make. That makes every stream
    /// once instead of twice, and few encoders begin as another does and go on differently.
    Beginnings,
}

impl Proof {
    /// How much of a stream is compared.
    fn enough(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Beginnings => BEGINNING_BYTES,
        }
    }
}

/// Compressed bytes that tell settings of zlib apart.
const BEGINNING_BYTES: usize = 64 << 10;

/// Takes content apart, leaning on `base` if there is one; none if it has no streams to see through, or is beyond the
/// limits.
pub fn unwrap(
    content: &[u8],
    base: Option<&Opened>,
    policy: Policy,
    limits: &Limits,
    proof: Proof,
) -> Option<Parts> {
    if content.len() > limits.content_bytes_max {
        return None;
    }
    let streams = scan::scan(content);
    if streams.is_empty() || streams.len() > limits.streams_max {
        return None;
    }
    let found = Likeness::new(content, base);
    let copies: Vec<Option<usize>> = streams.iter().map(|stream| found.copy(stream)).collect();
    let fresh: Vec<&Stream> =
        streams.iter().zip(&copies).filter(|(_, copy)| copy.is_none()).map(|(stream, _)| stream).collect();
    let likes = found.likes(&fresh, &copies);
    let jobs: Vec<Job<'_>> =
        fresh.into_iter().zip(likes).map(|(stream, like)| Job { stream, like }).collect();
    let sight = Sight {
        content,
        base,
        policy,
        proof,
        room: limits.plain_bytes_max.into(),
        base_room: limits.plain_bytes_max.into(),
    };
    let seen =
        crew::run(&jobs, |job| job.stream.at.len(), Search::default, |search, job| sight.see(search, job));
    let plain_bytes = seen.iter().flatten().map(|seen| seen.plain.len()).sum();
    let mut assembly =
        Assembly { content, raw_from: 0, steps: Vec::new(), plain_bytes, parts: Parts::default() };
    let mut fresh = seen.into_iter();
    for (stream, copy) in streams.iter().zip(copies) {
        match copy {
            Some(base) => assembly.push(stream, How::Copy { base }),
            None => assembly.push_fresh(stream, fresh.next()?),
        }
    }
    assembly.finish(base, limits)
}

/// A stream that was seen through.
struct Seen {
    plain: Vec<u8>,
    made: Made,
    /// The base's stream that it leans on.
    like: Option<usize>,
}

/// What makes it again.
enum Made {
    Settings(Settings),
    Tokens(Tokens),
}

/// A stream to be seen through.
struct Job<'a> {
    stream: &'a Stream,
    /// The base's stream that it is like.
    like: Option<usize>,
}

/// What all streams of a content are seen with.
struct Sight<'a> {
    content: &'a [u8],
    base: Option<&'a Opened>,
    policy: Policy,
    proof: Proof,
    /// Bytes of plaintext that may still be made.
    room: AtomicUsize,
    /// Bytes of the base's plaintext that may still be leant on.
    base_room: AtomicUsize,
}

impl Sight<'_> {
    /// Inflates a stream and finds out what makes it again; none if nothing does.
    fn see(&self, search: &mut Search, job: &Job<'_>) -> Option<Seen> {
        let packed = &self.content[job.stream.at.clone()];
        let plain = zlib::inflate(packed, job.stream.plain_bytes, self.room.load(Ordering::Relaxed))?;
        take(&self.room, plain.len())?;
        let like = job.like.filter(|like| self.can_lean_on(*like).is_some());
        let wants_tokens = self.wants_tokens(plain.len(), packed, like);
        let tokens = if wants_tokens { self.tokens(packed, &plain) } else { None };
        let made = match tokens {
            Some(tokens) => Made::Tokens(tokens),
            None => match search.find(&plain, packed, self.proof.enough()) {
                Some(settings) => Made::Settings(settings),
                None => Made::Tokens(self.tokens(packed, &plain)?),
            },
        };
        Some(Seen { plain, made, like })
    }

    /// The tokens of a stream, if they make it again.
    fn tokens(&self, packed: &[u8], plain: &[u8]) -> Option<Tokens> {
        let tokens = Tokens::parse(packed, Some(plain))?;
        let proven = match self.proof {
            Proof::Whole => tokens.columns().rebuild(plain)? == packed,
            Proof::Beginnings => true,
        };
        proven.then_some(tokens)
    }

    /// Takes the room for a plaintext of the base; none if that is no deflate, or there is no room.
    fn can_lean_on(&self, like: usize) -> Option<()> {
        let plain = self.base?.plain(like, self.base_room.load(Ordering::Relaxed))?;
        take(&self.base_room, plain.len())
    }

    /// Whether tokens are worth more than settings, which would be fewer bytes: they are read faster.
    fn wants_tokens(&self, plain_bytes: usize, packed: &[u8], like: Option<usize>) -> bool {
        match self.policy {
            Policy::Size => false,
            Policy::Balanced => plain_bytes >= SLOW_BYTES && self.is_alike(packed, like).unwrap_or(false),
            Policy::Speed => true,
        }
    }

    /// Whether an encoder decided here mostly as it did for the base's stream.
    fn is_alike(&self, packed: &[u8], like: Option<usize>) -> Option<bool> {
        let theirs = self.base?.tokens(like?)?;
        let ours = Tokens::parse(packed, None)?;
        let difference = frame::compress(&ours.matches, &theirs.matches, 1)?;
        Some(difference.len() < packed.len() / ALIKE)
    }
}

/// Takes bytes out of a room; none if they are not in it.
fn take(room: &AtomicUsize, bytes: usize) -> Option<()> {
    room.try_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(bytes)).ok().map(|_| ())
}

/// Plaintext that zlib takes long enough for that a reader notices.
const SLOW_BYTES: usize = 256 << 10;

/// Tokens are alike if their difference is this many times smaller than the stream.
const ALIKE: usize = 5;

/// Parts that grow stream by stream.
struct Assembly<'a> {
    content: &'a [u8],
    /// Where the raw bytes begin that no step has taken yet.
    raw_from: usize,
    steps: Vec<Step>,
    /// How much plaintext there will be.
    plain_bytes: usize,
    parts: Parts,
}

impl Assembly<'_> {
    fn push(&mut self, stream: &Stream, how: How) {
        let gap = &self.content[self.raw_from..stream.at.start];
        self.parts.raw.extend_from_slice(gap);
        self.steps.push(Step { gap: gap.len(), how });
        self.raw_from = stream.at.end;
    }

    /// A stream that was not seen through stays raw.
    fn push_fresh(&mut self, stream: &Stream, seen: Option<Seen>) {
        let Some(Seen { plain, made, like }) = seen else { return };
        let how = match &made {
            Made::Settings(settings) => How::Settings { settings: *settings, plain: plain.len(), like },
            Made::Tokens(_) => How::Tokens { plain: plain.len(), like },
        };
        self.push(stream, how);
        if plain.len() == self.plain_bytes {
            // It is all there is, and may be large.
            self.parts.plain = plain;
        } else {
            self.parts.plain.reserve_exact(self.plain_bytes - self.parts.plain.len());
            self.parts.plain.extend_from_slice(&plain);
        }
        if let Made::Tokens(tokens) = made {
            self.parts.tokens.extend(&tokens);
        }
    }

    /// The parts, if their recipe reads as it was written.
    fn finish(mut self, base: Option<&Opened>, limits: &Limits) -> Option<Parts> {
        if self.steps.is_empty() {
            return None;
        }
        self.parts.raw.extend_from_slice(&self.content[self.raw_from..]);
        let (recipe, streams) = (Recipe { steps: self.steps }, base.map_or(&[][..], Opened::streams));
        self.parts.recipe = recipe.encode(streams);
        let same = Recipe::parse(&self.parts.recipe, streams, limits)? == recipe;
        same.then_some(self.parts)
    }
}

/// Which streams of the base are the same as, or like, those of a content.
struct Likeness<'a> {
    content: &'a [u8],
    base: Option<&'a Opened>,
    same: HashMap<(usize, u32), Vec<usize>>,
    named: HashMap<&'a [u8], usize>,
}

impl<'a> Likeness<'a> {
    fn new(content: &'a [u8], base: Option<&'a Opened>) -> Self {
        let mut found = Self { content, base, same: HashMap::new(), named: HashMap::new() };
        for (index, stream) in base.map_or(&[][..], Opened::streams).iter().enumerate() {
            let same = found.same.entry((stream.at.len(), stream.crc)).or_default();
            // A content of one stream many times over need not make this search quadratic.
            if same.len() < 4 {
                same.push(index);
            }
            if let Some(base) = base {
                found.named.insert(&base.content()[stream.name.clone()], index);
            }
        }
        found
    }

    /// The base's stream that has the very bytes of this one.
    fn copy(&self, stream: &Stream) -> Option<usize> {
        let base = self.base?;
        let packed = &self.content[stream.at.clone()];
        let same = self.same.get(&(stream.at.len(), stream.crc))?;
        same.iter().copied().find(|index| base.stream(*index) == packed)
    }

    /// For each stream that is in no base, one that its plaintext is likely to be like: of the same name, or else of the
    /// likest name among those that nothing else leans on.
    fn likes(&self, fresh: &[&Stream], copies: &[Option<usize>]) -> Vec<Option<usize>> {
        let Some(base) = self.base else { return vec![None; fresh.len()] };
        let mut free = vec![true; base.streams().len()];
        for copy in copies.iter().flatten() {
            free[*copy] = false;
        }
        let mut likes: Vec<Option<usize>> = Vec::new();
        for stream in fresh {
            let like = self.named.get(&self.content[stream.name.clone()]).copied();
            let like = like.filter(|like| std::mem::take(&mut free[*like]));
            likes.push(like);
        }
        let mut renamed: Vec<usize> = (0..fresh.len()).filter(|index| likes[*index].is_none()).collect();
        // The largest have the first choice: with them the most is at stake.
        renamed.sort_by_key(|index| std::cmp::Reverse(fresh[*index].at.len()));
        for index in renamed.into_iter().take(RENAMED_MAX) {
            likes[index] = self.likest(base, fresh[index], &free);
            if let Some(like) = likes[index] {
                free[like] = false;
            }
        }
        likes
    }

    /// The free stream with the likest name, if half of it is the same.
    fn likest(&self, base: &Opened, stream: &Stream, free: &[bool]) -> Option<usize> {
        let name = &self.content[stream.name.clone()];
        let likeness = |index: usize| {
            let other = &base.content()[base.streams()[index].name.clone()];
            let front = name.iter().zip(other).take_while(|(a, b)| a == b).count();
            let back = name.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
            front + back
        };
        let free = free.iter().enumerate().filter(|(_, free)| **free).take(RENAMED_MAX);
        let (likeness, likest) = free.map(|(index, _)| (likeness(index), index)).max()?;
        (likeness * 2 >= name.len()).then_some(likest)
    }
}

/// Streams whose names are compared with each other, so that a renamed tree costs little.
const RENAMED_MAX: usize = 1024;
