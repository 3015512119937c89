//! Gzip (RFC 1952): one member that reaches to the end of the content, as .tar.gz files have it.

use super::scan::Stream;

/// Whether the content begins as gzip with deflate inside does.
pub(crate) fn is_gzip(content: &[u8]) -> bool {
    content.starts_with(&[0x1f, 0x8b, 8])
}

/// The member's stream, if header and trailer are there.
pub(crate) fn scan(content: &[u8]) -> Vec<Stream> {
    let stream = header_bytes(content).and_then(|start| {
        let end = content.len().checked_sub(8).filter(|end| *end > start)?;
        let (crc, size) = (le32(content, end)?, le32(content, end + 4)?);
        Some(Stream { at: start..end, name: 0..0, plain_bytes: size as usize, crc })
    });
    stream.into_iter().collect()
}

/// Bytes of the header, with its optional parts.
fn header_bytes(content: &[u8]) -> Option<usize> {
    let flags = *content.get(3)?;
    let mut at = 10;
    if flags & EXTRA != 0 {
        at += 2 + usize::from(u16::from_le_bytes(*content.get(at..)?.first_chunk()?));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            at += content.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HEADER_CRC != 0 {
        at += 2;
    }
    (flags & RESERVED == 0 && at <= content.len()).then_some(at)
}

fn le32(content: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*content.get(at..)?.first_chunk()?))
}

const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;
