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
mod work;

use std::io::Write;

use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher};

use self::gzip::{GzipHeader, TIME_AT, deflate, matching_levels, newest_time, trailer_of};
use self::packers::Packing;
use self::work::{GaveUp, Work};
use super::codec::Unpacked;
use super::engine::{compute, decode, unwritable};
use super::get::{Fetched, Room, damaged};
use super::memory::Share;
use super::metadata::DeltaRecord;
use super::references::{Copies, Lent};
use super::stored::Current;
use super::{DeltaCodec, DeltaGlider, DeltaGliderError, Form, LogicalKey, Restored};

/// Which ways of packing are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trying {
    /// The one in which xdelta3 packs, so that Python DeltaGlider gives the file back, too.
    Usual,
    /// Every one there is.
    All,
}

impl DeltaGlider {
    /// Gets an object back that [`DeltaGlider::get`] could not, packed exactly as it was. Only what has the stored hash
    /// is given. Computes for seconds, and for no longer than the settings say; reads nothing but delta and reference.
    pub async fn rescue(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        let stored = self.find(key).await?;
        let fetched = match stored.current(key)? {
            Current::Delta(record) if record.file_sha256 != record.ref_sha256 => {
                self.fetch_delta(key, Room::File).await?
            }
            Current::Delta(_) | Current::Whole => return self.get(key).await,
        };
        let unpacked = Unpacked::of(fetched.delta.as_slice()?);
        if unpacked == Unpacked::default() {
            drop(fetched);
            return self.get(key).await;
        }
        self.repack((key, Copies::All), fetched, unpacked, Trying::All).await
    }

    /// Applies a delta of something that was unpacked, and packs what it makes as it was.
    pub(super) async fn repack(
        &self,
        (key, copies): (&LogicalKey, Copies),
        Fetched { record, delta, share }: Fetched,
        unpacked: Unpacked,
        trying: Trying,
    ) -> Result<Restored, DeltaGliderError> {
        // What gzip wrote depends on more than xdelta3 knows.
        if trying == Trying::Usual && unpacked.target == Some(b'G') {
            return Err(DeltaGliderError::NeedsRescue { key: key.to_string() });
        }
        let reference = self.reference_of(key.as_str(), record.ref_sha256, &record.ref_keys, copies).await?;
        // Unpacked, both may be larger than anything else here, so that there is never more than one such pair.
        let _alone = self.packing.lock().await;
        let time_max = match trying {
            Trying::Usual => self.settings.repack_time_max,
            Trying::All => self.settings.rescue_time_max,
        };
        let work = Work::until(self.clock.clone(), time_max);
        let unpacked_bytes_max = self.settings.unpacked_bytes_max;
        let job = Job { key: key.clone(), record, unpacked, trying, unpacked_bytes_max, work };
        let codec = self.codec.clone();
        compute(move || {
            let bytes = job.run(&*codec, &delta, &reference)?;
            Ok(job.restored(bytes, share))
        })
        .await
    }
}

struct Job {
    key: LogicalKey,
    record: DeltaRecord,
    unpacked: Unpacked,
    trying: Trying,
    unpacked_bytes_max: u64,
    work: Work,
}

impl Job {
    /// The file, which has the hash that is stored.
    fn run(
        &self,
        codec: &dyn DeltaCodec,
        delta: &SealedBytes,
        reference: &Lent,
    ) -> Result<SealedBytes, DeltaGliderError> {
        let packed = reference.bytes.as_slice()?;
        let source = match self.unpacked.source {
            None => None,
            Some(letter) => Some(self.unpack(self.packing(letter)?, packed)?),
        };
        let source_bytes = source.as_ref().map_or(Ok(packed), SealedBytes::as_slice)?;
        let pair = (delta.as_slice()?, source_bytes);
        let Some(letter) = self.unpacked.target else {
            let (bytes, sha256) = decode(codec, self.key.as_str(), pair, self.record.file_size)?;
            if sha256 == self.record.file_sha256 {
                return Ok(bytes);
            }
            return Err(damaged(self.key.as_str(), self.record.file_sha256, sha256));
        };
        let packing = self.packing(letter)?;
        let (plain, _) = decode(codec, self.key.as_str(), pair, self.plain_bytes_max(self.record.file_size))?;
        match (packing, source) {
            (Packing::Gzip, Some(source)) => self.pack_gzip(plain.as_slice()?, packed, source.as_slice()?),
            (Packing::Gzip, None) => Err(self.not_rescued("the reference is no gzip file to learn from")),
            (packing @ (Packing::Bzip2 | Packing::Xz), _) => self.pack_by_level(plain.as_slice()?, packing),
        }
    }

    fn restored(&self, bytes: SealedBytes, share: Share) -> Restored {
        Restored { bytes, sha256: self.record.file_sha256, form: Form::Delta, _share: share }
    }

    fn packing(&self, letter: u8) -> Result<Packing, DeltaGliderError> {
        Packing::of_letter(letter).ok_or_else(|| self.not_rescued("it was packed by `compress`"))
    }

    /// How large something may be when it is unpacked. Nothing says so but its packed size, and no archive that people
    /// keep is packed a hundredfold.
    fn plain_bytes_max(&self, packed_bytes: u64) -> u64 {
        packed_bytes.saturating_mul(RATIO_MAX).saturating_add(PLAIN_BYTES_MIN).min(self.unpacked_bytes_max)
    }

    /// Packs `plain` at each level, those that people use first.
    fn pack_by_level(&self, plain: &[u8], packing: Packing) -> Result<SealedBytes, DeltaGliderError> {
        let levels = match self.trying {
            Trying::Usual => vec![packing.level_usual()],
            Trying::All => packing.levels(),
        };
        for level in levels {
            let packed = match packing.pack(plain, level, self.record.file_size, &self.work) {
                Ok(packed) => packed,
                Err(GaveUp::TooLong) => continue,
                Err(GaveUp::OutOfTime) => return Err(self.out_of_time()),
            };
            if hash_of([&packed, &[], &[]]) == self.record.file_sha256 {
                return sealed([&packed, &[], &[]]);
            }
        }
        match self.trying {
            Trying::Usual => Err(DeltaGliderError::NeedsRescue { key: self.key.to_string() }),
            Trying::All => Err(self.not_rescued("no level of its packer gave the right hash")),
        }
    }

    /// Packs `plain` as the reference is packed, with whichever time gives the right hash.
    fn pack_gzip(&self, plain: &[u8], packed: &[u8], source: &[u8]) -> Result<SealedBytes, DeltaGliderError> {
        let not_understood = || self.not_rescued("the reference's gzip header is not understood");
        let header = GzipHeader::read(packed).ok_or_else(not_understood)?;
        let stream = packed.get(header.length..).ok_or_else(not_understood)?;
        let levels = matching_levels(source, stream, &self.work).map_err(|_| self.out_of_time())?;
        if levels.is_empty() {
            return Err(self.not_rescued("the reference was not packed by zlib, or not in one piece"));
        }
        let trailer = trailer_of(plain);
        for level in levels {
            let body = match deflate(plain, level, self.record.file_size, &self.work) {
                Ok(body) => body,
                Err(GaveUp::TooLong) => continue,
                Err(GaveUp::OutOfTime) => return Err(self.out_of_time()),
            };
            for header in self.headers(packed, &header, plain) {
                let pieces = [header.as_slice(), &body, &trailer];
                // Another length has another hash, and what is hashed is the whole file.
                if pieces.iter().map(|piece| piece.len() as u64).sum::<u64>() != self.record.file_size {
                    continue;
                }
                self.work.go_on().map_err(|_| self.out_of_time())?;
                if hash_of(pieces) == self.record.file_sha256 {
                    return sealed(pieces);
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
        match packing.unpack(packed, self.plain_bytes_max(packed.len() as u64), &mut builder, &self.work) {
            Ok(()) => Ok(builder.seal()?),
            Err(Some(GaveUp::TooLong)) => {
                Err(self.not_rescued("the reference is too large when it is unpacked"))
            }
            Err(Some(GaveUp::OutOfTime)) => Err(self.out_of_time()),
            Err(None) => Err(self.not_rescued("the reference cannot be unpacked")),
        }
    }

    fn out_of_time(&self) -> DeltaGliderError {
        self.not_rescued("it took longer than is allowed for one object")
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
        builder.write_all(piece).map_err(unwritable)?;
    }
    Ok(builder.seal()?)
}

/// How many seconds before and after the newest file are tried.
const TIME_STEPS: u32 = 600;

/// How many times larger than its archive content may be, and how large it may be at any rate.
const RATIO_MAX: u64 = 256;
const PLAIN_BYTES_MIN: u64 = 16 << 20;
