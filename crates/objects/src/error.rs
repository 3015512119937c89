use casemate_fs::FsError;
use casemate_model::{Digest, StoreError, UploadId, VersionId};

use crate::LifecycleError;

/// Why an operation on objects failed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// There is no such object.
    #[error("there is no object `{key}` in the bucket `{bucket}`")]
    NotFound {
        /// The bucket asked for.
        bucket: String,
        /// The key asked for.
        key: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}`")]
    BucketNotFound {
        /// The bucket asked for.
        bucket: String,
    },
    /// A bucket cannot be deleted with something in it.
    #[error("the bucket `{bucket}` is not empty: objects, versions or uploads are in it")]
    BucketNotEmpty {
        /// The bucket.
        bucket: String,
    },
    /// Others changed the settings of the bucket again and again while they were to be changed.
    #[error("the settings of the bucket `{bucket}` are changed by too many at once")]
    BucketContended {
        /// The bucket.
        bucket: String,
    },
    /// There is no such version of the object.
    #[error("there is no such version of `{key}` in the bucket `{bucket}`")]
    VersionNotFound {
        /// The bucket asked for.
        bucket: String,
        /// The key asked for.
        key: String,
    },
    /// There is no such object: its newest version says that it was deleted.
    #[error(
        "there is no object `{key}` in the bucket `{bucket}`: it was deleted, and older versions of it are there"
    )]
    Marked {
        /// The bucket asked for.
        bucket: String,
        /// The key asked for.
        key: String,
        /// The version that says so; `None` is the null version.
        version: Option<VersionId>,
    },
    /// The version says that the object was deleted, and has no content.
    #[error("that version of `{key}` in the bucket `{bucket}` says that it was deleted")]
    VersionIsMarker {
        /// The version.
        version: Option<VersionId>,
        /// The bucket asked for.
        bucket: String,
        /// The key asked for.
        key: String,
    },
    /// What is in the place is not what the request says must be there. Nothing was stored.
    #[error("the key does not hold what the request says it must{}", if *absent { ": it holds nothing" } else { "" })]
    Unfit {
        /// Whether there was nothing.
        absent: bool,
    },
    /// There is no such upload, or it is over.
    #[error("there is no upload {id}, or it is over")]
    UploadNotFound {
        /// The upload asked for.
        id: UploadId,
    },
    /// A part's number is out of range.
    #[error("a part has a number from 1 to {number_max}, not {number}")]
    PartNumber {
        /// The number given.
        number: u32,
        /// The greatest there is.
        number_max: u32,
    },
    /// Parts must be named in ascending order, and at least one.
    #[error("the parts of an upload are named in ascending order, and at least one of them")]
    PartOrder,
    /// A part was not uploaded, or is another than the one that is named.
    #[error("part {number} was not uploaded, or has another entity tag")]
    PartMissing {
        /// Its number.
        number: u32,
    },
    /// A part that is not the last is too small.
    #[error("part {number} is smaller than 5 MiB, and only the last may be")]
    PartTooSmall {
        /// Its number.
        number: u32,
    },
    /// A part's stored bytes are not what was uploaded.
    #[error("the stored bytes of part {number} are damaged; upload it again")]
    PartDamaged {
        /// Its number.
        number: u32,
    },
    /// No blob with the digest is stored.
    #[error("no content with the digest {digest} is stored")]
    BlobMissing {
        /// The digest asked for.
        digest: Digest,
    },
    /// The stored bytes are not what was put. They are not served.
    #[error("the stored content of {digest} is damaged; it is set aside and not served")]
    Corrupt {
        /// What the content should have been.
        digest: Digest,
    },
    /// The upload is not what the uploader said it would be. Nothing was stored.
    #[error("the upload has the digest {found}, not {expected} as announced")]
    DigestMismatch {
        /// What the uploader announced.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// The upload does not have the MD5 that the uploader announced. Nothing was stored.
    #[error("the upload does not have the MD5 that was announced")]
    Md5Mismatch,
    /// The upload is larger than allowed. Nothing was stored.
    #[error("the upload is larger than the {bytes_max} bytes that an object may have")]
    TooLarge {
        /// The most allowed.
        bytes_max: u64,
    },
    /// The upload broke off. Nothing was stored.
    #[error("the upload broke off")]
    UploadBroken {
        /// What the connection reported.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Files could not be read or written.
    #[error("the object directory failed")]
    Files(#[source] FsError),
    /// The disk is nearly full. Nothing was stored.
    #[error(
        "only {free_bytes} bytes are free on the disk of the objects, and {free_bytes_min} are kept for the node itself"
    )]
    NoRoom {
        /// The bytes free.
        free_bytes: u64,
        /// The least that objects leave.
        free_bytes_min: u64,
    },
    /// So much packed content is being read that there is no room to unpack more.
    #[error("too much packed content is being read at once; try again in a moment")]
    Busy,
    /// Bytes could not be written to or read from an open file.
    #[error("cannot {action} the content of an object")]
    Io {
        /// What was attempted: "read", "write".
        action: &'static str,
        /// The failure underneath.
        #[source]
        source: std::io::Error,
    },
    /// The project holds as much as it may. Nothing was stored.
    #[error("the project has {used} {what} of the {max} that it may have, and {more} more were to be stored")]
    QuotaExceeded {
        /// What there would be too much of.
        what: &'static str,
        /// What there is.
        used: u64,
        /// What was to come to it.
        more: u64,
        /// The most there may be.
        max: u64,
    },
    /// Rules of a bucket cannot be.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// The catalog could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
