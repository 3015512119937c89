mod buckets;
mod expiry;
mod figures;
mod leftovers;
mod listing;
mod opening;
mod staging;
mod upkeep;
mod uploads;
mod writing;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use casemate_fs::Dir;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp, VersionId};
use casemate_policy::{Permit, operation};
use futures_util::Stream;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::blobs::BlobStore;
use crate::{
    Attributes, Before, BlobId, Catalog, Deleted, ETag, Encryption, ObjectRecord, ObjectsError, PieceKey,
    Place, ProjectQuota, PutRule, VerifiedBlob, VersionPage, VersionRecord, Versioning,
};

pub use expiry::Lapsed;
pub use figures::{Graph, Node, Storage, Verdict};
pub use leftovers::UploadLeftovers;
pub use listing::Listing;
use opening::Opening;
pub(crate) use uploads::CHUNK_BYTES;
pub use uploads::{CompletedPart, NewPart};
use writing::{check_md5, finish, place};

/// The store of objects.
#[derive(Clone)]
pub struct Objects {
    blobs: BlobStore,
    /// Parts of uploads that are under way, a directory for each upload.
    uploads: Dir,
    catalog: Arc<dyn Catalog>,
    object_bytes_max: u64,
    quota: ProjectQuota,
    /// Shares what it takes to unpack among projects.
    opening: Arc<Opening>,
    /// Content whose put was refused after its file was in place.
    refused: Arc<Mutex<BTreeSet<BlobId>>>,
    /// Content that could not be packed for now.
    set_back: Arc<Mutex<BTreeSet<BlobId>>>,
    /// Held for reading from before a blob's file is in place until something refers to it, and for writing while
    /// blobs that nothing refers to are removed. Without it a blob could go between the two.
    referring: Arc<RwLock<()>>,
}

/// What an upload is to become.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// What the uploader says it is.
    pub media_type: String,
    /// What the uploader says its digest is; checked before anything is acknowledged.
    pub expected: Option<Digest>,
    /// What the uploader says of it beside.
    pub attributes: Attributes,
    /// What must be there before.
    pub rule: PutRule,
    /// Whether its tag is to be the MD5 of its content, as S3 clients expect. It costs another hash.
    pub with_md5: bool,
    /// The MD5 that the uploader announced; checked before anything is acknowledged.
    pub expected_md5: Option<[u8; 16]>,
}

/// When something is stored, and which version it becomes where versions are kept.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The time.
    pub now: Timestamp,
    /// The version.
    pub version: VersionId,
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
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of an object.
    pub object_bytes_max: u64,
    /// Bytes of the disk that objects leave free, for the catalog and the log.
    pub free_bytes_min: u64,
    /// The most that each project may hold.
    pub quota: ProjectQuota,
    /// Vouches for the tables by which parts of large content are checked.
    pub piece_key: PieceKey,
    /// Encrypts what is stored; without it content is stored as it comes.
    pub encryption: Option<Encryption>,
}

impl Objects {
    /// Opens the store in `directory`.
    pub fn open(
        directory: &Dir,
        catalog: Arc<dyn Catalog>,
        settings: Settings,
    ) -> Result<Self, ObjectsError> {
        let Settings { object_bytes_max, free_bytes_min, quota, piece_key, encryption } = settings;
        let blobs = BlobStore::open(directory, free_bytes_min, piece_key, encryption)?;
        let uploads = directory.private_subdir("uploads").map_err(ObjectsError::Files)?;
        uploads.sweep_staged().map_err(ObjectsError::Files)?;
        Ok(Self {
            blobs,
            uploads,
            catalog,
            object_bytes_max,
            quota,
            opening: Arc::default(),
            refused: Arc::default(),
            set_back: Arc::default(),
            referring: Arc::new(RwLock::new(())),
        })
    }

    /// Stores what `body` yields as an object. When this returns, the object is durable and so is its audit entry,
    /// which `event` makes from what is about to be written down; it may still add attributes that only the end of the
    /// body could tell.
    pub async fn put<B, E>(
        &self,
        permit: &Permit<operation::PutObject>,
        new: NewObject,
        body: B,
        stamp: Stamp,
        event: impl FnOnce(&mut ObjectRecord) -> Event,
    ) -> Result<ObjectRecord, ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.check_before(permit.project(), &new).await?;
        let (staged, md5) = self
            .stage(
                permit.project(),
                body,
                (self.object_bytes_max, new.with_md5 || new.expected_md5.is_some()),
            )
            .await?;
        check_md5(new.expected_md5, md5)?;
        let finished = finish(staged, new.expected).await?;
        let hold = self.hold().await;
        let stored = place(finished).await?;
        let record = ObjectRecord {
            project: permit.project().clone(),
            bucket: new.bucket,
            key: new.key,
            digest: stored.digest,
            size_bytes: stored.size_bytes,
            media_type: new.media_type,
            stored: stamp.now,
            etag: md5.filter(|_| new.with_md5).map_or_else(|| ETag::of_digest(&stored.digest), ETag::of_md5),
            attributes: new.attributes,
            version: Some(stamp.version),
        };
        let written = self.write_down(record, &new.rule, event).await;
        drop(hold);
        self.kept_or_refused(written).await
    }

    /// Stores the content of `source` once more, under another key or with other attributes.
    pub async fn copy(
        &self,
        permit: &Permit<operation::PutObject>,
        new: NewObject,
        source: &ObjectRecord,
        stamp: Stamp,
        event: impl FnOnce(&mut ObjectRecord) -> Event,
    ) -> Result<ObjectRecord, ObjectsError> {
        let _hold = self.hold().await;
        let record = ObjectRecord {
            project: permit.project().clone(),
            bucket: new.bucket,
            key: new.key,
            media_type: new.media_type,
            stored: stamp.now,
            attributes: new.attributes,
            version: Some(stamp.version),
            ..source.clone()
        };
        self.write_down(record, &PutRule { known_content: true, ..new.rule }, event).await
    }

    /// Keeps what is stored under it from being collected, until it is dropped.
    pub async fn hold(&self) -> Hold {
        Hold { _referring: Arc::clone(&self.referring).read_owned().await }
    }

    /// Stores `content` as a blob of `project` that nothing refers to yet; the caller makes something refer to it before it
    /// drops the hold. Outputs of tasks come in this way.
    pub async fn put_blob(
        &self,
        _hold: &Hold,
        project: &Project,
        content: Bytes,
    ) -> Result<StoredBlob, ObjectsError> {
        let (blobs, project) = (self.blobs.clone(), project.clone());
        let staged = off_runtime(move || {
            let mut staged = blobs.of(&project)?.stage()?;
            staged.push(&content)?;
            Ok(staged)
        });
        place(finish(staged.await?, None).await?).await
    }

    /// Stores what `body` yields as a blob of `project`, if it has that digest and no more bytes. Nothing refers to it, and nothing keeps it
    /// from being collected: whoever makes something refer to it looks under a hold whether it [is there](Self::is_there).
    pub async fn put_loose_blob<B, E>(
        &self,
        project: &Project,
        (digest, bytes_max): (Digest, u64),
        body: B,
    ) -> Result<StoredBlob, ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (staged, _) = self.stage(project, body, (bytes_max, false)).await?;
        let finished = finish(staged, Some(digest)).await?;
        let _hold = self.hold().await;
        place(finished).await
    }

    /// Whether the content of a blob is there, which stays so while the hold lasts.
    pub async fn is_there(&self, _hold: &Hold, blob: &BlobId) -> Result<bool, ObjectsError> {
        let (blobs, blob) = (self.blobs.clone(), blob.clone());
        off_runtime(move || blobs.of(&blob.project)?.is_there(&blob.digest)).await
    }

    /// Finds an object's record, or that of a version.
    pub async fn stat(
        &self,
        permit: &Permit<operation::StatObject>,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Version,
    ) -> Result<ObjectRecord, ObjectsError> {
        self.find_version(permit.project(), bucket, key, version).await
    }

    /// Finds an object and, if `wanted` says so of its record, opens its content, which was checked then.
    pub async fn get(
        &self,
        permit: &Permit<operation::GetObject>,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
        wanted: impl FnOnce(&ObjectRecord) -> bool,
    ) -> Result<(ObjectRecord, Option<VerifiedBlob>), ObjectsError> {
        let record = self.find_version(permit.project(), bucket, key, version).await?;
        let blob = if wanted(&record) { Some(self.open_verified(record.blob()).await?) } else { None };
        Ok((record, blob))
    }

    /// Opens a blob whose content is checked before it is handed out. It asks for no permit: whoever knows a digest from a record that it
    /// was allowed to read may read what the record stands for, and callers come here only with such digests.
    pub async fn open_verified(&self, blob: BlobId) -> Result<VerifiedBlob, ObjectsError> {
        // Who goes away while waiting waits no more; who waits is in nobody's way but his project's.
        let _place = self.opening.enter(&blob.project).await;
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.of(&blob.project)?.open_verified(&blob.digest)).await
    }

    /// Checks that `project` may use content that it names by digest: it must have it already, as an object or as
    /// what a task of its gave. Digests of other projects can be known (names are public), so knowing one opens nothing.
    pub async fn check_readable(&self, project: &Project, digest: &Digest) -> Result<(), ObjectsError> {
        if self.catalog.is_readable(project, digest).await? {
            return Ok(());
        }
        Err(ObjectsError::BlobMissing { digest: *digest })
    }

    /// Deletes an object, or marks it as deleted where versions are kept. Content goes later, if nothing refers to it.
    pub async fn delete(
        &self,
        permit: &Permit<operation::DeleteObject>,
        place: &Place,
        (before, marker): (&Before, VersionId),
        event: Event,
    ) -> Result<Deleted, ObjectsError> {
        debug_assert_eq!(*permit.project(), place.project);
        match self.catalog.delete_object(place, before, marker, event).await? {
            Deleted::Unfit => Err(ObjectsError::Unfit { absent: false }),
            deleted => Ok(deleted),
        }
    }

    /// Deletes a version for good and returns what it was, if there was one.
    pub async fn delete_version(
        &self,
        permit: &Permit<operation::DeleteObject>,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Option<VersionId>,
        event: Event,
    ) -> Result<Option<VersionRecord>, ObjectsError> {
        let place = Place { project: permit.project().clone(), bucket: bucket.clone(), key: key.clone() };
        Ok(self.catalog.delete_version(&place, version, None, event).await?)
    }

    /// Replaces what is said of an object beside its content; false if it is another object by now.
    pub async fn set_attributes(
        &self,
        _permit: &Permit<operation::TagObject>,
        object: &ObjectRecord,
        attributes: &Attributes,
        event: Event,
    ) -> Result<bool, ObjectsError> {
        Ok(self.catalog.set_attributes(object, attributes, event).await?)
    }

    /// Finds an object's record for a use case that holds another permit in the same project.
    pub async fn find(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<ObjectRecord, ObjectsError> {
        match self.catalog.object(project, bucket, key).await? {
            Some(found) => Ok(found),
            None => {
                let found = self.bucket(project, bucket).await?;
                if found.settings.versioning == Versioning::Off {
                    return Err(not_found(bucket, key));
                }
                Err(self.missing(project, bucket, key).await?)
            }
        }
    }

    /// Finds the record of a version for a use case that holds another permit in the same project.
    pub async fn find_version(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Version,
    ) -> Result<ObjectRecord, ObjectsError> {
        let Version::Given(version) = version else {
            return self.find(project, bucket, key).await;
        };
        let place = Place { project: project.clone(), bucket: bucket.clone(), key: key.clone() };
        match self.catalog.version(&place, version).await? {
            Some(VersionRecord { object: Some(object), .. }) => Ok(object),
            Some(_) => Err(ObjectsError::VersionIsMarker {
                version,
                bucket: bucket.to_string(),
                key: key.to_string(),
            }),
            None => {
                self.bucket(project, bucket).await?;
                Err(ObjectsError::VersionNotFound { bucket: bucket.to_string(), key: key.to_string() })
            }
        }
    }

    /// Why a key of a bucket that keeps versions has no object: there never was one, or it is marked as deleted.
    async fn missing(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<ObjectsError, ObjectsError> {
        let page = VersionPage {
            project: project.clone(),
            bucket: bucket.clone(),
            prefix: key.to_string(),
            after: None,
            past: None,
            limit: 1,
        };
        let newest = self.catalog.versions(&page).await?.into_iter().find(|newest| newest.place.key == *key);
        Ok(newest.map_or_else(
            || not_found(bucket, key),
            |newest| ObjectsError::Marked {
                bucket: bucket.to_string(),
                key: key.to_string(),
                version: newest.version,
            },
        ))
    }
}

/// Which version of an object is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The newest.
    #[default]
    Latest,
    /// This one; `None` inside is the null version.
    Given(Option<VersionId>),
}

fn not_found(bucket: &BucketName, key: &ObjectKey) -> ObjectsError {
    ObjectsError::NotFound { bucket: bucket.to_string(), key: key.to_string() }
}

/// Runs blocking work where it cannot hold up the runtime.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectsError> + Send + 'static,
) -> Result<T, ObjectsError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
