//! Zip archives (APPNOTE 6.3): members as the directory at the end lists them, or else as their own headers follow one
//! another from the front.

use super::scan::{STREAMS_MAX, Stream};

/// The deflated members that are not encrypted. Whatever is odd about one leaves it out.
pub(crate) fn scan(content: &[u8]) -> Vec<Stream> {
    match directory(content) {
        Some(start) => listed(content, start),
        None => followed(content),
    }
}

/// Where the directory begins, if the end of the content names it.
fn directory(content: &[u8]) -> Option<usize> {
    let earliest = content.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let latest = content.len().checked_sub(END_BYTES)?;
    let end = (earliest..=latest).rev().find(|at| content[*at..].starts_with(b"PK\x05\x06"))?;
    let start = match le32(content, end + 16)? {
        u32::MAX => wide_directory(content, end)?,
        start => start as usize,
    };
    content.get(start..)?.starts_with(b"PK\x01\x02").then_some(start)
}

/// Where the directory of a zip64 archive begins.
fn wide_directory(content: &[u8], end: usize) -> Option<usize> {
    let locator = end.checked_sub(20).filter(|at| content[*at..].starts_with(b"PK\x06\x07"))?;
    let record = usize::try_from(le64(content, locator + 8)?).ok()?;
    let known = content.get(record..)?.starts_with(b"PK\x06\x06");
    usize::try_from(le64(content, record.checked_add(48)?)?).ok().filter(|_| known)
}

/// Members by the directory.
fn listed(content: &[u8], start: usize) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut at = start;
    for _ in 0..STREAMS_MAX {
        let Some(entry) = content.get(at..).filter(|rest| rest.starts_with(b"PK\x01\x02")) else { break };
        let (Some(name), Some(extra), Some(comment)) = (le16(entry, 28), le16(entry, 30), le16(entry, 32))
        else {
            break;
        };
        streams.extend(member(content, at));
        at += 46 + name + extra + comment;
    }
    streams
}

/// The stream of a member, by its place in the directory.
fn member(content: &[u8], at: usize) -> Option<Stream> {
    let entry = &content[at..];
    let (flags, method, name) = (le16(entry, 8)?, le16(entry, 10)?, le16(entry, 28)?);
    let (mut packed, mut plain, mut header) =
        (le32(entry, 20)?.into(), le32(entry, 24)?.into(), le32(entry, 42)?.into());
    // Sizes that do not fit are in the extra field, in this order, each only if it did not fit.
    let mut wide = wide_sizes(entry).unwrap_or_default();
    for value in [&mut plain, &mut packed, &mut header] {
        if *value == u64::from(u32::MAX) {
            *value = le64(wide, 0)?;
            wide = &wide[8..];
        }
    }
    let header = usize::try_from(header).ok()?;
    let local = content.get(header..).filter(|rest| rest.starts_with(b"PK\x03\x04"))?;
    let start = header + 30 + le16(local, 26)? + le16(local, 28)?;
    let end = start.checked_add(usize::try_from(packed).ok()?)?;
    let deflated = method == DEFLATED && flags & ENCRYPTED == 0;
    (deflated && end <= content.len() && at + 46 + name <= content.len()).then(|| Stream {
        at: start..end,
        name: at + 46..at + 46 + name,
        plain_bytes: usize::try_from(plain).unwrap_or(usize::MAX),
        crc: le32(entry, 16).unwrap_or_default(),
    })
}

/// The zip64 part of an entry's extra field.
fn wide_sizes(entry: &[u8]) -> Option<&[u8]> {
    let (name, extra) = (le16(entry, 28)?, le16(entry, 30)?);
    let mut rest = entry.get(46 + name..)?.get(..extra)?;
    loop {
        let (tag, length) = (le16(rest, 0)?, le16(rest, 2)?);
        let value = rest.get(4..)?.get(..length)?;
        if tag == 1 {
            return Some(value);
        }
        rest = &rest[4 + length..];
    }
}

/// Members by their own headers: an archive that is cut off still has them. One whose size is only said after it ends
/// the walk.
fn followed(content: &[u8]) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut at = 0;
    for _ in 0..STREAMS_MAX {
        let Some((stream, flags, method)) = local(content, at) else { break };
        if flags & SIZE_FOLLOWS != 0 || stream.at.end > content.len() {
            break;
        }
        at = stream.at.end;
        if method == DEFLATED && flags & ENCRYPTED == 0 {
            streams.push(stream);
        }
    }
    streams
}

/// What a member's own header says.
fn local(content: &[u8], at: usize) -> Option<(Stream, usize, usize)> {
    let header = content.get(at..).filter(|rest| rest.starts_with(b"PK\x03\x04"))?;
    let name = le16(header, 26)?;
    let start = at + 30 + name + le16(header, 28)?;
    let stream = Stream {
        at: start..start.checked_add(le32(header, 18)? as usize)?,
        name: at + 30..at + 30 + name,
        plain_bytes: le32(header, 22)? as usize,
        crc: le32(header, 14)?,
    };
    Some((stream, le16(header, 6)?, le16(header, 8)?))
}

fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 0xffff;
const DEFLATED: usize = 8;
const ENCRYPTED: usize = 1;
const SIZE_FOLLOWS: usize = 8;
