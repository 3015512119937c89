//! From a target and its source to a delta.

mod compressor;
mod matcher;
mod nearby_index;
mod source_index;
mod steps;
mod target_index;
mod window;

use std::io::{self, Write};

use self::matcher::Matcher;
use self::window::WindowWriter;
use super::reader::push_number;
use super::{MAGIC, SECONDARY_LZMA, header_flag};

/// How to encode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Bytes of a target window, from 1 to 16 MiB; others are moved to the next of these. A reader keeps one window.
    pub window_bytes: usize,
    /// Whether sections are compressed once more.
    pub secondary: Secondary,
    /// The application header. xdelta3 takes names of files from it if it is not told them, so it stays away by default.
    pub app_header: Option<Vec<u8>>,
}

/// Compression of the sections of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secondary {
    /// None: every reader of VCDIFF takes it, and what is kept can be compressed as a whole.
    None,
    /// LZMA as xdelta3 uses it, at a preset from 0 to 9.
    Lzma {
        /// The preset of liblzma; the size of its dictionary does not grow with it.
        preset: u32,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Bytes of the delta.
    pub length: u64,
    /// Windows in it, at least one.
    pub windows: u64,
}

/// Why a delta could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The sink failed.
    #[error("cannot write the delta")]
    Sink(#[source] io::Error),
    /// liblzma failed, for lack of memory or an unknown preset.
    #[error("cannot compress a section")]
    Lzma(#[source] liblzma::stream::Error),
}

/// The most that xdelta3 reads.
const WINDOW_BYTES_MAX: usize = 16 << 20;

impl Default for EncodeOptions {
    /// Windows of 8 MiB, plain sections, no application header.
    fn default() -> Self {
        Self { window_bytes: 8 << 20, secondary: Secondary::None, app_header: None }
    }
}

/// Writes `target` as a delta against `source`, window by window.
///
/// Matches are looked for in the whole source, however large; what is found depends on nothing but the two.
/// Memory: an index of at most 128 MiB, and about three times a window.
pub fn encode(
    target: &[u8],
    source: &[u8],
    options: &EncodeOptions,
    sink: &mut dyn Write,
) -> Result<Encoded, EncodeError> {
    let mut delta = header(options);
    let mut encoded = Encoded { length: 0, windows: 0 };
    let window_bytes = options.window_bytes.clamp(1, WINDOW_BYTES_MAX);
    let mut matcher = Matcher::new(source, target, window_bytes);
    let mut writer = WindowWriter::new(options.secondary)?;
    let mut start = 0;
    // Empty content takes a window too: xdelta3 refuses a delta without one.
    while start < target.len() || encoded.windows == 0 {
        let window = start..target.len().min(start + window_bytes);
        start = window.end;
        let steps = matcher.steps(window.clone());
        writer.write(&target[window], steps, &mut delta)?;
        sink.write_all(&delta).map_err(EncodeError::Sink)?;
        encoded.length += delta.len() as u64;
        encoded.windows += 1;
        delta.clear();
    }
    Ok(encoded)
}

fn header(options: &EncodeOptions) -> Vec<u8> {
    let mut flags = 0;
    let mut rest = Vec::new();
    if let Secondary::Lzma { .. } = options.secondary {
        flags |= header_flag::SECONDARY;
        rest.push(SECONDARY_LZMA);
    }
    if let Some(app_header) = &options.app_header {
        flags |= header_flag::APP_HEADER;
        push_number(&mut rest, app_header.len() as u64);
        rest.extend_from_slice(app_header);
    }
    let mut header = MAGIC.to_vec();
    header.push(flags);
    header.append(&mut rest);
    header
}
