use std::fmt;

use super::DecodeError;

/// What decoding one delta may use at most.
///
/// Memory stays below `window_bytes_max`, three times `section_bytes_max` and three times `lzma_memory_bytes_max` together.
/// Time is not limited by itself: it grows with the length of the delta and with what it decodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes decoded in all.
    pub output_bytes_max: u64,
    /// Bytes of one target window.
    pub window_bytes_max: u64,
    /// Bytes of one section of a window after secondary decompression.
    pub section_bytes_max: u64,
    /// Bytes of the application header.
    pub app_header_bytes_max: u64,
    /// Bytes that one LZMA decoder may allocate; a delta uses up to three.
    pub lzma_memory_bytes_max: u64,
}

impl Limits {
    /// For content of at most `output_bytes_max`: windows and sections of 16 MiB, which is the most that xdelta3 makes,
    /// a header of 4 KiB, 16 MiB for each LZMA decoder.
    pub const fn for_output(output_bytes_max: u64) -> Self {
        Self {
            output_bytes_max,
            window_bytes_max: 16 << 20,
            section_bytes_max: 16 << 20,
            app_header_bytes_max: 4 << 10,
            lzma_memory_bytes_max: 16 << 20,
        }
    }
}

/// What a [`Limits`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Bytes decoded in all.
    Output,
    /// Bytes of one target window.
    Window,
    /// Bytes of one section.
    Section,
    /// Bytes of the application header.
    AppHeader,
}

impl LimitKind {
    /// Takes `asked` as a length in memory if it is at most `max`.
    pub(super) fn admit(self, asked: u64, max: u64) -> Result<usize, DecodeError> {
        let length = usize::try_from(asked).ok().filter(|_| asked <= max);
        length.ok_or(DecodeError::LimitReached { kind: self, asked, max })
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Output => "output",
            Self::Window => "target window",
            Self::Section => "section",
            Self::AppHeader => "application header",
        })
    }
}
