//! What packed bytes say of themselves.

use crate::Limits;
use crate::through::PARTS;

const MAGIC: &[u8; 8] = b"CASEDELT";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 56;

/// How the content is put together again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// It is the one part.
    Whole,
    /// Its streams are made again.
    Through,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) method: Method,
    pub(crate) base: Option<[u8; 32]>,
    pub(crate) length: u64,
    pub(crate) crc: u32,
}

/// A part: its frame, and how long it says it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'a> {
    pub(crate) frame: &'a [u8],
    pub(crate) length: usize,
}

impl Header {
    pub(crate) fn of(content: &[u8], base: Option<&[u8; 32]>, method: Method) -> Self {
        Self { method, base: base.copied(), length: content.len() as u64, crc: crc32fast::hash(content) }
    }

    /// Header and sections of packed bytes; none unless all of it is sound, within the limits, and nothing follows it.
    pub(crate) fn parse<'a>(packed: &'a [u8], limits: &Limits) -> Option<(Self, Vec<Section<'a>>)> {
        let (header, mut rest) = packed.split_first_chunk::<HEADER_BYTES>()?;
        if header[..8] != *MAGIC || header[8] != VERSION || header[10..12] != [0; 2] {
            return None;
        }
        let base: [u8; 32] = *header[16..].first_chunk()?;
        let (method, base) = match header[9] {
            1 if base == [0; 32] => (Method::Whole, None),
            2 => (Method::Whole, Some(base)),
            3 if base == [0; 32] => (Method::Through, None),
            4 => (Method::Through, Some(base)),
            _ => return None,
        };
        let length = u64::from_be_bytes(*header[48..].first_chunk()?);
        let crc = u32::from_be_bytes(*header[12..].first_chunk()?);
        if length > limits.content_bytes_max as u64 {
            return None;
        }
        let header = Self { method, base, length, crc };
        let sections = header.parse_sections(&mut rest, limits)?;
        rest.is_empty().then_some((header, sections))
    }

    fn parse_sections<'a>(&self, rest: &mut &'a [u8], limits: &Limits) -> Option<Vec<Section<'a>>> {
        let parts = self.parts();
        let (table, mut frames) = rest.split_at_checked(parts * 16)?;
        let mut sections = Vec::with_capacity(parts);
        for (stored, length) in table.as_chunks::<8>().0.as_chunks::<2>().0.iter().map(|[a, b]| (a, b)) {
            let stored = usize::try_from(u64::from_be_bytes(*stored)).ok()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            let (frame, after) = frames.split_at_checked(stored)?;
            frames = after;
            sections.push(Section { frame, length });
        }
        *rest = frames;
        let total = sections.iter().try_fold(0, |total: usize, section| total.checked_add(section.length))?;
        let possible = match self.method {
            Method::Whole => usize::try_from(self.length).ok()?,
            // Raw bytes and tokens come from the content, a few bytes of recipe from each stream.
            Method::Through => {
                limits.plain_bytes_max.saturating_add(limits.content_bytes_max.saturating_mul(4))
            }
        };
        (total <= possible).then_some(sections)
    }

    /// Header, table and frames.
    pub(crate) fn write(self, sections: &[Section<'_>]) -> Vec<u8> {
        let frames: usize = sections.iter().map(|section| section.frame.len()).sum();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + sections.len() * 16 + frames);
        bytes.extend(MAGIC);
        let method = match (self.method, self.base) {
            (Method::Whole, None) => 1,
            (Method::Whole, Some(_)) => 2,
            (Method::Through, None) => 3,
            (Method::Through, Some(_)) => 4,
        };
        bytes.extend([VERSION, method, 0, 0]);
        bytes.extend(self.crc.to_be_bytes());
        bytes.extend(self.base.unwrap_or_default());
        bytes.extend(self.length.to_be_bytes());
        for section in sections {
            bytes.extend((section.frame.len() as u64).to_be_bytes());
            bytes.extend((section.length as u64).to_be_bytes());
        }
        for section in sections {
            bytes.extend_from_slice(section.frame);
        }
        bytes
    }

    fn parts(&self) -> usize {
        match self.method {
            Method::Whole => 1,
            Method::Through => PARTS,
        }
    }
}
