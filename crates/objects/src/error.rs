use casemate_fs::FsError;
use casemate_model::{Digest, StoreError};

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
    /// Bytes could not be written to or read from an open file.
    #[error("cannot {action} the content of an object")]
    Io {
        /// What was attempted: "read", "write".
        action: &'static str,
        /// The failure underneath.
        #[source]
        source: std::io::Error,
    },
    /// The catalog could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
