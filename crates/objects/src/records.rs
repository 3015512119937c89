use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp};

/// An object as written down in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// The project that owns the object.
    pub project: Project,
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The digest of its content.
    pub digest: Digest,
    /// The size of its content in bytes.
    pub size_bytes: u64,
    /// The media type that the uploader gave, at most 255 bytes; shown, never trusted.
    pub media_type: String,
    /// When it was stored.
    pub stored: Timestamp,
}

/// A bucket with its totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRecord {
    /// The project that owns the bucket.
    pub project: Project,
    /// Its name.
    pub bucket: BucketName,
    /// When it was made.
    pub created: Timestamp,
    /// Objects in it, kept as a counter.
    pub objects: u64,
    /// Bytes of those objects before any sharing, kept as a counter.
    pub size_bytes: u64,
}

/// What the buckets of a project hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketTotals {
    /// Buckets.
    pub buckets: u64,
    /// Objects in them.
    pub objects: u64,
    /// Bytes of those objects before any sharing.
    pub size_bytes: u64,
}

/// How a blob is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The bytes that it takes.
    pub stored_bytes: u64,
    /// The blob that it is stored as a difference to. That blob itself has none, so a read applies one difference at
    /// most.
    pub base: Option<Digest>,
}
