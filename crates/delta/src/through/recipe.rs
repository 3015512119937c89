//! How content is put together: its streams in order, the raw bytes before each, and how its bytes come back.

use super::opened::Opened;
use super::parts::Likeness;
use super::scan::Stream;
use super::varint;
use super::zlib::Settings;
use crate::Limits;

/// One stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Raw bytes since the stream before.
    pub(crate) gap: usize,
    pub(crate) how: How,
}

/// How a stream's bytes come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// They are those of a stream of the base.
    Copy { base: usize },
    /// Zlib makes them of so many bytes of plaintext; `like` is a stream of the base with a plaintext like it.
    Settings { settings: Settings, plain: usize, like: Option<usize> },
    /// They are written anew from tokens.
    Tokens { plain: usize, like: Option<usize> },
}

impl How {
    /// The base's stream that it leans on.
    fn leans_on(self) -> Option<usize> {
        match self {
            Self::Copy { base } => Some(base),
            Self::Settings { like, .. } | Self::Tokens { like, .. } => like,
        }
    }
}

/// The whole of it. What follows the last stream is raw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) steps: Vec<Step>,
}

impl Recipe {
    /// The bytes of a recipe: what is as in the base comes out as zeros.
    pub(crate) fn encode(&self, base: &[Stream]) -> Vec<u8> {
        let mut out = Vec::new();
        varint::write(&mut out, self.steps.len() as u64);
        let mut expected = Expected { base, next: 0 };
        for step in &self.steps {
            let (kind, leans_on) = (step.how.kind(), step.how.leans_on());
            out.push(kind << 1 | u8::from(leans_on.is_some()));
            if let Some(base) = leans_on {
                varint::write_signed(&mut out, distance(base, expected.next));
            }
            let (gap, plain) = expected.advance(leans_on);
            varint::write_signed(&mut out, distance(step.gap, gap));
            match step.how {
                How::Copy { .. } => {}
                How::Settings { settings, plain: bytes, .. } => {
                    out.extend(settings.to_bytes());
                    varint::write_signed(&mut out, distance(bytes, plain));
                }
                How::Tokens { plain: bytes, .. } => varint::write_signed(&mut out, distance(bytes, plain)),
            }
        }
        out
    }

    /// Reads a recipe for this base; none if it is no recipe, or names a stream that the base does not have.
    pub(crate) fn parse(mut bytes: &[u8], base: &[Stream], limits: &Limits) -> Option<Self> {
        let bytes = &mut bytes;
        let count = varint::read_size(bytes).filter(|count| *count <= limits.streams_max)?;
        let mut steps = Vec::with_capacity(count.min(bytes.len()));
        let mut expected = Expected { base, next: 0 };
        for _ in 0..count {
            let head = varint::read_byte(bytes)?;
            let leans_on = if head & 1 == 1 {
                let on = moved(expected.next, varint::read_signed(bytes)?)?;
                Some(on).filter(|on| *on < base.len()).map(Some)?
            } else {
                None
            };
            let (gap, plain) = expected.advance(leans_on);
            let gap = moved(gap, varint::read_signed(bytes)?)?;
            steps.push(Step { gap, how: How::parse(head >> 1, leans_on, plain, bytes)? });
        }
        bytes.is_empty().then_some(Self { steps })
    }

    /// The parts of the base that this content's parts are like: they are the prefixes of its packed parts. None if the
    /// base is not what the recipe takes it for, or beyond the limits.
    pub(crate) fn likeness<'b>(&self, base: &'b Opened, limits: &Limits) -> Option<Likeness<'b>> {
        let mut parts = Likeness { raw: base.around(), ..Likeness::default() };
        for step in &self.steps {
            let (like, tokens) = match step.how {
                How::Copy { .. } => continue,
                How::Settings { like, .. } => (like, false),
                How::Tokens { like, .. } => (like, true),
            };
            let Some(like) = like else { continue };
            let room = limits.plain_bytes_max.checked_sub(parts.plain.len())?;
            parts.add_plain(base.plain(like, room)?);
            if tokens && let Some(tokens) = base.tokens(like) {
                parts.tokens.extend(&tokens);
            }
        }
        Some(parts)
    }
}

impl How {
    fn kind(self) -> u8 {
        match self {
            Self::Copy { .. } => 0,
            Self::Settings { .. } => 1,
            Self::Tokens { .. } => 2,
        }
    }

    fn parse(kind: u8, leans_on: Option<usize>, plain: usize, bytes: &mut &[u8]) -> Option<Self> {
        match kind {
            0 => Some(Self::Copy { base: leans_on? }),
            1 => {
                let settings = [varint::read_byte(bytes)?, varint::read_byte(bytes)?];
                let settings = Settings::from_bytes(settings)?;
                let plain = moved(plain, varint::read_signed(bytes)?)?;
                Some(Self::Settings { settings, plain, like: leans_on })
            }
            2 => {
                let plain = moved(plain, varint::read_signed(bytes)?)?;
                Some(Self::Tokens { plain, like: leans_on })
            }
            _ => None,
        }
    }
}

/// What the next step is likely to be, if content is as its base.
struct Expected<'a> {
    base: &'a [Stream],
    /// The base's stream after the one leant on last.
    next: usize,
}

impl Expected<'_> {
    /// Gap and plaintext bytes of the base's stream that a step leans on; zero without one.
    fn advance(&mut self, leans_on: Option<usize>) -> (usize, usize) {
        let Some(on) = leans_on else { return (0, 0) };
        self.next = on + 1;
        let before = on.checked_sub(1).map_or(0, |before| self.base[before].at.end);
        let stream = &self.base[on];
        (stream.at.start - before, stream.plain_bytes)
    }
}

/// How far a number is from what was expected. Sizes stay below 2^62.
fn distance(value: usize, expected: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX / 2) - i64::try_from(expected).unwrap_or(i64::MAX / 2)
}

/// The number that is so far from what was expected.
fn moved(expected: usize, distance: i64) -> Option<usize> {
    usize::try_from(i64::try_from(expected).unwrap_or(i64::MAX / 2).checked_add(distance)?).ok()
}
