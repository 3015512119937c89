//! The segmented packed form, for content of any length: segments of 8 MiB, each packed by itself on those parts of a
//! base that it is like, so that any of them is read without the others.
//!
//! ```text
//! 0   8   "CASESEGM"
//! 8   1   version, 1
//! 9   3   zero
//! 12  4   bytes of a segment
//! 16  32  digest of the base; zero without one
//! 48  8   length of the content
//! 56  …   the segments: parts of the base, then one zstd frame with those parts before its window
//! …   8n  where each segment ends
//! ```
//!
//! Numbers are big endian. `docs/formats/segmented.md` says it in full.
//!
//! Memory: a segment, its parts of the base (at most two segments), the frame, and for packing the tables of zstd, about
//! 40 MB; packing takes it twice, on two threads. What a base is alike is looked up in a [`Sketch`], 40 bytes for 16 KiB.

mod line;
mod plan;
mod sketch;

use std::io::{self, Write};

use crate::frame;
use plan::Ranges;

pub use sketch::Sketch;

const MAGIC: &[u8; 8] = b"CASESEGM";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 56;

/// Bytes of content in a segment, the last one aside.
pub const SEGMENT_BYTES: u64 = SEGMENT as u64;

const SEGMENT: u32 = 8 << 20;

/// Most bytes of a base that a segment leans on.
const PREFIX_BYTES_MAX: u64 = 2 * SEGMENT_BYTES;

/// Longest content there is. The index of a form takes 8 bytes a segment in memory.
pub const LENGTH_MAX: u64 = 16 << 30;

/// After how much content packing is given up if it does not pay so far.
const TRIED_BYTES_MAX: u64 = 64 << 20;

/// Bytes that can be read anywhere.
pub trait ReadAt {
    /// How many there are.
    fn length(&self) -> u64;

    /// Fills `into` with what is at `offset`; an error if there are fewer bytes.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn length(&self) -> u64 {
        (**self).length()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(into, offset)
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let found = self.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What content is packed on.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    /// The digest by which the packed form names it.
    pub digest: &'a [u8; 32],
    /// Its content.
    pub content: &'a (dyn ReadAt + Sync),
    /// What lies where in it.
    pub sketch: &'a Sketch,
}

/// Why content cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is longer than [`LENGTH_MAX`].
    #[error("content of {bytes} bytes is longer than {LENGTH_MAX} bytes")]
    TooLong {
        /// How long it is.
        bytes: u64,
    },
    /// It gets hardly smaller.
    #[error("the content gets hardly smaller")]
    DoesNotPay,
    /// Zstd had no memory, or a segment did not come back as it was.
    #[error("zstd cannot compress the content")]
    Zstd,
    /// Content or base cannot be read.
    #[error("the content or its base cannot be read")]
    Read(#[source] io::Error),
    /// The sink failed.
    #[error("the packed form cannot be written")]
    Sink(#[source] io::Error),
}

/// Why a packed form is no content.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It does not begin and end as a packed form does.
    #[error("the packed form has a bad header or index")]
    Header,
    /// A segment says what cannot be, or its frame cannot be decoded.
    #[error("segment {index} of the packed form cannot be decoded")]
    Segment {
        /// Which segment.
        index: u64,
    },
    /// It leans on a base and none was given.
    #[error("the packed form leans on a base")]
    Base,
    /// The packed form or its base cannot be read.
    #[error("the packed form or its base cannot be read")]
    Read(#[source] io::Error),
}

/// Packs content into `sink`, at a level of zstd from 1 to 19, on two threads; how many bytes it takes. Each segment was
/// unpacked again and compared. [`PackError::DoesNotPay`] comes early, and leaves in the sink what was written until then.
pub fn pack(
    content: &(dyn ReadAt + Sync),
    base: Option<Base<'_>>,
    level: i32,
    sink: &mut (dyn Write + Send),
) -> Result<u64, PackError> {
    let length = content.length();
    if length > LENGTH_MAX {
        return Err(PackError::TooLong { bytes: length });
    }
    let header = Header { base: base.map(|base| *base.digest), length };
    sink.write_all(&header.write()).map_err(PackError::Sink)?;
    let ends = line::run(header, content, base, level, sink)?;
    let index: Vec<u8> = ends.iter().flat_map(|end| end.to_be_bytes()).collect();
    sink.write_all(&index).map_err(PackError::Sink)?;
    Ok(ends.last().copied().unwrap_or(HEADER_BYTES as u64) + index.len() as u64)
}

/// A packed form, of which the index was read.
#[derive(Debug)]
pub struct Segmented {
    header: Header,
    ends: Vec<u64>,
}

impl Segmented {
    /// Whether bytes begin as a packed form of this kind does.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads header and index.
    pub fn open(packed: &dyn ReadAt) -> Result<Self, UnpackError> {
        let stored = packed.length();
        let mut header = [0; HEADER_BYTES];
        packed.read_exact_at(&mut header, 0).map_err(read_or(UnpackError::Header))?;
        let header = Header::parse(&header).ok_or(UnpackError::Header)?;
        let index_bytes = header.segments() * 8;
        let from = stored.checked_sub(index_bytes).ok_or(UnpackError::Header)?;
        let index = read(packed, from..stored).map_err(read_or(UnpackError::Header))?;
        let ends: Vec<u64> = index.as_chunks().0.iter().map(|end| u64::from_be_bytes(*end)).collect();
        let starts = std::iter::once(HEADER_BYTES as u64).chain(ends.iter().copied());
        let ordered = starts.zip(&ends).all(|(start, end)| start < *end && *end - start <= STORED_BYTES_MAX);
        let whole = ends.last().copied().unwrap_or(HEADER_BYTES as u64) == from;
        if ordered && whole { Ok(Self { header, ends }) } else { Err(UnpackError::Header) }
    }

    /// The digest of the base that it leans on, if it leans on one.
    pub fn base(&self) -> Option<&[u8; 32]> {
        self.header.base.as_ref()
    }

    /// The length of the content in bytes.
    pub fn length(&self) -> u64 {
        self.header.length
    }

    /// Unpacks one segment: the content from `index` times [`SEGMENT_BYTES`].
    ///
    /// What comes back is as long as the header says. That it is the content that was packed is for the caller to check.
    pub fn segment(
        &self,
        index: u64,
        packed: &dyn ReadAt,
        base: Option<&dyn ReadAt>,
    ) -> Result<Vec<u8>, UnpackError> {
        let broken = || UnpackError::Segment { index };
        let at = usize::try_from(index).map_err(|_| broken())?;
        let end = *self.ends.get(at).ok_or_else(broken)?;
        let start = if at == 0 { HEADER_BYTES as u64 } else { self.ends[at - 1] };
        let segment = read(packed, start..end).map_err(read_or(broken()))?;
        let (ranges, frame) = Ranges::parse(&segment).ok_or_else(broken)?;
        let prefix = match base {
            _ if ranges.is_empty() => Vec::new(),
            None => return Err(UnpackError::Base),
            Some(base) => ranges.read(base).map_err(read_or(broken()))?,
        };
        let span = self.header.span(index);
        let length = usize::try_from(span.end - span.start).map_err(|_| broken())?;
        frame::decompress(frame, &prefix, length).ok_or_else(broken)
    }
}

/// The longest that a segment can be: its ranges, and content that zstd could not make smaller.
const STORED_BYTES_MAX: u64 = SEGMENT_BYTES + (64 << 10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    base: Option<[u8; 32]>,
    length: u64,
}

impl Header {
    fn write(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend([VERSION, 0, 0, 0]);
        bytes.extend(SEGMENT.to_be_bytes());
        bytes.extend(self.base.unwrap_or_default());
        bytes.extend(self.length.to_be_bytes());
        bytes
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let base: [u8; 32] = *bytes[16..].first_chunk()?;
        let length = u64::from_be_bytes(*bytes[48..].first_chunk()?);
        let header = Self { base: (base != [0; 32]).then_some(base), length };
        (header.write() == bytes && length <= LENGTH_MAX).then_some(header)
    }

    fn segments(self) -> u64 {
        self.length.div_ceil(SEGMENT_BYTES)
    }

    /// Where the content of a segment lies.
    fn span(self, index: u64) -> std::ops::Range<u64> {
        let start = index.saturating_mul(SEGMENT_BYTES).min(self.length);
        start..(start + SEGMENT_BYTES).min(self.length)
    }
}

/// A failure to read, or `broken` where there was less to read than was said.
fn read_or(broken: UnpackError) -> impl FnOnce(io::Error) -> UnpackError {
    |error| {
        if error.kind() == io::ErrorKind::UnexpectedEof { broken } else { UnpackError::Read(error) }
    }
}

fn read(content: &dyn ReadAt, span: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(span.end - span.start).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; length];
    content.read_exact_at(&mut bytes, span.start)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
