//! Where the store keeps what it knows: five small ports, which one catalog implements.

mod inventory;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp, UploadId, VersionId};

use crate::{
    Attributes, Before, BlobId, BucketRecord, BucketSample, BucketSettings, BucketTotals, Configured,
    Deleted, ObjectRecord, Packing, PartPut, PartRecord, ProjectQuota, ProjectUsage, Put, PutRule,
    UploadRecord, VersionRecord,
};

pub use inventory::{BlobRecord, Inventory};

/// Where it is written down which object is which blob, and how often each blob is referred to.
pub trait Catalog: BlobCatalog + BucketCatalog + ObjectCatalog + SampleCatalog + UploadCatalog {}

impl<T: BlobCatalog + BucketCatalog + ObjectCatalog + SampleCatalog + UploadCatalog> Catalog for T {}

/// The objects of buckets, and their versions.
///
/// A blob is referred to by versions of objects, names and tasks (module, inputs, outputs) of its project, and by tasks of
/// other projects that run it by its name. Every method that adds or drops such a reference keeps the count in the same
/// transaction, whichever port it belongs to.
#[async_trait]
pub trait ObjectCatalog: Send + Sync + 'static {
    /// Makes `object` the content of its key if `rule` allows it. Its version counts only in a bucket that keeps
    /// versions; elsewhere it becomes the null version, in the place of what was there.
    async fn put_object(
        &self,
        object: &ObjectRecord,
        rule: &PutRule,
        event: Event,
    ) -> Result<Put, StoreError>;

    /// Finds an object.
    async fn object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectRecord>, StoreError>;

    /// Objects of a bucket whose keys start with `prefix` and come after `after` in byte order, at most `limit`.
    async fn objects(&self, page: &ObjectPage) -> Result<Vec<ObjectRecord>, StoreError>;

    /// Deletes an object if `before` fits it; in a bucket that keeps versions it is marked as deleted by the version
    /// `marker`. No entry is made if there was nothing to do.
    async fn delete_object(
        &self,
        place: &Place,
        before: &Before,
        marker: VersionId,
        event: Event,
    ) -> Result<Deleted, StoreError>;

    /// Finds a version of an object; `None` as its id is the null version.
    async fn version(
        &self,
        place: &Place,
        version: Option<VersionId>,
    ) -> Result<Option<VersionRecord>, StoreError>;

    /// Versions of a bucket's objects by key, the newest of a key first.
    async fn versions(&self, page: &VersionPage) -> Result<Vec<VersionRecord>, StoreError>;

    /// Deletes a version for good, if it was made at the time `made` where one is given, and returns what it was. What was
    /// before the newest version comes to light again.
    async fn delete_version(
        &self,
        place: &Place,
        version: Option<VersionId>,
        made: Option<Timestamp>,
        event: Event,
    ) -> Result<Option<VersionRecord>, StoreError>;

    /// Replaces what is said of a version beside its content; false, and no entry, if what is there is not `object`.
    async fn set_attributes(
        &self,
        object: &ObjectRecord,
        attributes: &Attributes,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Whether an object of `project` has this content, or a task of `project` gave it.
    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError>;
}

/// Buckets.
#[async_trait]
pub trait BucketCatalog: Send + Sync + 'static {
    /// Makes an empty bucket; false, and no entry, if it is there already.
    async fn create_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        settings: &BucketSettings,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Finds a bucket.
    async fn bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
    ) -> Result<Option<BucketRecord>, StoreError>;

    /// A project's buckets after `after` in byte order, at most `limit`.
    async fn buckets(
        &self,
        project: &Project,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, StoreError>;

    /// Replaces the settings `read` of a bucket by `settings`. No entry if there is no such bucket, or it has other settings
    /// by now.
    async fn configure_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        (read, settings): (&BucketSettings, &BucketSettings),
        event: Event,
    ) -> Result<Configured, StoreError>;

    /// Deletes a bucket in which there is nothing: no object, no version and no upload.
    async fn delete_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        event: Event,
    ) -> Result<BucketDeleted, StoreError>;

    /// The settings of all buckets of a name, whoever they belong to, at most a hundred.
    async fn settings_of(&self, bucket: &BucketName) -> Result<Vec<BucketSettings>, StoreError>;

    /// What the buckets of `project` hold together, from their counters.
    async fn totals(&self, project: &Project) -> Result<BucketTotals, StoreError>;

    /// The same, as quotas count it.
    async fn usage(&self, project: &Project) -> Result<ProjectUsage, StoreError>;
}

/// What buckets took, day by day.
#[async_trait]
pub trait SampleCatalog: Send + Sync + 'static {
    /// Adds up how many bytes the objects and versions of a bucket take, what they share counted once, with the bases of
    /// differences. It looks at each of them.
    async fn stored_bytes(&self, project: &Project, bucket: &BucketName) -> Result<u64, StoreError>;

    /// Buckets of all projects after one of them, at most `limit`.
    async fn every_bucket(
        &self,
        after: Option<(Project, BucketName)>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, StoreError>;

    /// Writes a sample down in the place of that of the same day, and removes those of before `oldest_day`. Nothing
    /// happens if the bucket is gone.
    async fn put_sample(
        &self,
        project: &Project,
        bucket: &BucketName,
        sample: &BucketSample,
        oldest_day: u64,
    ) -> Result<(), StoreError>;

    /// Samples of a bucket before a day, the newest first, at most `limit`; of all buckets of the project together if
    /// none is named.
    async fn samples(
        &self,
        project: &Project,
        bucket: Option<&BucketName>,
        before_day: u64,
        limit: u32,
    ) -> Result<Vec<BucketSample>, StoreError>;
}

/// Uploads in parts, until they are completed or given up.
#[async_trait]
pub trait UploadCatalog: Send + Sync + 'static {
    /// Begins an upload; false, and no entry, if its bucket does not exist.
    async fn begin_upload(&self, upload: &UploadRecord, event: Event) -> Result<bool, StoreError>;

    /// Finds an upload.
    async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>, StoreError>;

    /// Uploads of a bucket by key and id, after a key and an id of it.
    async fn uploads(&self, page: &UploadPage) -> Result<Vec<UploadRecord>, StoreError>;

    /// Writes a part down in the place of a former one, if the project then holds no more than `quota`. Looked at in the
    /// transaction that makes the change, as for objects.
    async fn put_part(
        &self,
        upload: &UploadRecord,
        part: &PartRecord,
        quota: ProjectQuota,
    ) -> Result<PartPut, StoreError>;

    /// Parts of an upload after the number `after`, at most `limit`.
    async fn parts(&self, id: UploadId, after: u32, limit: u32) -> Result<Vec<PartRecord>, StoreError>;

    /// Forgets an upload and its parts; false if it was over already. With an event if it is given up.
    async fn end_upload(&self, upload: &UploadRecord, event: Option<Event>) -> Result<bool, StoreError>;

    /// Uploads that were begun before `before`, at most `limit`.
    async fn stale_uploads(&self, before: Timestamp, limit: u32) -> Result<Vec<UploadRecord>, StoreError>;
}

/// Blobs: how they are stored, and whether anything refers to them.
#[async_trait]
pub trait BlobCatalog: Send + Sync + 'static {
    /// The size of a blob that is written down, or `None`.
    async fn blob_size(&self, blob: &BlobId) -> Result<Option<u64>, StoreError>;

    /// Blobs that nothing has referred to since before `before`, at most `limit`.
    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<BlobId>, StoreError>;

    /// Forgets a blob if still nothing refers to it; true if it was forgotten, and its bytes may go. Its base, if it has
    /// one, loses a reference at the time `at`.
    async fn forget_blob(&self, blob: &BlobId, at: Timestamp) -> Result<bool, StoreError>;

    /// Blobs from `bytes_min` to `bytes_max` bytes that nobody has looked at for packing since they were last put.
    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<BlobId>, StoreError>;

    /// Content of the same project that may serve as the base of `blob`, the most promising first: what lies beside it in its
    /// bucket and prefix, or what that is stored as a difference to. None for a blob that is itself a base.
    async fn base_candidates(&self, blob: &BlobId, limit: u32) -> Result<Vec<Digest>, StoreError>;

    /// Writes down how a blob is stored from now on, and refers to its base. False, and nothing is changed, if the blob
    /// is gone, if the base is gone or has a base itself, or if the blob is the base of another and would get one.
    async fn note_packing(&self, blob: &BlobId, packing: Packing, at: Timestamp) -> Result<bool, StoreError>;

    /// How a blob is stored; `None` if it is whole as far as anybody has looked, or not written down.
    async fn packing(&self, blob: &BlobId) -> Result<Option<Packing>, StoreError>;

    /// An object or version that is `blob`, present ones first; `None` if there is none.
    async fn place_of(&self, blob: &BlobId) -> Result<Option<Located>, StoreError>;
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The project.
    pub project: Project,
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
}

/// An object or a version of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where the object is.
    pub place: Place,
    /// The version; `None` is the null version.
    pub version: Option<VersionId>,
}

/// What became of a request to delete a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketDeleted {
    /// It is gone.
    Done,
    /// There is none.
    Absent,
    /// There is something in it.
    NotEmpty,
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
    /// The text to start after; it need not be a key.
    pub after: Option<String>,
    /// What keys must not start with, nor come before: a folder that was listed already.
    pub past: Option<String>,
    /// Most objects to return.
    pub limit: u32,
}

/// Which versions of a bucket to list.
#[derive(Clone, Debug)]
pub struct VersionPage {
    /// The project.
    pub project: Project,
    /// The bucket.
    pub bucket: BucketName,
    /// What keys must start with; empty for all.
    pub prefix: String,
    /// The text to start at, and the sequence of it to start after; all of the key was listed if it is 0.
    pub after: Option<(String, u64)>,
    /// What keys must not start with, nor come before: a folder that was listed already.
    pub past: Option<String>,
    /// Most versions to return.
    pub limit: u32,
}

/// Which uploads of a bucket to list.
#[derive(Clone, Debug)]
pub struct UploadPage {
    /// The project.
    pub project: Project,
    /// The bucket.
    pub bucket: BucketName,
    /// What keys must start with; empty for all.
    pub prefix: String,
    /// The text and upload to start after; without an upload, after all of a key.
    pub after: Option<(String, Option<UploadId>)>,
    /// Most uploads to return.
    pub limit: u32,
}
