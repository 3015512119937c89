//! From a delta and its source to the target.

mod window;

use std::io::Write;

use self::window::WindowDecoder;
use super::reader::Reader;
use super::{AppHeader, DecodeError, LimitKind, Limits, MAGIC, SECONDARY_LZMA, WindowFault, header_flag};

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes written.
    pub length: u64,
    /// What the encoder noted about the files.
    pub app_header: Option<AppHeader>,
}

/// Writes the target that `delta` encodes against `source`.
///
/// Each window is written once its checksum is right. A window without a checksum is taken as it is; and a delta that was
/// cut off between two windows looks complete. Who needs certainty compares the length and a digest of the whole.
pub fn decode(
    delta: &[u8],
    source: &[u8],
    limits: &Limits,
    sink: &mut dyn Write,
) -> Result<Decoded, DecodeError> {
    let mut reader = Reader::new(delta);
    let header = read_header(&mut reader, limits)?;
    if reader.is_empty() {
        return Err(DecodeError::NoWindow);
    }
    let mut windows = WindowDecoder::new(source, limits, header.secondary);
    while !reader.is_empty() {
        let target = windows.next(&mut reader)?;
        sink.write_all(target).map_err(DecodeError::Sink)?;
    }
    Ok(Decoded { length: windows.written(), app_header: header.app_header })
}

struct Header {
    secondary: bool,
    app_header: Option<AppHeader>,
}

fn read_header(reader: &mut Reader<'_>, limits: &Limits) -> Result<Header, DecodeError> {
    if reader.take(MAGIC.len()).ok() != Some(MAGIC.as_slice()) {
        return Err(DecodeError::NotVcdiff);
    }
    let flags = reader.byte().map_err(cut_off)?;
    if flags & !header_flag::KNOWN != 0 {
        return Err(DecodeError::UnknownHeaderFlags(flags & !header_flag::KNOWN));
    }
    let secondary = flags & header_flag::SECONDARY != 0;
    if secondary {
        let compressor = reader.byte().map_err(cut_off)?;
        if compressor != SECONDARY_LZMA {
            return Err(DecodeError::SecondaryRefused(compressor));
        }
    }
    if flags & header_flag::CODE_TABLE != 0 {
        return Err(DecodeError::CodeTableRefused);
    }
    let mut app_header = None;
    if flags & header_flag::APP_HEADER != 0 {
        let asked = reader.number().map_err(cut_off)?;
        let length = LimitKind::AppHeader.admit(asked, limits.app_header_bytes_max)?;
        app_header = Some(AppHeader::parse(reader.take(length).map_err(cut_off)?));
    }
    Ok(Header { secondary, app_header })
}

fn cut_off(_: WindowFault) -> DecodeError {
    DecodeError::HeaderCutOff
}
