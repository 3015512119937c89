//! From parts back to content.

use std::io::Write;

use super::crew;
use super::opened::Opened;
use super::parts::Parts;
use super::recipe::{How, Recipe};
use super::search::Deflaters;
use super::tokens::Columns;
use super::zlib::Settings;
use crate::Limits;

/// Why parts are no content.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The recipe is none, or does not go with this base.
    #[error("the recipe cannot be read")]
    Recipe,
    /// A stream cannot be made of what is kept of it.
    #[error("stream {index} cannot be made again")]
    Stream {
        /// Which stream of the content.
        index: usize,
    },
    /// The parts hold less than the recipe takes, or more.
    #[error("the parts do not go with the recipe")]
    Parts,
    /// The content is longer than allowed.
    #[error("the content is longer than {max} bytes")]
    TooLong {
        /// Most bytes that were allowed.
        max: usize,
    },
    /// The sink failed.
    #[error("the content cannot be written")]
    Sink(#[source] std::io::Error),
}

/// Puts content together again and hands it to `sink`; how many bytes it was. Never more than
/// [`Limits::content_bytes_max`] bytes reach the sink, and what reached it counts only if this answers well.
pub fn rewrap(
    parts: &Parts,
    base: Option<&Opened>,
    limits: &Limits,
    sink: &mut dyn Write,
) -> Result<u64, RewrapError> {
    let streams = base.map_or(&[][..], Opened::streams);
    let recipe = Recipe::parse(&parts.recipe, streams, limits).ok_or(RewrapError::Recipe)?;
    let jobs = jobs(&recipe, parts)?;
    let max = limits.content_bytes_max;
    let made = crew::run(
        &jobs,
        |job| job.plain.len(),
        Deflaters::default,
        |deflaters, job| job.make(deflaters, max),
    );
    let (mut made, mut raw) = (made.into_iter(), &parts.raw[..]);
    let mut out = Bounded { sink, written: 0, max };
    for (index, step) in recipe.steps.iter().enumerate() {
        let (gap, rest) = raw.split_at_checked(step.gap).ok_or(RewrapError::Parts)?;
        raw = rest;
        out.write(gap)?;
        match (step.how, base) {
            (How::Copy { base }, Some(opened)) => out.write(opened.stream(base))?,
            (How::Copy { .. }, None) => return Err(RewrapError::Recipe),
            (How::Settings { .. } | How::Tokens { .. }, _) => {
                out.write(&made.next().flatten().ok_or(RewrapError::Stream { index })?)?;
            }
        }
    }
    out.write(raw)?;
    Ok(out.written as u64)
}

/// A stream to be made.
struct Job<'a> {
    plain: &'a [u8],
    from: From<'a>,
}

enum From<'a> {
    Settings(Settings),
    Tokens(Columns<'a>),
}

impl Job<'_> {
    fn make(&self, deflaters: &mut Deflaters, max: usize) -> Option<Vec<u8>> {
        match self.from {
            From::Settings(settings) => deflaters.make(settings, self.plain, max),
            From::Tokens(mut columns) => columns.rebuild(self.plain),
        }
    }
}

/// What is to be made, each stream with its share of the parts.
fn jobs<'a>(recipe: &Recipe, parts: &'a Parts) -> Result<Vec<Job<'a>>, RewrapError> {
    let (mut plain, mut columns) = (&parts.plain[..], parts.tokens.columns());
    let mut jobs = Vec::new();
    for step in &recipe.steps {
        let (bytes, from) = match step.how {
            How::Copy { .. } => continue,
            How::Settings { settings, plain, .. } => (plain, From::Settings(settings)),
            How::Tokens { plain, .. } => {
                let own = columns;
                columns.skip().ok_or(RewrapError::Parts)?;
                (plain, From::Tokens(own))
            }
        };
        let (own, rest) = plain.split_at_checked(bytes).ok_or(RewrapError::Parts)?;
        plain = rest;
        jobs.push(Job { plain: own, from });
    }
    if plain.is_empty() && columns.is_empty() { Ok(jobs) } else { Err(RewrapError::Parts) }
}

/// A sink that takes no more than allowed.
struct Bounded<'a> {
    sink: &'a mut dyn Write,
    written: usize,
    max: usize,
}

impl Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), RewrapError> {
        self.written += bytes.len();
        if self.written > self.max {
            return Err(RewrapError::TooLong { max: self.max });
        }
        self.sink.write_all(bytes).map_err(RewrapError::Sink)
    }
}
