use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp};

use crate::{BucketRecord, BucketTotals, ObjectRecord, Packing};

/// Where it is written down which object is which blob, and how often each blob is referred to.
///
/// A blob is referred to by objects, by name versions and by tasks (module, inputs, outputs). Every method that adds
/// or drops such a reference keeps the count in the same transaction, whichever port it belongs to.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Makes `object` the content of its key, and its bucket if that is new. Returns what the key held before.
    async fn put_object(
        &self,
        object: &ObjectRecord,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError>;

    /// Finds an object.
    async fn object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectRecord>, StoreError>;

    /// Objects of a bucket whose keys start with `prefix` and come after `after` in byte order, at most `limit`.
    async fn objects(&self, page: &ObjectPage) -> Result<Vec<ObjectRecord>, StoreError>;

    /// A project's buckets after `after` in byte order, at most `limit`.
    async fn buckets(
        &self,
        project: &Project,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, StoreError>;

    /// What the buckets of `project` hold together, from their counters.
    async fn totals(&self, project: &Project) -> Result<BucketTotals, StoreError>;

    /// Deletes an object and returns what it was; `None`, and no entry, if there was none.
    async fn delete_object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError>;

    /// Whether an object of `project` has this content, or a task of `project` gave it.
    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError>;

    /// The size of a blob that is written down, or `None`.
    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// Blobs that nothing has referred to since before `before`, at most `limit`.
    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<Digest>, StoreError>;

    /// Forgets a blob if still nothing refers to it; true if it was forgotten, and its bytes may go. Its base, if it has
    /// one, loses a reference at the time `at`.
    async fn forget_blob(&self, digest: &Digest, at: Timestamp) -> Result<bool, StoreError>;

    /// Blobs from `bytes_min` to `bytes_max` bytes that nobody has looked at for packing since they were last put.
    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<Digest>, StoreError>;

    /// Blobs that may serve as the base of `digest`, the most promising first: what lies beside it in its bucket and
    /// prefix, or what that is stored as a difference to. None for a blob that is itself a base.
    async fn base_candidates(&self, digest: &Digest, limit: u32) -> Result<Vec<Digest>, StoreError>;

    /// Writes down how a blob is stored from now on, and refers to its base. False, and nothing is changed, if the blob
    /// is gone, if the base is gone or has a base itself, or if the blob is the base of another and would get one.
    async fn note_packing(
        &self,
        digest: &Digest,
        packing: Packing,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// How a blob is stored; `None` if it is whole as far as anybody has looked, or not written down.
    async fn packing(&self, digest: &Digest) -> Result<Option<Packing>, StoreError>;
}

/// Which part of a bucket to list.
#[derive(Clone, Debug)]
pub struct ObjectPage {
    /// The project.
    pub project: Project,
    /// The bucket.
    pub bucket: BucketName,
    /// What keys must start with; empty for all.
    pub prefix: String,
    /// The key to start after.
    pub after: Option<ObjectKey>,
    /// Most objects to return.
    pub limit: u32,
}
