use casemate_fs::FsError;
use casemate_model::Digest;

use super::CodecError;
use crate::BucketError;

/// Why an operation on a bucket in DeltaGlider's format failed.
#[derive(Debug, thiserror::Error)]
pub enum DeltaGliderError {
    /// There is no object of that name, in any form.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The logical key.
        key: String,
    },
    /// Text that cannot name an object.
    #[error("`{}` cannot name an object: {reason}", key.escape_debug())]
    BadKey {
        /// The text.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The object claims to be DeltaGlider's, and its metadata does not say what is needed.
    #[error("the metadata of `{key}` has no usable `{field}`")]
    BadMetadata {
        /// The key in the bucket.
        key: String,
        /// The field.
        field: &'static str,
    },
    /// A delta, or the reference of one, beside which nothing stands any more.
    #[error(
        "`{key}` is of DeltaGlider's format and has lost its metadata; copy directories of objects with `cp -a` or `rsync -X`"
    )]
    MetadataLost {
        /// The key in the bucket.
        key: String,
    },
    /// The bytes are not those that were stored. They are not given out.
    #[error("`{key}` is damaged: its SHA-256 is {found} and should be {expected}")]
    Damaged {
        /// The key in the bucket, or the logical key.
        key: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A delta whose reference is gone.
    #[error("`{key}` cannot be rebuilt: its reference `{reference}` is not there")]
    ReferenceMissing {
        /// The logical key.
        key: String,
        /// The reference's key.
        reference: String,
    },
    /// DeltaGlider unpacked the archive before it stored it, and what is there cannot simply be packed again.
    #[error(
        "`{key}` was stored unpacked by DeltaGlider, which cannot pack it again exactly; `rescue` tries to"
    )]
    NeedsRescue {
        /// The logical key.
        key: String,
    },
    /// No way of packing gave the file that was stored.
    #[error("`{key}` could not be rescued: {reason}")]
    NotRescued {
        /// The logical key.
        key: String,
        /// How far it came.
        reason: &'static str,
    },
    /// DeltaGlider's proxy encrypted it with a key of its own.
    #[error("`{key}` is encrypted by DeltaGlider's proxy and can only be read through it")]
    Encrypted {
        /// The key in the bucket.
        key: String,
    },
    /// The delta could not be made or applied.
    #[error("the delta of `{key}` failed")]
    Codec {
        /// The logical key.
        key: String,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A fresh delta gives something else than what it was made of. Nothing was stored.
    #[error("the new delta of `{key}` does not give the file back; nothing was stored")]
    Unfaithful {
        /// The logical key.
        key: String,
    },
    /// Somebody else stored under the same key at the same time. Nothing of ours was stored.
    #[error("`{key}` was stored by somebody else at the same time; try again")]
    Conflict {
        /// The logical key.
        key: String,
    },
    /// The key is stored in two forms of the same age, and nothing says which is meant.
    #[error("`{key}` is stored twice, plain and as a delta, at the same moment; delete one of them")]
    Ambiguous {
        /// The logical key.
        key: String,
    },
    /// The name is taken by an object that is not DeltaGlider's.
    #[error("`{stored}` is in the way: it is not DeltaGlider's, and `{key}` can only be stored there")]
    Occupied {
        /// The logical key.
        key: String,
        /// The key in the bucket.
        stored: String,
    },
    /// Deltas need the reference.
    #[error("`{key}` is the reference of {dependents} or more deltas, which could not be read any more")]
    HasDependents {
        /// The reference's key.
        key: String,
        /// How many were seen before the count ended.
        dependents: usize,
    },
    /// The file is larger than is kept in memory.
    #[error("`{key}` has {size_bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// The logical key.
        key: String,
        /// Its size.
        size_bytes: u64,
        /// The most allowed.
        bytes_max: u64,
    },
    /// What the user wants attached does not fit beside DeltaGlider's own fields.
    #[error("the metadata of `{key}` has {bytes} bytes, more than the {bytes_max} that stores take")]
    MetadataTooLarge {
        /// The logical key.
        key: String,
        /// How many there are.
        bytes: usize,
        /// The most allowed.
        bytes_max: usize,
    },
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Memory could not be sealed.
    #[error("the content could not be held")]
    Memory(#[from] FsError),
    /// The thread that computed is gone.
    #[error("the computation of a delta broke off")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl DeltaGliderError {
    /// Whether it is a matter of this one object, so that others in the bucket may fare better.
    pub fn is_of_one_object(&self) -> bool {
        match self {
            Self::Bucket(error) => error.is_of_one_object(),
            // Who has no memory for one has none for the next.
            Self::Memory(_) => false,
            Self::NotFound { .. }
            | Self::BadKey { .. }
            | Self::BadMetadata { .. }
            | Self::MetadataLost { .. }
            | Self::Damaged { .. }
            | Self::ReferenceMissing { .. }
            | Self::NeedsRescue { .. }
            | Self::NotRescued { .. }
            | Self::Encrypted { .. }
            | Self::Codec { .. }
            | Self::Unfaithful { .. }
            | Self::Conflict { .. }
            | Self::Ambiguous { .. }
            | Self::Occupied { .. }
            | Self::HasDependents { .. }
            | Self::TooLarge { .. }
            | Self::MetadataTooLarge { .. }
            | Self::Interrupted(_) => true,
        }
    }
}
