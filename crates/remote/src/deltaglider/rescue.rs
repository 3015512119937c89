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

mod gzip;
mod packers;

use std::io::Write;

use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher};

use self::gzip::{GzipHeader, TIME_AT, deflate, matching_levels, newest_time, trailer_of};
use self::packers::Packing;
use super::codec::Unpacked;
use super::engine::{compute, decode, memory};
use super::get::damaged;
use super::metadata::DeltaRecord;
use super::references::Copies;
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
        self.repack((key, Copies::All), record, unpacked, delta).await
    }

    /// Applies a delta of something that was unpacked, and packs what it makes as it was.
    pub(super) async fn repack(
        &self,
        (key, copies): (&LogicalKey, Copies),
        record: DeltaRecord,
        unpacked: Unpacked,
        delta: SealedBytes,
    ) -> Result<Restored, DeltaGliderError> {
        let reference = self.reference_of(key.as_str(), record.ref_sha256, &record.ref_keys, copies).await?;
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
            Some(letter) => Some(self.unpack(self.packing(letter)?, packed)?),
        };
        let source_bytes = source.as_ref().map_or(Ok(packed), SealedBytes::as_slice)?;
        let pair = (delta.as_slice()?, source_bytes);
        let (plain, sha256) = decode(codec, self.key.as_str(), pair, self.bytes_max)?;
        let Some(letter) = self.unpacked.target else {
            if sha256 == self.record.file_sha256 {
                return Ok(Restored { bytes: plain, sha256, form: Form::Delta });
            }
            return Err(damaged(self.key.as_str(), self.record.file_sha256, sha256));
        };
        match (self.packing(letter)?, source) {
            (Packing::Gzip, Some(source)) => self.pack_gzip(plain.as_slice()?, packed, source.as_slice()?),
            (Packing::Gzip, None) => Err(self.not_rescued("the reference is no gzip file to learn from")),
            (packing @ (Packing::Bzip2 | Packing::Xz), _) => self.pack_by_level(plain.as_slice()?, packing),
        }
    }

    fn packing(&self, letter: u8) -> Result<Packing, DeltaGliderError> {
        Packing::of_letter(letter).ok_or_else(|| self.not_rescued("it was packed by `compress`"))
    }

    /// Packs `plain` at each level, those that people use first.
    fn pack_by_level(&self, plain: &[u8], packing: Packing) -> Result<Restored, DeltaGliderError> {
        for level in packing.levels() {
            let Ok(packed) = packing.pack(plain, level) else { continue };
            let sha256 = hash_of([&packed, &[], &[]]);
            if sha256 == self.record.file_sha256 {
                let bytes = sealed([&packed, &[], &[]])?;
                return Ok(Restored { bytes, sha256, form: Form::Delta });
            }
        }
        Err(self.not_rescued("no level of its packer gave the right hash"))
    }

    /// Packs `plain` as the reference is packed, with whichever time gives the right hash.
    fn pack_gzip(&self, plain: &[u8], packed: &[u8], source: &[u8]) -> Result<Restored, DeltaGliderError> {
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

    fn unpack(&self, packing: Packing, packed: &[u8]) -> Result<SealedBytes, DeltaGliderError> {
        let mut builder = SealedBytes::builder()?;
        match packing.unpack(packed, self.bytes_max, &mut builder) {
            Ok(length) if length <= self.bytes_max => Ok(builder.seal()?),
            Ok(_) => Err(self.not_rescued("the reference is too large when it is unpacked")),
            Err(_) => Err(self.not_rescued("the reference cannot be unpacked")),
        }
    }

    fn not_rescued(&self, reason: &'static str) -> DeltaGliderError {
        DeltaGliderError::NotRescued { key: self.key.to_string(), reason }
    }
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

/// How many seconds before and after the newest file are tried.
const TIME_STEPS: u32 = 600;
