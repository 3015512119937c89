//! The three sections of a window, and the LZMA streams that may hold them.

use std::fmt;

use liblzma::stream::{Action, Stream};

use super::reader::Reader;
use super::{DecodeError, LimitKind, Limits, WindowFault};

/// What a section of a window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Bytes that instructions add or repeat.
    Data,
    /// Instructions and sizes.
    Instructions,
    /// Addresses of copies.
    Addresses,
}

impl SectionKind {
    /// The sections in the order in which a window holds them.
    pub(super) const ALL: [Self; 3] = [Self::Data, Self::Instructions, Self::Addresses];

    /// The bit of the delta indicator that says "compressed".
    pub(super) fn flag(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Instructions => 2,
            Self::Addresses => 4,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::Instructions => "instructions",
            Self::Addresses => "addresses",
        })
    }
}

/// Reads the sections of one kind, window after window: their compressed ones are parts of one stream.
pub(super) struct SectionReader {
    kind: SectionKind,
    stream: Option<Stream>,
    plain: Vec<u8>,
}

/// A section as its window gives it.
pub(super) struct RawSection<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) compressed: bool,
    /// The most that the section can need, by the length of the window.
    pub(super) needed_max: u64,
}

/// Why a section could not be opened: a limit, or the window.
pub(super) enum SectionError {
    Limit(DecodeError),
    Fault(WindowFault),
}

impl From<WindowFault> for SectionError {
    fn from(fault: WindowFault) -> Self {
        Self::Fault(fault)
    }
}

impl SectionReader {
    pub(super) fn new(kind: SectionKind) -> Self {
        Self { kind, stream: None, plain: Vec::new() }
    }

    /// The plain bytes of a section.
    pub(super) fn open<'a>(
        &'a mut self,
        section: &RawSection<'a>,
        limits: &Limits,
    ) -> Result<Reader<'a>, SectionError> {
        if !section.compressed {
            return Ok(Reader::new(section.bytes));
        }
        let mut reader = Reader::new(section.bytes);
        let asked = reader.number()?;
        let length =
            LimitKind::Section.admit(asked, limits.section_bytes_max).map_err(SectionError::Limit)?;
        if asked > section.needed_max {
            return Err(WindowFault::SectionLeftOver(self.kind).into());
        }
        let compressed = reader.take(reader.remaining())?;
        self.decompress(compressed, length, limits.lzma_memory_bytes_max)?;
        Ok(Reader::new(&self.plain))
    }

    /// Feeds all of `compressed`, which must give exactly `length` bytes; the stream goes on with the next window.
    fn decompress(&mut self, compressed: &[u8], length: usize, memory: u64) -> Result<(), WindowFault> {
        let kind = self.kind;
        let broken = |error| WindowFault::Lzma(kind, error);
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(Stream::new_stream_decoder(memory, 0).map_err(broken)?),
        };
        self.plain.clear();
        // One byte more, so that a stream that holds more than it says is told from one that holds just that.
        self.plain.reserve_exact(length + 1);
        let mut rest = compressed;
        while !rest.is_empty() && self.plain.len() <= length {
            let (read, written) = (stream.total_in(), self.plain.len());
            stream.process_vec(rest, &mut self.plain, Action::Run).map_err(broken)?;
            let read = usize::try_from(stream.total_in() - read).unwrap_or(rest.len());
            rest = rest.get(read..).unwrap_or_default();
            if read == 0 && self.plain.len() == written {
                break;
            }
        }
        if rest.is_empty() && self.plain.len() == length {
            return Ok(());
        }
        Err(WindowFault::LzmaLength(kind))
    }
}
