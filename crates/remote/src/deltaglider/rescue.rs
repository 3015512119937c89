//! Archives that Python DeltaGlider stored and cannot give back.
//!
//! xdelta3 unpacked them before it compared, and packs them again in its own way, so that the hash never matches.
//! What is there is the unpacked file and, packed by the same hands, the reference:
//!
//! ```text
//!   reference.bin --gunzip--> source --delta--> the file, unpacked
//!        |                                           |
//!        +-- level and header, found by trying ----> deflate, header, time found by trying --> SHA-256 matches
//! ```

use std::io::{Read, Write};

use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher};
use flate2::{Compress, Compression, FlushCompress};

use super::codec::Unpacked;
use super::engine::{compute, decode, memory};
use super::get::damaged;
use super::metadata::DeltaRecord;
use super::stored::Current;
use super::{DeltaCodec, DeltaGlider, DeltaGliderError, Form, LogicalKey, Restored};

impl DeltaGlider {
    /// Gets an object back that [`DeltaGlider::get`] could not, packed exactly as it was. Only what has the stored hash
    /// is given. Computes for seconds, and reads nothing but delta and reference.
    pub async fn rescue(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        let stored = self.find(key).await?;
        let damaged_delta = match stored.current(key)? {
            Current::Delta(record) if record.file_sha256 != record.ref_sha256 => {
                self.fetch_delta(key).await?
            }
            Current::Delta(_) | Current::Whole => return self.get(key).await,
        };
        let (record, delta) = damaged_delta;
        let unpacked = Unpacked::of(delta.as_slice()?);
        if unpacked == Unpacked::default() {
            return self.get(key).await;
        }
        let reference = self.reference_of(key.as_str(), record.ref_sha256, &record.ref_keys).await?;
        let bytes_max = self.settings.object_bytes_max;
        let job = Job { key: key.clone(), record, unpacked, bytes_max };
        let codec = self.codec.clone();
        compute(move || job.run(&*codec, &delta, &reference)).await
    }
}

struct Job {
    key: LogicalKey,
    record: DeltaRecord,
    unpacked: Unpacked,
    bytes_max: u64,
}

impl Job {
    fn run(
        &self,
        codec: &dyn DeltaCodec,
        delta: &SealedBytes,
        reference: &SealedBytes,
    ) -> Result<Restored, DeltaGliderError> {
        let packed = reference.as_slice()?;
        let source = match self.unpacked.source {
            None => None,
            Some(b'G') => Some(self.gunzip(packed)?),
            Some(_) => return Err(self.not_rescued("only gzip can be packed again")),
        };
        let source_bytes = source.as_ref().map_or(Ok(packed), SealedBytes::as_slice)?;
        let pair = (delta.as_slice()?, source_bytes);
        let (plain, sha256) = decode(codec, self.key.as_str(), pair, self.bytes_max)?;
        match (self.unpacked.target, source) {
            (None, _) if sha256 == self.record.file_sha256 => {
                Ok(Restored { bytes: plain, sha256, form: Form::Delta })
            }
            (None, _) => Err(damaged(self.key.as_str(), self.record.file_sha256, sha256)),
            (Some(b'G'), Some(source)) => self.pack(plain.as_slice()?, packed, source.as_slice()?),
            (Some(b'G'), None) => Err(self.not_rescued("the reference is no gzip file to learn from")),
            (Some(_), _) => Err(self.not_rescued("only gzip can be packed again")),
        }
    }

    /// Packs `plain` as the reference is packed, with whichever time gives the right hash.
    fn pack(&self, plain: &[u8], packed: &[u8], source: &[u8]) -> Result<Restored, DeltaGliderError> {
        let not_understood = || self.not_rescued("the reference's gzip header is not understood");
        let header = GzipHeader::read(packed).ok_or_else(not_understood)?;
        let stream = packed.get(header.length..).ok_or_else(not_understood)?;
        let levels = matching_levels(source, stream);
        if levels.is_empty() {
            return Err(self.not_rescued("the reference was not packed by zlib, or not in one piece"));
        }
        let trailer = trailer_of(plain);
        for level in levels {
            let body = deflate(plain, level);
            for header in self.headers(packed, &header, plain) {
                let sha256 = hash_of([&header, &body, &trailer]);
                if sha256 == self.record.file_sha256 {
                    let bytes = sealed([&header, &body, &trailer])?;
                    return Ok(Restored { bytes, sha256, form: Form::Delta });
                }
            }
        }
        Err(self.not_rescued("no time near that of the newest file in it gave the right hash"))
    }

    /// The headers to try, the likeliest first: the reference's with the name in it changed or not, and the times
    /// around that of the newest file in the archive.
    fn headers<'a>(
        &self,
        packed: &'a [u8],
        header: &GzipHeader,
        plain: &[u8],
    ) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let newest = newest_time(plain).unwrap_or(header.time);
        let mut templates = vec![packed[..header.length].to_vec()];
        if let Some(name) = &header.name {
            templates.extend(self.names().into_iter().filter(|new| new != name).map(|new| {
                let mut template = packed[..header.name_at].to_vec();
                template.extend(new);
                template.push(0);
                template.extend(&packed[header.name_at + name.len() + 1..header.length]);
                template
            }));
        }
        let fixed = [header.time, 0];
        let near =
            (0..TIME_STEPS).flat_map(move |step| [newest.wrapping_add(step), newest.wrapping_sub(step)]);
        fixed.into_iter().chain(near).flat_map(move |time| {
            templates.clone().into_iter().map(move |mut template| {
                template[TIME_AT..TIME_AT + 4].copy_from_slice(&time.to_le_bytes());
                template
            })
        })
    }

    /// What a packer may have written as the name of the file within.
    fn names(&self) -> Vec<Vec<u8>> {
        let name = self.key.name();
        let tar = name.strip_suffix(".tgz").map(|stem| format!("{stem}.tar"));
        let bare = name.strip_suffix(".gz").map(str::to_owned);
        [bare, tar, Some(name.to_owned())].into_iter().flatten().map(String::into_bytes).collect()
    }

    fn gunzip(&self, packed: &[u8]) -> Result<SealedBytes, DeltaGliderError> {
        let mut builder = SealedBytes::builder()?;
        let mut reader = flate2::read::MultiGzDecoder::new(packed).take(self.bytes_max.saturating_add(1));
        let copied = std::io::copy(&mut reader, &mut builder);
        match copied {
            Ok(length) if length <= self.bytes_max => Ok(builder.seal()?),
            Ok(_) => Err(self.not_rescued("the reference is too large when it is unpacked")),
            Err(_) => Err(self.not_rescued("the reference cannot be unpacked")),
        }
    }

    fn not_rescued(&self, reason: &'static str) -> DeltaGliderError {
        DeltaGliderError::NotRescued { key: self.key.to_string(), reason }
    }
}

/// The part of RFC 1952 that is needed to write another header like it.
#[derive(Debug, PartialEq, Eq)]
struct GzipHeader {
    time: u32,
    name: Option<Vec<u8>>,
    name_at: usize,
    length: usize,
}

impl GzipHeader {
    fn read(packed: &[u8]) -> Option<Self> {
        let fixed = packed.get(..FIXED_BYTES).filter(|fixed| fixed.starts_with(&[0x1f, 0x8b, 8]))?;
        let (flags, time) = (fixed[3], u32::from_le_bytes(fixed[TIME_AT..TIME_AT + 4].try_into().ok()?));
        let mut at = FIXED_BYTES;
        if flags & 4 != 0 {
            at += 2 + usize::from(u16::from_le_bytes(packed.get(at..at + 2)?.try_into().ok()?));
        }
        let name_at = at;
        let mut name = None;
        if flags & 8 != 0 {
            let length = packed.get(at..)?.iter().position(|byte| *byte == 0)?;
            name = Some(packed[at..at + length].to_vec());
            at += length + 1;
        }
        if flags & 16 != 0 {
            at += packed.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
        // A checksum of the header would have to be made anew; no packer of archives writes one.
        (flags & 2 == 0).then_some(Self { time, name, name_at, length: at })
    }
}

/// The levels of zlib that give `stream` of `plain`. Several may, and are told apart on the whole stream.
fn matching_levels(plain: &[u8], stream: &[u8]) -> Vec<u32> {
    let head = &plain[..plain.len().min(PROBE_BYTES)];
    let is_whole = head.len() == plain.len();
    (1..=9)
        .rev()
        .filter(|level| {
            let probe = deflate(head, *level);
            // The last block of a probe is not that of the whole.
            let compared = if is_whole { probe.len() } else { probe.len() / 2 };
            stream.starts_with(&probe[..compared]) && stream.starts_with(&deflate(plain, *level))
        })
        .collect()
}

fn deflate(plain: &[u8], level: u32) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut packed = Vec::with_capacity(plain.len() / 2 + 1024);
    loop {
        let done = usize::try_from(compress.total_in()).unwrap_or(plain.len());
        packed.reserve(DEFLATED_AT_ONCE_BYTES);
        let status = compress.compress_vec(&plain[done..], &mut packed, FlushCompress::Finish);
        if !matches!(status, Ok(flate2::Status::Ok | flate2::Status::BufError)) {
            return packed;
        }
    }
}

fn trailer_of(plain: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat()
}

fn hash_of(pieces: [&[u8]; 3]) -> Digest {
    let mut hasher = Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finish()
}

fn sealed(pieces: [&[u8]; 3]) -> Result<SealedBytes, DeltaGliderError> {
    let mut builder = SealedBytes::builder()?;
    for piece in pieces {
        builder.write_all(piece).map_err(memory)?;
    }
    Ok(builder.seal()?)
}

/// The time of the newest member of a tar archive. Archives are packed right after it, if not at fixed times.
fn newest_time(tar: &[u8]) -> Option<u32> {
    let (mut at, mut newest) = (0, None);
    while let Some(block) = tar.get(at..at + TAR_BLOCK_BYTES) {
        if &block[257..262] != b"ustar" {
            break;
        }
        let (size, time) = (octal(&block[124..136])?, octal(&block[136..148])?);
        newest = newest.max(u32::try_from(time).ok());
        let blocks = usize::try_from(size).ok()?.div_ceil(TAR_BLOCK_BYTES);
        at = at.checked_add(TAR_BLOCK_BYTES)?.checked_add(blocks.checked_mul(TAR_BLOCK_BYTES)?)?;
    }
    newest
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(|c: char| c == '\0' || c == ' '), 8).ok()
}

const FIXED_BYTES: usize = 10;
const TIME_AT: usize = 4;
const TAR_BLOCK_BYTES: usize = 512;

/// Enough to rule a level out before the whole is packed by it.
const PROBE_BYTES: usize = 256 << 10;
const DEFLATED_AT_ONCE_BYTES: usize = 1 << 20;

/// How many seconds before and after the newest file are tried.
const TIME_STEPS: u32 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_found_by_what_it_gives() {
        let plain: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n.wrapping_mul(n) / 7).to_string().into_bytes()).collect();
        for level in [1, 6, 9] {
            assert!(matching_levels(&plain, &deflate(&plain, level)).contains(&level), "level {level}");
        }
        assert_eq!(matching_levels(&plain, b"something else"), Vec::<u32>::new());
    }

    #[test]
    fn headers_with_a_name_are_taken_apart() {
        let mut packed = vec![0x1f, 0x8b, 8, 8, 1, 2, 0, 0, 2, 255];
        packed.extend(b"a.tar\0rest");
        let header = GzipHeader::read(&packed).unwrap();
        assert_eq!(header, GzipHeader { time: 513, name: Some(b"a.tar".to_vec()), name_at: 10, length: 16 });
        assert_eq!(GzipHeader::read(b"no gzip"), None);
    }
}
