//! Buckets and objects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The header of an upload that announces the digest of its body. Other bytes are refused.
pub const DIGEST_HEADER: &str = "x-casemate-digest";

/// The media type of an object whose uploader named none.
pub const MEDIA_TYPE_DEFAULT: &str = "application/octet-stream";

/// A bucket with its totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Its name.
    #[schema(example = "builds")]
    pub bucket: String,
    /// How many objects are in it.
    pub objects: u64,
    /// The bytes of those objects, before any sharing.
    pub size_bytes: u64,
    /// How many older versions and marks of deletion are in it.
    pub versions: u64,
    /// The bytes of those versions, before any sharing.
    pub version_bytes: u64,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// What happens to its objects by time.
    pub lifecycle: Vec<LifecycleRule>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// What it took when it was measured last; null if it never was.
    #[schema(required = true)]
    pub measured: Option<BucketSample>,
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Versioning {
    /// It never did.
    Off,
    /// Every change makes a version.
    On,
    /// Versions that were made stay; changes go to the null version.
    Suspended,
}

impl Versioning {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Suspended => "suspended",
        }
    }
}

/// What happens to objects of a bucket by time. The node looks once an hour what is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// What its owner calls it; unique in the bucket.
    #[schema(example = "nightly")]
    pub id: String,
    /// What keys must start with; empty for all.
    #[serde(default)]
    #[schema(example = "nightly/")]
    pub prefix: String,
    /// Whether it is carried out; it is unless said otherwise.
    #[serde(default = "is_enabled")]
    pub enabled: bool,
    /// Days after which an object expires: it is deleted, or marked as deleted where versions are kept.
    #[serde(default)]
    pub expire_days: Option<u32>,
    /// Which older versions are removed.
    #[serde(default)]
    pub older_versions: Option<OlderVersions>,
    /// Whether a mark of deletion goes when no version is left behind it.
    #[serde(default)]
    pub lone_marks: bool,
    /// Days after which an upload in parts is given up.
    #[serde(default)]
    pub abort_uploads_days: Option<u32>,
}

const fn is_enabled() -> bool {
    true
}

/// Which older versions are removed: those that were replaced `days` ago, except the newest `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OlderVersions {
    /// Days since a version was replaced; 0 for at once.
    #[serde(default)]
    pub days: u32,
    /// Older versions of each object that stay in any case.
    #[serde(default)]
    pub keep: u32,
}

/// What a bucket held at a time, and what that took on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketSample {
    /// The day in UTC.
    #[schema(format = Date, example = "2026-01-31")]
    pub day: String,
    /// When it was measured.
    #[schema(format = DateTime)]
    pub measured: String,
    /// How many objects were in it.
    pub objects: u64,
    /// How many older versions and marks of deletion.
    pub versions: u64,
    /// The bytes of all of them, before any sharing.
    pub content_bytes: u64,
    /// The bytes that they took, what they share counted once.
    pub stored_bytes: u64,
}

/// What a project holds, and the most that it may: its operator sets that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
// What runs use has the plain name in the document.
#[schema(as = ProjectUsage)]
pub struct Usage {
    /// Objects, older versions and marks of deletion in all buckets.
    pub objects: u64,
    /// The most there may be; null for any number.
    #[schema(required = true)]
    pub objects_max: Option<u64>,
    /// The bytes of all of them and of unfinished uploads, before any sharing.
    pub bytes: u64,
    /// The most there may be; null for any number.
    #[schema(required = true)]
    pub bytes_max: Option<u64>,
    /// How many of these bytes are parts of unfinished uploads.
    #[serde(default)]
    #[schema(required = true)]
    pub upload_bytes: u64,
}

/// A bucket to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBucket {
    /// Its name.
    #[schema(example = "builds")]
    pub bucket: String,
    /// Whether it keeps versions; off unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<Versioning>,
}

/// Settings of a bucket to change; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigureBucket {
    /// Whether it keeps versions: on or suspended. What kept versions once cannot be as if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<Versioning>,
    /// The lifecycle rules, in the place of those that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Vec<LifecycleRule>>,
}

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Object {
    /// The bucket that it is in.
    #[schema(example = "builds")]
    pub bucket: String,
    /// Its key.
    #[schema(example = "app/1.4.wasm")]
    pub key: String,
    /// The digest of its content.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
    /// The size of its content.
    pub size_bytes: u64,
    /// The media type that the uploader gave. It is shown, never trusted.
    #[schema(example = "application/wasm")]
    pub media_type: String,
    /// When it was stored.
    #[schema(format = DateTime)]
    pub stored: String,
    /// Its version: an id, or `null` as text where none are kept.
    #[schema(example = "null")]
    pub version: String,
}

/// A folder of a bucket, or an object in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FolderEntry {
    /// What keys begin with, up to a slash.
    Folder(String),
    /// An object.
    Object(Object),
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectVersion {
    /// The bucket.
    #[schema(example = "builds")]
    pub bucket: String,
    /// The object's key.
    #[schema(example = "app/1.4.wasm")]
    pub key: String,
    /// Its id, or `null` as text for the one that was made while none were kept.
    #[schema(example = "null")]
    pub version: String,
    /// Whether it is the newest of its key.
    pub latest: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub stored: String,
    /// The digest of its content; null if it says that the object was deleted.
    #[schema(required = true)]
    pub digest: Option<String>,
    /// The size of its content.
    pub size_bytes: u64,
}

/// What reading an object's content again found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// The object.
    #[serde(flatten)]
    pub object: Object,
    /// What was found.
    pub verdict: Verdict,
    /// When it was read.
    #[schema(format = DateTime)]
    pub verified: String,
}

/// Whether stored content is what was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its bytes are those that were put.
    Sound,
    /// They are not. They are set aside; storing the content again heals it.
    Damaged,
    /// There are none. Storing the content again heals it.
    Missing,
}

impl Verdict {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
        }
    }
}

/// Content of a prefix, and what of it is stored as a difference to what. Bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The content, in the order of its keys; bases that are elsewhere come last.
    pub nodes: Vec<GraphNode>,
    /// Whether there is more than the graph shows.
    pub truncated: bool,
}

/// Content of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Its digest.
    pub digest: String,
    /// The bucket of an object that has it.
    pub bucket: String,
    /// The key of that object.
    pub key: String,
    /// The version of that object.
    pub version: String,
    /// How many versions under the prefix have it; 0 if it is only needed as a base.
    pub versions: u64,
    /// Its size.
    pub size_bytes: u64,
    /// The bytes that it takes; null until the node has looked whether packing pays.
    #[schema(required = true)]
    pub stored_bytes: Option<u64>,
    /// How it is stored.
    pub form: Form,
    /// The place in `nodes` of its base; null if it has none, or one that the project does not have.
    #[schema(required = true)]
    pub base: Option<u64>,
}

/// How content is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As it is.
    Whole,
    /// Compressed, by itself.
    Packed,
    /// As the difference to a base.
    Difference,
}

/// An object and how its content is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectInfo {
    /// The object.
    #[serde(flatten)]
    pub object: Object,
    /// The bytes that its content takes on the disk; null until the node has looked whether packing pays. Content that
    /// several objects share is stored once.
    #[schema(required = true)]
    pub stored_bytes: Option<u64>,
    /// How it is stored.
    pub form: Form,
    /// An object that has the content that it is stored as a difference to; null if it stands alone, or if the project
    /// has that content no more.
    #[schema(required = true)]
    pub base: Option<Base>,
}

/// An upload in parts to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginUpload {
    /// The bucket, which must be there.
    #[schema(example = "builds")]
    pub bucket: String,
    /// The object's key.
    #[schema(example = "disk.img")]
    pub key: String,
    /// The media type of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// An upload in parts that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadBegun {
    /// Its id.
    pub upload: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// When it was begun.
    #[schema(format = DateTime)]
    pub begun: String,
}

/// A part of an upload that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPart {
    /// Its number.
    pub number: u32,
    /// Its size.
    pub size_bytes: u64,
}

/// An upload to complete with all parts that are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteUpload {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The size of the whole. If the parts do not have it together, one is missing, and nothing is done.
    pub size_bytes: u64,
}

/// A link to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateShare {
    /// The bucket.
    #[schema(example = "builds")]
    pub bucket: String,
    /// The object's key.
    #[schema(example = "app/1.4.wasm")]
    pub key: String,
    /// The version; the newest unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How long the link is good for: from a minute to 30 days.
    #[schema(example = 86400)]
    pub seconds: u64,
}

/// A link that opens one version of an object to whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The link. Nobody can show it again.
    pub url: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The version.
    pub version: String,
    /// The content that it opens.
    pub digest: String,
    /// From when on it is refused.
    #[schema(format = DateTime)]
    pub expires: String,
}

/// What content is stored as a difference to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Base {
    /// The bucket of an object that has it.
    pub bucket: String,
    /// The key of that object.
    pub key: String,
    /// The version of that object.
    pub version: String,
}

/// An object of the caller's project, named by where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    /// The bucket.
    #[schema(example = "builds")]
    pub bucket: String,
    /// The key.
    #[schema(example = "app/1.4.wasm")]
    pub key: String,
}
