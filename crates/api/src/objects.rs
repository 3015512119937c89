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
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
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
    /// The content that it is stored as a difference to; null if it stands alone.
    #[schema(required = true)]
    pub base: Option<String>,
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
