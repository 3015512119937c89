mod quota;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp, UploadId, VersionId};

use crate::{BlobId, LifecycleRule, Place};

pub use quota::{OverQuota, ProjectQuota, ProjectUsage};

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
    /// What S3 clients compare.
    pub etag: ETag,
    /// What the uploader said beside.
    pub attributes: Attributes,
    /// Its version; the null version in a bucket that keeps none.
    pub version: Option<VersionId>,
}

impl ObjectRecord {
    /// Where the object is.
    pub fn place(&self) -> Place {
        Place { project: self.project.clone(), bucket: self.bucket.clone(), key: self.key.clone() }
    }

    /// Its content.
    pub fn blob(&self) -> BlobId {
        BlobId::new(&self.project, self.digest)
    }
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// Where the object is.
    pub place: Place,
    /// The version; `None` is the null version.
    pub version: Option<VersionId>,
    /// Counts up with each version of the key.
    pub sequence: u64,
    /// Whether it is the newest of its key.
    pub latest: bool,
    /// When it was made.
    pub stored: Timestamp,
    /// What it holds; `None` says that the object was deleted then.
    pub object: Option<ObjectRecord>,
}

/// The tag of an entity as S3 clients know it, without quotes: 1 to 64 characters of 0-9, a-f and hyphens.
///
/// Content that came in one piece has its MD5, content that came in parts the MD5 of their MD5s and their number, as
/// clients expect. Other content has the front of its digest with a hyphen behind, which no client takes for an MD5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

/// Text that is no [`ETag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entity tag has 1 to 64 characters of 0-9, a-f and hyphens")]
pub struct ETagError;

impl ETag {
    /// The tag of content whose MD5 nobody asked for.
    pub fn of_digest(digest: &Digest) -> Self {
        Self(format!("{}-0", &digest.to_hex()[..32]))
    }

    /// The tag of content that came in one piece.
    pub fn of_md5(md5: [u8; 16]) -> Self {
        Self(md5.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The tag of content that came in `count` parts, of the MD5 of their MD5s.
    pub fn of_parts(md5: [u8; 16], count: usize) -> Self {
        Self(format!("{}-{count}", Self::of_md5(md5).0))
    }

    /// The text form, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The MD5 that it stands for; `None` for content that came in parts.
    pub fn md5(&self) -> Option<[u8; 16]> {
        if self.0.len() != 32 {
            return None;
        }
        let mut md5 = [0; 16];
        for (index, byte) in md5.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&self.0[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(md5)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ETag {
    type Err = ETagError;

    fn from_str(text: &str) -> Result<Self, ETagError> {
        let sound = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(sound);
        if fits { Ok(Self(text.to_owned())) } else { Err(ETagError) }
    }
}

/// What an uploader says of an object beside its content. It is kept and shown, never trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Headers of HTTP that go out with the content, by their lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The user's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Checksums that were verified when it came, by the name of their algorithm, in base64.
    pub checksums: BTreeMap<String, String>,
    /// The sizes of the parts that it came in.
    pub parts: Vec<u64>,
}

impl Attributes {
    /// Most bytes of names and values of metadata, the limit of S3.
    pub const METADATA_BYTES_MAX: usize = 2 << 10;
    /// Most tags, the limit of S3.
    pub const TAGS_MAX: usize = 10;
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
    /// Older versions and marks of deletion, kept as a counter.
    pub versions: u64,
    /// Bytes of those versions before any sharing, kept as a counter.
    pub version_bytes: u64,
    /// Bytes of the parts of its unfinished uploads, kept as a counter.
    pub upload_bytes: u64,
    /// What its owner has set.
    pub settings: BucketSettings,
}

/// Whether a text can be the media type of an object: it goes out as the header that it is, whatever it says.
pub fn is_media_type(text: &str) -> bool {
    (1..=MEDIA_TYPE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The longest media type.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// What a bucket held at a time, and what that took on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSample {
    /// The day in UTC, counted from 1970.
    pub day: u64,
    /// When it was measured.
    pub measured: Timestamp,
    /// Objects.
    pub objects: u64,
    /// Older versions and marks of deletion.
    pub versions: u64,
    /// Bytes of all of them before any sharing.
    pub content_bytes: u64,
    /// Bytes that they take, what they share among them counted once.
    pub stored_bytes: u64,
}

impl BucketSample {
    /// Days of which a bucket keeps samples: a year, and a month to compare it with.
    pub const DAYS_MAX: u64 = 396;

    /// The day of a time.
    pub fn day_of(time: Timestamp) -> u64 {
        time.as_millis() / 86_400_000
    }
}

/// What the owner of a bucket decides about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Which pages of other origins may use it.
    pub cors: Vec<CorsRule>,
    /// What happens to its objects by time.
    pub lifecycle: Vec<LifecycleRule>,
}

impl BucketSettings {
    /// Most tags of a bucket, the limit of S3.
    pub const TAGS_MAX: usize = 50;
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// Every change makes a version.
    On,
    /// Versions that were made stay; changes go to the null version.
    Suspended,
}

/// Which pages of other origins may use a bucket, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// Origins, each with one `*` at most.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Headers that a request may have, each with one `*` at most.
    pub headers: Vec<String>,
    /// Headers of the answer that the page may read.
    pub exposed: Vec<String>,
    /// How long a browser may remember it, in seconds.
    pub age_seconds_max: Option<u32>,
    /// What its owner calls it.
    pub id: Option<String>,
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

/// When an object may be put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutRule {
    /// Only into a bucket that is there; otherwise it is made.
    pub bucket_exists: bool,
    /// What must be there before.
    pub before: Before,
    /// Its content is stored already, as that of another object.
    pub known_content: bool,
    /// The upload that it completes, which ends in the same transaction: there is no moment at which both are there, or
    /// neither.
    pub completes: Option<UploadId>,
    /// Only if the project then holds no more than this. Looked at in the transaction that makes the change, one project at
    /// a time, so that no number of requests at once gets past it.
    pub quota: ProjectQuota,
}

/// What must be in an object's place before it is put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// It does not matter.
    #[default]
    Anything,
    /// Nothing.
    Absent,
    /// Something.
    Present,
    /// An object with this tag.
    Tagged(String),
    /// An object that was stored at this time.
    StoredAt(Timestamp),
}

impl Before {
    /// Whether `object` is what must be there.
    pub fn fits(&self, object: Option<&ObjectRecord>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => object.is_none(),
            Self::Present => object.is_some(),
            Self::Tagged(etag) => object.is_some_and(|object| object.etag.as_str() == etag),
            Self::StoredAt(time) => object.is_some_and(|object| object.stored == *time),
        }
    }
}

/// What became of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is done.
    Done {
        /// What the key held before.
        former: Option<Box<ObjectRecord>>,
        /// The version that it made.
        version: Option<VersionId>,
    },
    /// There is no such bucket.
    NoBucket,
    /// Its content, which was to be there, is gone.
    NoContent,
    /// The upload that it completes is over.
    NoUpload {
        /// Which.
        id: UploadId,
    },
    /// The project would hold more than its quota.
    OverQuota(OverQuota),
    /// The place does not hold what it must; it is empty if this is true.
    Unfit {
        /// Whether there was nothing in the place.
        absent: bool,
    },
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartPut {
    /// It is written down.
    Done {
        /// The part of that number before.
        former: Option<PartRecord>,
    },
    /// The upload is over.
    NoUpload,
    /// The project would hold more than its quota.
    OverQuota(OverQuota),
}

/// What became of new settings of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configured {
    /// They are written down.
    Done,
    /// There is no such bucket.
    Absent,
    /// Its settings are not what they were made of.
    Overtaken,
}

/// What became of a request to delete an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// There was nothing.
    Absent,
    /// What was there is not what must be.
    Unfit,
    /// It is gone.
    Removed(Box<ObjectRecord>),
    /// It is marked as deleted; its versions stay.
    Marked {
        /// What was there.
        former: Option<Box<ObjectRecord>>,
        /// The version that says so.
        version: Option<VersionId>,
    },
}

/// An upload in parts that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// Its id.
    pub id: UploadId,
    /// Where the object will be.
    pub place: Place,
    /// The media type of the object.
    pub media_type: String,
    /// What the uploader says of the object.
    pub attributes: Attributes,
    /// When it was begun.
    pub begun: Timestamp,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its tag.
    pub etag: ETag,
    /// The file that holds it, beneath the upload's directory.
    pub file: String,
    /// Checksums that were verified when it came.
    pub checksums: BTreeMap<String, String>,
    /// When it came.
    pub stored: Timestamp,
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
