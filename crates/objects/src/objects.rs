use std::sync::Arc;

use bytes::Bytes;
use casemate_fs::Dir;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp};
use casemate_policy::{Permit, operation};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedRwLockReadGuard, RwLock, mpsc};

use crate::blobs::{Blobs, StagedBlob};
use crate::packed;
use crate::{
    BucketRecord, BucketTotals, Catalog, Codec, ObjectPage, ObjectRecord, ObjectsError, Packing, VerifiedBlob,
};

/// How many pieces of an upload may wait for the disk.
const PIECES_WAITING_MAX: usize = 4;

/// How many unreferenced blobs are collected at a time; in between, uploads go on.
const COLLECT_BATCH: u32 = 64;

/// Smaller blobs are not worth the trouble: a file takes a block of the disk anyway.
const PACK_BYTES_MIN: u64 = 4 << 10;

/// Bases that are tried for one blob.
const BASES_TRIED_MAX: u32 = 3;

/// The store of objects.
#[derive(Clone)]
pub struct Objects {
    blobs: Blobs,
    catalog: Arc<dyn Catalog>,
    object_bytes_max: u64,
    /// Held for reading from before a blob's file is in place until something refers to it, and for writing while
    /// blobs that nothing refers to are removed. Without it a blob could go between the two.
    referring: Arc<RwLock<()>>,
}

/// What an upload is to become.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Its bucket; made when absent.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// What the uploader says it is.
    pub media_type: String,
    /// What the uploader says its digest is; checked before anything is acknowledged.
    pub expected: Option<Digest>,
}

/// Keeps blobs that are stored under it from being collected until something refers to them.
///
/// A use case takes one hold and stores everything under it. To take a second while having one could wait for ever: a
/// collection may stand in line between the two.
pub struct Hold {
    _referring: OwnedRwLockReadGuard<()>,
}

/// A blob that was stored, and that nothing may refer to yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// What an operator decides about the store of objects.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Most bytes of an object.
    pub object_bytes_max: u64,
    /// Bytes of the disk that objects leave free, for the catalog and the log.
    pub free_bytes_min: u64,
}

impl Objects {
    /// Opens the store in `directory`.
    pub fn open(
        directory: &Dir,
        catalog: Arc<dyn Catalog>,
        codec: Arc<dyn Codec>,
        settings: Settings,
    ) -> Result<Self, ObjectsError> {
        let blobs = Blobs::open(directory, codec, settings.free_bytes_min)?;
        let object_bytes_max = settings.object_bytes_max;
        Ok(Self { blobs, catalog, object_bytes_max, referring: Arc::new(RwLock::new(())) })
    }

    /// Stores what `body` yields as an object. When this returns, the object is durable and so is its audit entry,
    /// which `event` makes from what is about to be written down.
    pub async fn put<B, E>(
        &self,
        permit: &Permit<operation::PutObject>,
        new: NewObject,
        body: B,
        now: Timestamp,
        event: impl FnOnce(&ObjectRecord) -> Event,
    ) -> Result<ObjectRecord, ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let staged = self.stage(body).await?;
        let _hold = self.hold().await;
        let stored = commit(staged, new.expected).await?;
        let record = ObjectRecord {
            project: permit.project().clone(),
            bucket: new.bucket,
            key: new.key,
            digest: stored.digest,
            size_bytes: stored.size_bytes,
            media_type: new.media_type,
            stored: now,
        };
        let event = event(&record);
        self.catalog.put_object(&record, event).await?;
        Ok(record)
    }

    /// Keeps what is stored under it from being collected, until it is dropped.
    pub async fn hold(&self) -> Hold {
        Hold { _referring: Arc::clone(&self.referring).read_owned().await }
    }

    /// Stores `content` as a blob that nothing refers to yet; the caller makes something refer to it before it
    /// drops the hold. Outputs of tasks come in this way.
    pub async fn put_blob(&self, _hold: &Hold, content: Bytes) -> Result<StoredBlob, ObjectsError> {
        let blobs = self.blobs.clone();
        let staged = off_runtime(move || {
            let mut staged = blobs.stage()?;
            staged.push(&content)?;
            Ok(staged)
        });
        commit(staged.await?, None).await
    }

    /// Finds an object's record.
    pub async fn stat(
        &self,
        permit: &Permit<operation::StatObject>,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<ObjectRecord, ObjectsError> {
        self.find(permit.project(), bucket, key).await
    }

    /// Finds an object and, if `wanted` says so of its record, opens its content, which was checked then.
    pub async fn get(
        &self,
        permit: &Permit<operation::GetObject>,
        bucket: &BucketName,
        key: &ObjectKey,
        wanted: impl FnOnce(&ObjectRecord) -> bool,
    ) -> Result<(ObjectRecord, Option<VerifiedBlob>), ObjectsError> {
        let record = self.find(permit.project(), bucket, key).await?;
        let blob = if wanted(&record) { Some(self.open_verified(record.digest).await?) } else { None };
        Ok((record, blob))
    }

    /// Opens a blob whose content was checked. It asks for no permit: whoever knows a digest from a record that it
    /// was allowed to read may read what the record stands for, and callers come here only with such digests.
    pub async fn open_verified(&self, digest: Digest) -> Result<VerifiedBlob, ObjectsError> {
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.open_verified(&digest)).await
    }

    /// Checks that `project` may use content that it names by digest: it must have it already, as an object or as
    /// what a task of its gave. Digests of other projects can be known (names are public), so knowing one opens nothing.
    pub async fn check_readable(&self, project: &Project, digest: &Digest) -> Result<(), ObjectsError> {
        if self.catalog.is_readable(project, digest).await? {
            return Ok(());
        }
        Err(ObjectsError::BlobMissing { digest: *digest })
    }

    /// Lists a part of a bucket.
    pub async fn list(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &ObjectPage,
    ) -> Result<Vec<ObjectRecord>, ObjectsError> {
        Ok(self.catalog.objects(page).await?)
    }

    /// Lists buckets after `after`.
    pub async fn buckets(
        &self,
        permit: &Permit<operation::ListBuckets>,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ObjectsError> {
        Ok(self.catalog.buckets(permit.project(), after, limit).await?)
    }

    /// What the buckets of `project` hold together; the caller has a permit for the overview.
    pub async fn totals(&self, project: &Project) -> Result<BucketTotals, ObjectsError> {
        Ok(self.catalog.totals(project).await?)
    }

    /// Deletes an object. Its content goes later, if nothing else refers to it.
    pub async fn delete(
        &self,
        permit: &Permit<operation::DeleteObject>,
        bucket: &BucketName,
        key: &ObjectKey,
        event: Event,
    ) -> Result<ObjectRecord, ObjectsError> {
        let deleted = self.catalog.delete_object(permit.project(), bucket, key, event).await?;
        deleted.ok_or_else(|| not_found(bucket, key))
    }

    /// Checks that the directory can be written, and returns how many bytes are free.
    pub async fn check_directory(&self) -> Result<u64, ObjectsError> {
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.check()).await
    }

    /// Removes blobs that nothing has referred to since before `before`; returns how many.
    pub async fn collect(&self, before: Timestamp) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        loop {
            let digests = self.catalog.unreferenced_blobs(before, COLLECT_BATCH).await?;
            if digests.is_empty() {
                return Ok(collected);
            }
            let _nobody_refers = self.referring.write().await;
            for digest in digests {
                if self.catalog.forget_blob(&digest, before).await? {
                    // If this fails, the file has no row any more and goes with the orphans.
                    let blobs = self.blobs.clone();
                    off_runtime(move || blobs.remove(&digest)).await?;
                    collected += 1;
                }
            }
        }
    }

    /// Removes files that are no blob of the catalog: what a crash, or a store that failed, left between a file and its
    /// row. Returns how many. Looks at every file, so it is for now and then.
    pub async fn collect_orphans(&self) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        let blobs = self.blobs.clone();
        for leaf in off_runtime(move || blobs.leaves()).await? {
            let blobs = self.blobs.clone();
            let mut unknown = Vec::new();
            for digest in off_runtime(move || blobs.in_leaf(&leaf)).await? {
                if self.catalog.blob_size(&digest).await?.is_none() {
                    unknown.push(digest);
                }
            }
            if unknown.is_empty() {
                continue;
            }
            // Each may be new, its row just not written; under this lock no file is without its row for that reason.
            let _nobody_refers = self.referring.write().await;
            for digest in unknown {
                if self.catalog.blob_size(&digest).await?.is_none() {
                    let blobs = self.blobs.clone();
                    off_runtime(move || blobs.remove(&digest)).await?;
                    collected += 1;
                }
            }
        }
        Ok(collected)
    }

    /// Packs blobs that were put since it was called last, at most `limit` of them: compressed, or as differences to what
    /// lies beside them. Returns how many it looked at. A blob stays readable all the time, and nothing is removed
    /// before its packed form was unpacked and compared, and is durable.
    pub async fn pack(&self, now: Timestamp, limit: u32) -> Result<u64, ObjectsError> {
        let waiting = self.catalog.blobs_to_pack(PACK_BYTES_MIN, packed::CONTENT_BYTES_MAX, limit).await?;
        let count = waiting.len() as u64;
        for digest in waiting {
            // Nothing is collected meanwhile, so base and blob stay.
            let _hold = self.hold().await;
            match self.pack_one(digest, now).await {
                // Damage is for those who read it to report; here it only means that there is nothing to pack.
                Err(ObjectsError::Corrupt { .. } | ObjectsError::BlobMissing { .. }) => {
                    self.leave_whole(digest, now).await?;
                }
                other => other?,
            }
        }
        Ok(count)
    }

    async fn pack_one(&self, digest: Digest, now: Timestamp) -> Result<(), ObjectsError> {
        let bases = self.catalog.base_candidates(&digest, BASES_TRIED_MAX).await?;
        let blobs = self.blobs.clone();
        let made = off_runtime(move || blobs.pack(&digest, &bases));
        let Some(packed) = made.await? else {
            return self.leave_whole(digest, now).await;
        };
        let packing = Packing { stored_bytes: packed.bytes.len() as u64, base: packed.base };
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.put_packed(&digest, &packed.bytes)).await?;
        let noted = self.catalog.note_packing(&digest, packing, now).await?;
        let blobs = self.blobs.clone();
        if noted {
            off_runtime(move || blobs.remove_whole(&digest).map(drop)).await
        } else {
            off_runtime(move || blobs.remove_packed(&digest)).await
        }
    }

    /// Notes that packing a blob does not pay.
    async fn leave_whole(&self, digest: Digest, now: Timestamp) -> Result<(), ObjectsError> {
        let stored_bytes = self.catalog.blob_size(&digest).await?.unwrap_or(0);
        self.catalog.note_packing(&digest, Packing { stored_bytes, base: None }, now).await?;
        Ok(())
    }

    /// How a blob is stored; `None` if it is whole as far as anybody has looked.
    pub async fn packing(&self, digest: &Digest) -> Result<Option<Packing>, ObjectsError> {
        Ok(self.catalog.packing(digest).await?)
    }

    /// Moves content that was found damaged out of the way, unless it is sound when it is looked at again; true if it
    /// was moved. It is kept, under `quarantine/`, to be looked at.
    pub async fn set_aside(&self, digest: Digest) -> Result<bool, ObjectsError> {
        let _nobody_stores = Arc::clone(&self.referring).write_owned().await;
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.set_aside(&digest)).await
    }

    /// Finds an object's record for a use case that holds another permit in the same project.
    pub async fn find(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<ObjectRecord, ObjectsError> {
        let found = self.catalog.object(project, bucket, key).await?;
        found.ok_or_else(|| not_found(bucket, key))
    }

    /// Writes an upload to a staged file. The disk works beside the network, with a short queue between them.
    async fn stage<B, E>(&self, body: B) -> Result<StagedBlob, ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
        let (blobs, bytes_max) = (self.blobs.clone(), self.object_bytes_max);
        let writing = off_runtime(move || {
            let mut staged = blobs.stage()?;
            while let Some(piece) = waiting.blocking_recv() {
                if staged.size_bytes() + piece.len() as u64 > bytes_max {
                    return Err(ObjectsError::TooLarge { bytes_max });
                }
                staged.push(&piece)?;
            }
            Ok(staged)
        });
        let sending = async move {
            let mut body = std::pin::pin!(body);
            while let Some(piece) = body.next().await {
                let piece =
                    piece.map_err(|source| ObjectsError::UploadBroken { source: Box::new(source) })?;
                // The writer hangs up only when it failed, and then its error is the one that counts.
                if pieces.send(piece).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let (sent, staged): (Result<(), ObjectsError>, _) = tokio::join!(sending, writing);
        // A broken upload ends the queue like a complete one does, so it is looked at first.
        sent.and(staged)
    }
}

async fn commit(staged: StagedBlob, expected: Option<Digest>) -> Result<StoredBlob, ObjectsError> {
    let (digest, size_bytes) = off_runtime(move || staged.commit(expected)).await?;
    Ok(StoredBlob { digest, size_bytes })
}

fn not_found(bucket: &BucketName, key: &ObjectKey) -> ObjectsError {
    ObjectsError::NotFound { bucket: bucket.to_string(), key: key.to_string() }
}

/// Runs blocking work where it cannot hold up the runtime.
async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectsError> + Send + 'static,
) -> Result<T, ObjectsError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests;
