use std::sync::Arc;

use bytes::Bytes;
use casemate_fs::Dir;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp};
use casemate_policy::{Permit, operation};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedRwLockReadGuard, RwLock, mpsc};

use crate::blobs::{Blobs, StagedBlob};
use crate::{
    BucketRecord, BucketTotals, Catalog, Codec, ObjectPage, ObjectRecord, ObjectsError, VerifiedBlob,
};

/// How many pieces of an upload may wait for the disk.
const PIECES_WAITING_MAX: usize = 4;

/// How many unreferenced blobs are collected at a time; in between, uploads go on.
const COLLECT_BATCH: u32 = 64;

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

/// Keeps a blob that was just stored from being collected until something refers to it.
pub struct BlobHold {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    _referring: OwnedRwLockReadGuard<()>,
}

impl Objects {
    /// Opens the store in `directory`. Objects larger than `object_bytes_max` are refused.
    pub fn open(
        directory: &Dir,
        catalog: Arc<dyn Catalog>,
        codec: Arc<dyn Codec>,
        object_bytes_max: u64,
    ) -> Result<Self, ObjectsError> {
        let blobs = Blobs::open(directory, codec)?;
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
        let hold = self.commit(staged, new.expected).await?;
        let record = ObjectRecord {
            project: permit.project().clone(),
            bucket: new.bucket,
            key: new.key,
            digest: hold.digest,
            size_bytes: hold.size_bytes,
            media_type: new.media_type,
            stored: now,
        };
        let event = event(&record);
        self.catalog.put_object(&record, event).await?;
        Ok(record)
    }

    /// Stores `content` as a blob that nothing refers to yet; the caller makes something refer to it before it
    /// drops the hold. Outputs of tasks come in this way.
    pub async fn put_blob(&self, content: Bytes) -> Result<BlobHold, ObjectsError> {
        let blobs = self.blobs.clone();
        let staged = off_runtime(move || {
            let mut staged = blobs.stage()?;
            staged.push(&content)?;
            Ok(staged)
        });
        let staged = staged.await?;
        self.commit(staged, None).await
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

    /// Opens an object whose content was checked.
    pub async fn get(
        &self,
        permit: &Permit<operation::GetObject>,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<(ObjectRecord, VerifiedBlob), ObjectsError> {
        let record = self.find(permit.project(), bucket, key).await?;
        let blob = self.open_verified(record.digest).await?;
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
                if self.catalog.forget_blob(&digest).await? {
                    let blobs = self.blobs.clone();
                    off_runtime(move || blobs.remove(&digest)).await?;
                    collected += 1;
                }
            }
        }
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

    async fn commit(&self, staged: StagedBlob, expected: Option<Digest>) -> Result<BlobHold, ObjectsError> {
        let referring = Arc::clone(&self.referring).read_owned().await;
        let (digest, size_bytes) = off_runtime(move || staged.commit(expected)).await?;
        Ok(BlobHold { digest, size_bytes, _referring: referring })
    }
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
