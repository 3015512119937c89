//! Finds where compressed streams lie, by structure alone: nothing is inflated.
//!
//! What is found is part of the format: a recipe names the base's streams by their number. A scan that finds more would
//! be scan 2, with a number of its own in the header of the packed form.

use std::ops::Range;

use super::{gzip, zip};

/// Most streams of one content that the scan looks at. A constant of the format.
pub(crate) const STREAMS_MAX: usize = 1 << 16;

/// A stream that may be deflate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Where it lies in the content.
    pub(crate) at: Range<usize>,
    /// Where its name lies in the content, for likeness; empty if it has none.
    pub(crate) name: Range<usize>,
    /// What its container says of its plaintext: a hint.
    pub(crate) plain_bytes: usize,
    /// What its container says is the CRC of its plaintext: a hint.
    pub(crate) crc: u32,
}

/// The streams of a content, in its order, none overlapping another.
pub(crate) fn scan(content: &[u8]) -> Vec<Stream> {
    let mut found = if gzip::is_gzip(content) { gzip::scan(content) } else { zip::scan(content) };
    found.retain(|stream| !stream.at.is_empty() && stream.at.end <= content.len());
    found.sort_by_key(|stream| (stream.at.start, stream.at.end));
    let mut end = 0;
    found.retain(|stream| {
        let apart = stream.at.start >= end;
        end = if apart { stream.at.end } else { end };
        apart
    });
    found
}

/// Bytes of a content that belong to no stream.
pub(crate) fn around(content: &[u8], streams: &[Stream]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut end = 0;
    for stream in streams {
        raw.extend_from_slice(&content[end..stream.at.start]);
        end = stream.at.end;
    }
    raw.extend_from_slice(&content[end..]);
    raw
}
