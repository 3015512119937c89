//! The native packed form of content: seen through where it is compressed, and as a difference where there is a base.
//!
//! ```text
//! 0   8   "CASEDELT"
//! 8   1   version, 1
//! 9   1   method: 1 whole, 2 whole on a base, 3 through deflate, 4 through deflate on a base
//! 10  2   zero
//! 12  4   CRC-32 of the content
//! 16  32  digest of the base; zero for methods 1 and 3
//! 48  8   length of the content
//! 56  16n stored and decoded length of each part: one part for methods 1 and 2, six for 3 and 4
//! …       one zstd frame a part; none for an empty one
//! ```
//!
//! Numbers are big endian. `docs/formats/native.md` says it in full.
//!
//! Memory, beside what is given: the parts, the parts of the base that they are like, what [`Opened`] keeps, and the
//! frames. Each of the four is at most [`Limits::plain_bytes_max`] and three times [`Limits::content_bytes_max`]; archives
//! mostly stay near the size of their plaintexts. Packing also takes zstd's tables, some tens of megabytes. At most two
//! threads run.

mod header;

use std::io::Write;

use crate::frame;
use crate::through::{self, Likeness, Opened, PARTS, Parts, Proof, Recipe, RewrapError};
use crate::{Limits, Policy};
use header::{Header, Method, Section};

/// How content is packed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What counts more, bytes or time.
    pub policy: Policy,
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// What it may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { policy: Policy::default(), level: 9, limits: Limits::default() }
    }
}

/// Packed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The packed form.
    pub bytes: Vec<u8>,
    /// Whether it leans on the base.
    pub on_base: bool,
    /// Whether it was seen through.
    pub through: bool,
}

/// Why content cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is longer than the limits allow.
    #[error("content of {bytes} bytes is longer than {max} bytes")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// Most bytes that are packed.
        max: usize,
    },
    /// Zstd had no memory.
    #[error("zstd cannot compress the content")]
    Zstd,
    /// No form of it came back as it was.
    #[error("packed content did not come back the same")]
    Unproven,
}

/// Why packed bytes are no content.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// They do not begin as packed bytes do, or say more than the limits allow.
    #[error("the packed form has a bad header")]
    Header,
    /// They lean on another base than the one given.
    #[error("the packed form leans on another base")]
    Base,
    /// A part cannot be decoded.
    #[error("part {part} of the packed form cannot be decoded")]
    Part {
        /// Which part.
        part: usize,
    },
    /// The parts are no content.
    #[error("the parts of the packed form do not make content")]
    Rewrap(#[source] RewrapError),
    /// The content is not the one that was packed.
    #[error("the packed form decodes to other content")]
    Content,
    /// The sink failed.
    #[error("the content cannot be written")]
    Sink(#[source] std::io::Error),
}

/// Packs content in the smallest of the forms that are worth a try. It was unpacked again and compared.
pub fn pack(content: &[u8], base: Option<&Opened>, options: &Options) -> Result<Packed, PackError> {
    let max = options.limits.content_bytes_max;
    if content.len() > max {
        return Err(PackError::TooLong { bytes: content.len(), max });
    }
    for proof in [Proof::Beginnings, Proof::Whole] {
        let packed = smallest(content, base, options, proof).ok_or(PackError::Zstd)?;
        if comes_back(content, &packed, base, &options.limits) {
            return Ok(packed);
        }
    }
    Err(PackError::Unproven)
}

/// The smallest form, not unpacked yet; none if zstd has no memory.
fn smallest(content: &[u8], base: Option<&Opened>, options: &Options, proof: Proof) -> Option<Packed> {
    let mut best = None;
    let bases = if base.is_some() { &[base, None][..] } else { &[None][..] };
    for base in bases {
        // What already is small is not tried any other way.
        if best.as_ref().is_some_and(|best: &Packed| best.bytes.len() < content.len() / 4) {
            break;
        }
        let parts = through::unwrap(content, *base, options.policy, &options.limits, proof);
        if let Some(parts) = parts {
            keep_smaller(&mut best, pack_parts(content, &parts, *base, options)?);
        }
        // The raw part of what was seen through is packed as the whole would be: the whole wins only where that failed.
        if best.as_ref().is_none_or(|best| best.bytes.len() > content.len() / 8 * 7) {
            keep_smaller(&mut best, pack_whole(content, *base, options)?);
        }
    }
    best
}

fn comes_back(content: &[u8], packed: &Packed, base: Option<&Opened>, limits: &Limits) -> bool {
    let mut compared = Compared { expected: content };
    let unpacked = unpack(&packed.bytes, base.filter(|_| packed.on_base), limits, &mut compared);
    unpacked.is_ok() && compared.expected.is_empty()
}

/// Takes only what it expects.
struct Compared<'c> {
    expected: &'c [u8],
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.expected = self.expected.strip_prefix(bytes).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Hands the content of packed bytes to `sink`; how many bytes it was. `base` is the one that [`base`] names.
///
/// What reached the sink counts only if this answers well: it was checked against the CRC, which finds accidents. Who
/// does not trust the bytes compares a digest.
pub fn unpack(
    packed: &[u8],
    base: Option<&Opened>,
    limits: &Limits,
    sink: &mut dyn Write,
) -> Result<u64, UnpackError> {
    let (header, sections) = Header::parse(packed, limits).ok_or(UnpackError::Header)?;
    let base = match (header.base, base) {
        (None, _) => None,
        (Some(digest), Some(base)) if digest == *base.digest() => Some(base),
        (Some(_), _) => return Err(UnpackError::Base),
    };
    let mut checked = Checked { sink, crc: crc32fast::Hasher::new(), left: header.length, failed: None };
    match header.method {
        Method::Whole => {
            let prefix = base.map_or(&[][..], Opened::content);
            let content = decode(&sections, 0, prefix)?;
            checked.write_all(&content).map_err(|_| UnpackError::Content)
        }
        Method::Through => {
            let parts = unpack_parts(&sections, base, limits)?;
            match through::rewrap(&parts, base, limits, &mut checked) {
                Ok(_) => Ok(()),
                Err(RewrapError::Sink(_)) => Err(UnpackError::Content),
                Err(error) => Err(UnpackError::Rewrap(error)),
            }
        }
    }
    .map_err(|error| checked.failed.take().map_or(error, UnpackError::Sink))?;
    let whole = checked.left == 0 && checked.crc.finalize() == header.crc;
    if whole { Ok(header.length) } else { Err(UnpackError::Content) }
}

/// The digest of the base that packed bytes lean on, if they lean on one.
pub fn base(packed: &[u8], limits: &Limits) -> Result<Option<[u8; 32]>, UnpackError> {
    Header::parse(packed, limits).map(|(header, _)| header.base).ok_or(UnpackError::Header)
}

/// How many bytes packed bytes say that they unpack to.
pub fn length(packed: &[u8], limits: &Limits) -> Result<u64, UnpackError> {
    Header::parse(packed, limits).map(|(header, _)| header.length).ok_or(UnpackError::Header)
}

fn keep_smaller(best: &mut Option<Packed>, other: Packed) {
    if best.as_ref().is_none_or(|best| other.bytes.len() < best.bytes.len()) {
        *best = Some(other);
    }
}

fn pack_whole(content: &[u8], base: Option<&Opened>, options: &Options) -> Option<Packed> {
    let prefix = base.map_or(&[][..], Opened::content);
    let frame =
        if content.is_empty() { Vec::new() } else { frame::compress(content, prefix, options.level)? };
    let section = Section { frame: &frame, length: content.len() };
    let header = Header::of(content, base.map(Opened::digest), Method::Whole);
    Some(Packed { bytes: header.write(&[section]), on_base: base.is_some(), through: false })
}

fn pack_parts(content: &[u8], parts: &Parts, base: Option<&Opened>, options: &Options) -> Option<Packed> {
    let streams = base.map_or(&[][..], Opened::streams);
    let recipe = Recipe::parse(&parts.recipe, streams, &options.limits)?;
    let like = match base {
        Some(base) => recipe.likeness(base, &options.limits)?,
        None => Likeness::default(),
    };
    let mut frames = Vec::new();
    for (part, prefix) in parts.columns().iter().zip(like.columns()) {
        frames.push(if part.is_empty() { Vec::new() } else { frame::compress(part, prefix, options.level)? });
    }
    let sections: Vec<Section<'_>> = frames
        .iter()
        .zip(parts.columns())
        .map(|(frame, part)| Section { frame, length: part.len() })
        .collect();
    let header = Header::of(content, base.map(Opened::digest), Method::Through);
    Some(Packed { bytes: header.write(&sections), on_base: base.is_some(), through: true })
}

fn unpack_parts(
    sections: &[Section<'_>],
    base: Option<&Opened>,
    limits: &Limits,
) -> Result<Parts, UnpackError> {
    let recipe = decode(sections, 0, &[])?;
    let like = match base {
        Some(base) => {
            let recipe = Recipe::parse(&recipe, base.streams(), limits);
            let like = recipe.and_then(|recipe| recipe.likeness(base, limits));
            like.ok_or(UnpackError::Rewrap(RewrapError::Recipe))?
        }
        None => Likeness::default(),
    };
    let mut columns: [Vec<u8>; PARTS] = Default::default();
    columns[0] = recipe;
    for (part, prefix) in like.columns().iter().enumerate().skip(1) {
        columns[part] = decode(sections, part, prefix)?;
    }
    Ok(Parts::from_columns(columns))
}

fn decode(sections: &[Section<'_>], part: usize, prefix: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let section = sections.get(part).ok_or(UnpackError::Header)?;
    if section.length == 0 && section.frame.is_empty() {
        return Ok(Vec::new());
    }
    frame::decompress(section.frame, prefix, section.length).ok_or(UnpackError::Part { part })
}

/// A sink that counts and sums up what passes, and lets no more pass than was said.
struct Checked<'a> {
    sink: &'a mut dyn Write,
    crc: crc32fast::Hasher,
    left: u64,
    failed: Option<std::io::Error>,
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(std::io::ErrorKind::InvalidData)?;
        self.crc.update(bytes);
        if let Err(error) = self.sink.write_all(bytes) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests;
