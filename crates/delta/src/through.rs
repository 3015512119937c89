//! Sees through deflate: content becomes what lies around its compressed streams, and what the streams inflate to.
//!
//! ```text
//! content    raw │ deflate │ raw │ deflate │ raw          a zip archive, a wheel, a .tar.gz
//!             │       │       │       │       │
//! parts      [raw raw raw]  [plain plain]  [tokens]  [recipe]
//! ```
//!
//! A compressed stream changes from its first different byte on, its plaintext only where it differs: two versions of
//! an archive have little in common as bytes, and nearly everything once they are seen through. The recipe says how each
//! stream's very bytes come back:
//!
//! | How | What is kept | Whose streams |
//! |---|---|---|
//! | copy | the number of the same stream in the base | members that did not change |
//! | settings | level and memory of zlib | whatever stock zlib made: most wheels, jars, sdists |
//! | tokens | block headers, runs, lengths, distances | any encoder |
//!
//! A stream that fits none of them stays raw. Nothing is taken on trust: each stream is re-made and compared, by [`unwrap`]
//! or by who packs what it took apart ([`Proof`]).
//!
//! A base is always whole content ([`Opened`]): its streams are found by structure alone, and one is inflated only when
//! a difference leans on it. What that scan finds is part of the format (`docs/formats/native.md`).

mod bits;
mod codes;
mod crew;
mod finder;
mod gzip;
mod huffman;
mod opened;
mod parts;
mod recipe;
mod rewrap;
mod scan;
mod search;
mod tokens;
mod unwrap;
mod varint;
mod zip;
mod zlib;

pub use opened::Opened;
pub use parts::Parts;
pub use rewrap::{RewrapError, rewrap};
pub use unwrap::{Proof, unwrap};

pub(crate) use parts::{Likeness, PARTS};
pub(crate) use recipe::Recipe;

#[cfg(test)]
mod tests;

/// How much of the end of content [`may_be_archive`] looks at.
pub const TAIL_BYTES: usize = 65_557;

/// Whether content may be an archive, by its first four bytes and its last [`TAIL_BYTES`]. It is a guess before the content
/// is read; [`is_archive`] knows.
pub fn may_be_archive(head: &[u8], tail: &[u8]) -> bool {
    gzip::is_gzip(head) || head.starts_with(b"PK") || tail.windows(4).any(|end| end == b"PK\x05\x06")
}

/// Whether a good part of content lies in compressed streams that [`unwrap`] may see through.
pub fn is_archive(content: &[u8]) -> bool {
    let compressed: usize = scan::scan(content).iter().map(|stream| stream.at.len()).sum();
    compressed > content.len() / 4
}

/// A stream as zlib makes it at a level, for the tests of other modules.
#[cfg(test)]
pub(crate) fn deflated(plain: &[u8], level: u8) -> Vec<u8> {
    let settings = zlib::Settings { level, memory: 8, window_bits: 15, strategy: 0 };
    search::Deflaters::default().make(settings, plain, usize::MAX).unwrap_or_default()
}
