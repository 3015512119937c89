//! What is in an archive, as far as its own tables and headers say. For people who compare: nothing is unpacked to a
//! disk, and an archive that is not understood has no members.

use std::collections::BTreeMap;
use std::io::{self, Read};

use casemate_model::{Digest, Hasher};
use flate2::read::MultiGzDecoder;

/// A member of an archive. What it is can only be compared with members of archives of the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) size_bytes: u64,
    mark: Mark,
}

/// What changes when the content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As a zip file's table has it.
    Crc(u32),
    Digest(Digest),
}

type Members = BTreeMap<String, Member>;

/// The members of a zip or tar file, by name; none if it is neither, is damaged, or has more than anybody compares.
pub(super) fn of(bytes: &[u8]) -> Option<Members> {
    if bytes.starts_with(b"PK\x03\x04") {
        return of_zip(bytes);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return of_tar(&mut MultiGzDecoder::new(bytes).take(UNPACKED_BYTES_MAX));
    }
    if bytes.get(257..262) == Some(b"ustar") { of_tar(&mut &*bytes) } else { None }
}

/// By the table at the end (APPNOTE.TXT, sections 4.3.12 and 4.3.16). That of a zip64 file is not read.
fn of_zip(bytes: &[u8]) -> Option<Members> {
    let tail = bytes.len().saturating_sub(END_BYTES_MAX);
    let end = tail + rfind(bytes.get(tail..)?, b"PK\x05\x06")?;
    let count = number(bytes, end + 10, 2)?;
    let mut at = usize::try_from(number(bytes, end + 16, 4)?).ok()?;
    let mut members = Members::new();
    for _ in 0..count {
        let entry = bytes.get(at..)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let crc = u32::try_from(number(entry, 16, 4)?).ok()?;
        let size_bytes = number(entry, 24, 4)?;
        let length = |at| number(entry, at, 2).and_then(|length| usize::try_from(length).ok());
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let text = String::from_utf8_lossy(entry.get(46..46 + name)?).into_owned();
        members.insert(text, Member { size_bytes, mark: Mark::Crc(crc) });
        at += 46 + name + extra + comment;
    }
    Some(members)
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn rfind(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

/// By its headers, the contents hashed as they pass (POSIX.1-2017, pax).
fn of_tar(tar: &mut dyn Read) -> Option<Members> {
    let mut members = Members::new();
    let mut long_name = None;
    while let Some(header) = block(tar)? {
        if header.iter().all(|byte| *byte == 0) {
            return Some(members);
        }
        if &header[257..262] != b"ustar" || members.len() >= MEMBERS_MAX {
            return None;
        }
        let size_bytes = octal(&header[124..136])?;
        match header[156] {
            b'L' => long_name = Some(trimmed(&text(tar, size_bytes)?)),
            b'x' => long_name = path_of(&text(tar, size_bytes)?).or(long_name),
            b'g' => drop(text(tar, size_bytes)?),
            _ => {
                let digest = hash(tar, size_bytes)?;
                let name = long_name.take().unwrap_or_else(|| name_of(&header));
                members.insert(name, Member { size_bytes, mark: Mark::Digest(digest) });
            }
        }
    }
    Some(members)
}

/// The next block; none inside at the end, none at all if it breaks off.
#[expect(clippy::option_option, reason = "the end is no failure")]
fn block(tar: &mut dyn Read) -> Option<Option<[u8; BLOCK]>> {
    let mut block = [0; BLOCK];
    match tar.read(&mut block[..1]).ok()? {
        0 => Some(None),
        _ => tar.read_exact(&mut block[1..]).ok().map(|()| Some(block)),
    }
}

fn hash(tar: &mut dyn Read, size_bytes: u64) -> Option<Digest> {
    let mut hasher = Hasher::new();
    let mut left = size_bytes;
    let mut buffer = [0; 16 * BLOCK];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let piece = &mut buffer[..wanted];
        tar.read_exact(piece).ok()?;
        hasher.update(piece);
        left -= wanted as u64;
    }
    skip_padding(tar, size_bytes)?;
    Some(hasher.finish())
}

fn text(tar: &mut dyn Read, size_bytes: u64) -> Option<String> {
    let length = usize::try_from(size_bytes).ok().filter(|length| *length <= TEXT_BYTES_MAX)?;
    let mut text = vec![0; length];
    tar.read_exact(&mut text).ok()?;
    skip_padding(tar, size_bytes)?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn skip_padding(tar: &mut dyn Read, size_bytes: u64) -> Option<()> {
    let padding = size_bytes.next_multiple_of(BLOCK as u64) - size_bytes;
    let skipped = io::copy(&mut tar.take(padding), &mut io::sink()).ok()?;
    (skipped == padding).then_some(())
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c| c == '\0' || c == ' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn name_of(header: &[u8; BLOCK]) -> String {
    let (name, prefix) = (trimmed_bytes(&header[..100]), trimmed_bytes(&header[345..500]));
    // GNU's own form keeps times where others keep the beginning of a long name.
    let is_gnu = header[262] == b' ';
    if prefix.is_empty() || is_gnu { name } else { format!("{prefix}/{name}") }
}

fn trimmed_bytes(field: &[u8]) -> String {
    trimmed(&String::from_utf8_lossy(field))
}

fn trimmed(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

/// The `path` of an extended header: records of `LENGTH KEY=VALUE\n`.
fn path_of(records: &str) -> Option<String> {
    let path = records.lines().find_map(|record| record.split_once(' ')?.1.strip_prefix("path="))?;
    Some(path.to_owned())
}

const BLOCK: usize = 512;
/// The table's end, and the longest comment behind it.
const END_BYTES_MAX: usize = 22 + 65_535;
const MEMBERS_MAX: usize = 1_000_000;
const TEXT_BYTES_MAX: usize = 64 << 10;
/// What a packed tar file may unpack to.
const UNPACKED_BYTES_MAX: u64 = 8 << 30;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, content) in files {
            let mut header = [0; BLOCK];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            header[156] = b'0';
            header[257..263].copy_from_slice(b"ustar\0");
            tar.extend(header);
            tar.extend(*content);
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        }
        tar.extend([0; 2 * BLOCK]);
        tar
    }

    #[test]
    fn members_of_a_tar_file_packed_or_not() {
        let plain = tar(&[("a", b"one"), ("dir/b", &[7; 1000])]);
        let members = of(&plain).unwrap();
        assert_eq!(members.keys().collect::<Vec<_>>(), ["a", "dir/b"]);
        assert_eq!(members["dir/b"], Member { size_bytes: 1000, mark: Mark::Digest(Digest::of(&[7; 1000])) });
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&plain).unwrap();
        assert_eq!(of(&packed.finish().unwrap()), Some(members));
        assert_eq!(of(&plain[..1600]), None, "it breaks off");
    }

    #[test]
    fn what_is_no_archive_has_no_members() {
        let bad_zip = [b"PK\x03\x04".as_slice(), &[0xff; 40], b"PK\x05\x06", &[0xff; 40]].concat();
        for bytes in [b"".as_slice(), b"text", &[0x1f, 0x8b, 8], &bad_zip] {
            assert_eq!(of(bytes), None);
        }
    }

    #[test]
    fn members_of_a_zip_file() {
        let mut zip = b"PK\x03\x04 whatever the entries are".to_vec();
        let table = u32::try_from(zip.len()).unwrap();
        for (name, crc, size) in [("a.txt", 7_u32, 3_u32), ("b.txt", 8, 4)] {
            let mut entry = [0; 46];
            entry[..4].copy_from_slice(b"PK\x01\x02");
            entry[16..20].copy_from_slice(&crc.to_le_bytes());
            entry[24..28].copy_from_slice(&size.to_le_bytes());
            entry[28] = 5;
            zip.extend(entry);
            zip.extend(name.as_bytes());
        }
        let mut end = [0; 22];
        end[..4].copy_from_slice(b"PK\x05\x06");
        end[10] = 2;
        end[16..20].copy_from_slice(&table.to_le_bytes());
        zip.extend(end);
        let members = of(&zip).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members["b.txt"], Member { size_bytes: 4, mark: Mark::Crc(8) });
    }
}
