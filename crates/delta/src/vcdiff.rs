//! VCDIFF (RFC 3284) as `xdelta3` 3.0.11 writes and reads it. `docs/formats/vcdiff.md` tells the format by byte.
//!
//! ```text
//! delta  := header window*          window := indicator [segment] lengths [adler32] data instructions addresses
//! header := d6 c3 c4 00 flags …     copies read from  segment of the source ++ target window so far
//! ```
//!
//! Decoding keeps one target window in memory, and writes it only after its checksum was right. Encoding keeps an index of
//! the source whose size does not grow with the source beyond a bound, one window, and its instructions.

mod address_cache;
mod adler;
mod app_header;
mod code_table;
mod decode;
mod encode;
mod error;
mod limits;
mod reader;
mod section;

pub use app_header::{AppHeader, ExternalCompression, FileNote};
pub use decode::{Decoded, decode};
pub use encode::{EncodeError, EncodeOptions, Encoded, Secondary, encode};
pub use error::{DecodeError, WindowFault};
pub use limits::{LimitKind, Limits};
pub use section::SectionKind;

/// The first bytes of every delta: "VCD" with the high bits set, and version 0.
const MAGIC: [u8; 4] = [0xd6, 0xc3, 0xc4, 0];

/// Bits of the header indicator.
mod header_flag {
    pub(super) const SECONDARY: u8 = 1;
    pub(super) const CODE_TABLE: u8 = 2;
    pub(super) const APP_HEADER: u8 = 4;
    pub(super) const KNOWN: u8 = SECONDARY | CODE_TABLE | APP_HEADER;
}

/// Bits of a window's indicator; the checksum is xdelta3's addition to the RFC.
mod window_flag {
    pub(super) const SOURCE: u8 = 1;
    pub(super) const TARGET: u8 = 2;
    pub(super) const ADLER32: u8 = 4;
    pub(super) const KNOWN: u8 = SOURCE | TARGET | ADLER32;
}

/// The secondary compressor LZMA, in xdelta3's numbering.
const SECONDARY_LZMA: u8 = 2;
