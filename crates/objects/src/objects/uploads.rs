//! Uploads in parts: each part is a file of its own until all of them become one blob.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bytes::Bytes;
use casemate_fs::{Dir, StagedFile};
use casemate_ledger::Event;
use casemate_model::{Timestamp, UploadId};
use casemate_policy::{Permit, operation};
use futures_util::Stream;
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::staging::{hash_md5, send};
use super::{Objects, Stamp, check_md5, finish, off_runtime, place};
use crate::blobs::{Blobs, Room, StagedBlob, write_error};
use crate::{ETag, ObjectRecord, ObjectsError, PartPut, PartRecord, Place, PutRule, UploadRecord};

/// Most parts of an upload, the limit of S3.
pub(crate) const PARTS_MAX: u32 = 10_000;

/// The least size of a part that is not the last, the limit of S3.
const PART_BYTES_MIN: u64 = 5 << 20;

/// How many pieces of a part may wait for the disk.
const PIECES_WAITING_MAX: usize = 4;

/// How much of a part is read at a time.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// Parts that are read from the catalog in one go.
const PARTS_PAGE: u32 = 1_000;

/// A part that is about to come.
#[derive(Clone, Copy, Debug)]
pub struct NewPart<'u> {
    /// Its upload.
    pub upload: &'u UploadRecord,
    /// Its number, from 1.
    pub number: u32,
    /// The MD5 that the uploader announced; checked before anything is acknowledged.
    pub expected_md5: Option<[u8; 16]>,
    /// The time.
    pub now: Timestamp,
}

/// A part as the uploader names it when it completes the upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: u32,
    /// Its tag, without quotes.
    pub etag: String,
    /// Checksums that it is said to have.
    pub checksums: BTreeMap<String, String>,
}

impl Objects {
    /// Begins an upload.
    pub async fn begin_upload(
        &self,
        permit: &Permit<operation::PutObject>,
        upload: &UploadRecord,
        event: Event,
    ) -> Result<(), ObjectsError> {
        debug_assert_eq!(*permit.project(), upload.place.project);
        if self.catalog.begin_upload(upload, event).await? {
            return Ok(());
        }
        Err(ObjectsError::BucketNotFound { bucket: upload.place.bucket.to_string() })
    }

    /// Finds an upload to a place.
    pub async fn upload(&self, place: &Place, id: UploadId) -> Result<UploadRecord, ObjectsError> {
        let found = self.catalog.upload(id).await?;
        found.filter(|upload| upload.place == *place).ok_or(ObjectsError::UploadNotFound { id })
    }

    /// Stores a part; when this returns, it is durable. `finish` makes the checksums that only its end could tell.
    pub async fn put_part<B, E>(
        &self,
        _permit: &Permit<operation::PutObject>,
        part: NewPart<'_>,
        body: B,
        finish: impl FnOnce() -> BTreeMap<String, String>,
    ) -> Result<PartRecord, ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        if part.number == 0 || part.number > PARTS_MAX {
            return Err(ObjectsError::PartNumber { number: part.number, number_max: PARTS_MAX });
        }
        self.check_quota_before(&part.upload.place.project).await?;
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let (md5_pieces, md5_waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let (blobs, bytes_max, uploads) = (self.blobs.clone(), self.object_bytes_max, self.uploads.clone());
        let project = part.upload.place.project.clone();
        let writing = off_runtime(move || write_part((&blobs.of(&project)?, &uploads), waiting, bytes_max));
        let sending = send(body, [Some(pieces), Some(md5_pieces)]);
        let (sent, written, md5) = tokio::join!(sending, writing, hash_md5(md5_waiting));
        sent?;
        let (staged, size_bytes) = written?;
        let md5 = md5?;
        check_md5(part.expected_md5, Some(md5))?;
        let etag = ETag::of_md5(md5);
        let file = format!("{}-{}-{etag}", part.number, part.now.as_millis());
        let record =
            PartRecord { number: part.number, size_bytes, etag, file, checksums: finish(), stored: part.now };
        // Between its file and its row it would look like a leftover.
        let _hold = self.hold().await;
        self.keep_part(part.upload.id, staged, &record.file).await?;
        self.write_part_down(part.upload, record).await
    }

    async fn keep_part(&self, id: UploadId, staged: StagedFile, file: &str) -> Result<(), ObjectsError> {
        let (uploads, path) = (self.uploads.clone(), format!("{id}/{file}"));
        off_runtime(move || {
            uploads.private_subdir(&id.to_string()).map_err(ObjectsError::Files)?;
            staged.commit_replace(&path).map_err(|error| match error.is_not_found() {
                // Its directory went while it was being put there.
                true => ObjectsError::UploadNotFound { id },
                false => ObjectsError::Files(error),
            })
        })
        .await
    }

    async fn write_part_down(
        &self,
        upload: &UploadRecord,
        record: PartRecord,
    ) -> Result<PartRecord, ObjectsError> {
        match self.catalog.put_part(upload, &record, self.quota).await? {
            PartPut::Done { former } => {
                if let Some(former) = former.filter(|former| former.file != record.file) {
                    tidied(self.remove_part(upload.id, former.file).await);
                }
                Ok(record)
            }
            PartPut::OverQuota(over) => {
                tidied(self.remove_part(upload.id, record.file).await);
                Err(over.into())
            }
            PartPut::NoUpload => {
                tidied(self.remove_upload(upload.id).await);
                Err(ObjectsError::UploadNotFound { id: upload.id })
            }
        }
    }

    /// Lists parts of an upload after a number.
    pub async fn parts(&self, id: UploadId, after: u32, limit: u32) -> Result<Vec<PartRecord>, ObjectsError> {
        Ok(self.catalog.parts(id, after, limit).await?)
    }

    /// Makes the parts that are named, in their order, one object. Its content is hashed as a whole now, and each part
    /// is checked against its tag. `sums` makes the checksums of the whole of those of its parts, or refuses them.
    pub async fn complete_upload(
        &self,
        permit: &Permit<operation::PutObject>,
        (upload, named): (&UploadRecord, &[CompletedPart]),
        (rule, sums): (PutRule, impl FnOnce(&[PartRecord]) -> Result<BTreeMap<String, String>, ObjectsError>),
        stamp: Stamp,
        event: impl FnOnce(&mut ObjectRecord) -> Event,
    ) -> Result<ObjectRecord, ObjectsError> {
        debug_assert_eq!(*permit.project(), upload.place.project);
        let parts = self.named_parts(upload.id, named).await?;
        let checksums = sums(&parts)?;
        let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
        if size_bytes > self.object_bytes_max {
            return Err(ObjectsError::TooLarge { bytes_max: self.object_bytes_max });
        }
        let (blobs, uploads, id, joined) =
            (self.blobs.clone(), self.uploads.clone(), upload.id, parts.clone());
        let project = upload.place.project.clone();
        let staged = off_runtime(move || join_parts(&blobs.of(&project)?, &uploads, id, &joined)).await;
        let staged = match staged {
            // Somebody gave it up meanwhile, or completed it.
            Err(ObjectsError::PartMissing { .. }) if self.catalog.upload(id).await?.is_none() => {
                return Err(ObjectsError::UploadNotFound { id });
            }
            staged => staged?,
        };
        let finished = finish(staged, None).await?;
        let hold = self.hold().await;
        let stored = place(finished).await?;
        let mut attributes = upload.attributes.clone();
        attributes.checksums = checksums;
        attributes.parts = parts.iter().map(|part| part.size_bytes).collect();
        let Place { project, bucket, key } = upload.place.clone();
        let record = ObjectRecord {
            project,
            bucket,
            key,
            digest: stored.digest,
            size_bytes: stored.size_bytes,
            media_type: upload.media_type.clone(),
            stored: stamp.now,
            etag: tag_of_parts(&parts),
            attributes,
            version: Some(stamp.version),
        };
        let rule = PutRule { completes: Some(upload.id), ..rule };
        let record = self.write_down(record, &rule, event).await;
        drop(hold);
        let record = self.kept_or_refused(record).await?;
        tidied(self.remove_upload(upload.id).await);
        Ok(record)
    }

    /// Gives an upload up.
    pub async fn abort_upload(
        &self,
        _permit: &Permit<operation::PutObject>,
        upload: &UploadRecord,
        event: Event,
    ) -> Result<(), ObjectsError> {
        if !self.catalog.end_upload(upload, Some(event)).await? {
            return Err(ObjectsError::UploadNotFound { id: upload.id });
        }
        tidied(self.remove_upload(upload.id).await);
        Ok(())
    }

    /// Gives up uploads that were begun before `before`; returns how many. `event` makes the audit entry of each.
    pub async fn collect_uploads(
        &self,
        before: Timestamp,
        event: impl Fn(&UploadRecord) -> Event + Send,
    ) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        loop {
            let stale = self.catalog.stale_uploads(before, PARTS_PAGE).await?;
            if stale.is_empty() {
                return Ok(collected);
            }
            for upload in stale {
                let event = event(&upload);
                self.catalog.end_upload(&upload, Some(event)).await?;
                tidied(self.remove_upload(upload.id).await);
                collected += 1;
            }
        }
    }

    /// The parts that an uploader names, as they were written down.
    async fn named_parts(
        &self,
        id: UploadId,
        named: &[CompletedPart],
    ) -> Result<Vec<PartRecord>, ObjectsError> {
        if named.is_empty() || named.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(ObjectsError::PartOrder);
        }
        let mut known = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = self.catalog.parts(id, after, PARTS_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            known.extend(page.into_iter().map(|part| (part.number, part)));
        }
        let mut parts = Vec::with_capacity(named.len());
        for (index, named_part) in named.iter().enumerate() {
            let known = known.remove(&named_part.number);
            let same = |part: &PartRecord| {
                let sums = named_part.checksums.iter();
                let mut known = sums.filter_map(|(name, sum)| Some((part.checksums.get(name)?, sum)));
                part.etag.as_str() == named_part.etag && known.all(|(known, sum)| known == sum)
            };
            let part = known.filter(same);
            let part = part.ok_or(ObjectsError::PartMissing { number: named_part.number })?;
            if part.size_bytes < PART_BYTES_MIN && index + 1 < named.len() {
                return Err(ObjectsError::PartTooSmall { number: part.number });
            }
            parts.push(part);
        }
        Ok(parts)
    }

    pub(super) async fn remove_part(&self, id: UploadId, file: String) -> Result<(), ObjectsError> {
        let uploads = self.uploads.clone();
        off_runtime(move || uploads.remove_file(&format!("{id}/{file}")).map_err(ObjectsError::Files))
            .await
            .map(drop)
    }

    /// Removes the files of an upload that is over.
    pub(super) async fn remove_upload(&self, id: UploadId) -> Result<(), ObjectsError> {
        let uploads = self.uploads.clone();
        off_runtime(move || uploads.remove_subdir(&id.to_string()).map(drop).map_err(ObjectsError::Files))
            .await
    }
}

fn write_part(
    (blobs, uploads): (&Blobs, &Dir),
    mut waiting: mpsc::Receiver<Bytes>,
    bytes_max: u64,
) -> Result<(StagedFile, u64), ObjectsError> {
    let mut room = Room::of(blobs)?;
    let mut staged = blobs.stage_in(uploads)?;
    let mut size_bytes = 0;
    while let Some(piece) = waiting.blocking_recv() {
        size_bytes += piece.len() as u64;
        if size_bytes > bytes_max {
            return Err(ObjectsError::TooLarge { bytes_max });
        }
        room.take(piece.len())?;
        staged.write_all(&piece).map_err(write_error)?;
    }
    let mut staged = staged.finish().map_err(write_error)?;
    staged.sync().map_err(ObjectsError::Files)?;
    Ok((staged, size_bytes))
}

/// Copies the parts into one blob. Each part's hash is taken on a thread of its own, beside that of the whole.
fn join_parts(
    blobs: &Blobs,
    uploads: &Dir,
    id: UploadId,
    parts: &[PartRecord],
) -> Result<StagedBlob, ObjectsError> {
    let mut staged = blobs.stage()?;
    let (pieces, hashed) = std::sync::mpsc::sync_channel::<(usize, Bytes)>(PIECES_WAITING_MAX);
    let count = parts.len();
    let hashing = std::thread::spawn(move || {
        let mut hashers = vec![Md5::new(); count];
        for (part, piece) in hashed {
            hashers[part].update(&piece);
        }
        hashers.into_iter().map(|hasher| ETag::of_md5(hasher.finalize().into())).collect::<Vec<_>>()
    });
    for (index, part) in parts.iter().enumerate() {
        let opened = blobs.open_in(uploads, &format!("{id}/{}", part.file));
        let file = opened.map_err(|error| match error {
            // Another came in its place, or the upload is over.
            ObjectsError::Files(error) if error.is_not_found() => {
                ObjectsError::PartMissing { number: part.number }
            }
            error => error,
        })?;
        let mut reader = file.reader();
        loop {
            let mut piece = vec![0; CHUNK_BYTES];
            let length = reader.read(&mut piece).map_err(|source| part_error(part.number, source))?;
            if length == 0 {
                break;
            }
            piece.truncate(length);
            let piece = Bytes::from(piece);
            staged.push(&piece)?;
            pieces.send((index, piece)).expect("the hashing thread takes all there is");
        }
    }
    drop(pieces);
    let found = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match parts.iter().zip(found).find(|(part, found)| part.etag != *found) {
        Some((part, _)) => Err(ObjectsError::PartDamaged { number: part.number }),
        None => Ok(staged),
    }
}

/// What could not be removed after everything was written down is found and removed as a leftover; nobody who waits for an
/// answer is told of it.
fn tidied(removed: Result<(), ObjectsError>) {
    if let Err(error) = removed {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "files of an upload stay until leftovers are collected");
    }
}

/// A frame that is not what was written is damage, as a wrong tag is.
fn part_error(number: u32, source: io::Error) -> ObjectsError {
    match source.kind() {
        io::ErrorKind::InvalidData => ObjectsError::PartDamaged { number },
        _ => ObjectsError::Io { action: "read", source },
    }
}

/// The tag that S3 clients expect: the MD5 of the MD5s of the parts, and their number.
fn tag_of_parts(parts: &[PartRecord]) -> ETag {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part.etag.md5().expect("a part's tag is its MD5"));
    }
    ETag::of_parts(hasher.finalize().into(), parts.len())
}
