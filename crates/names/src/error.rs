use casemate_model::{Digest, Name, StoreError};

/// Why an operation on names failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// Nobody holds the name.
    #[error("the name `{name}` is not claimed")]
    NotClaimed {
        /// The name asked for.
        name: Name,
    },
    /// Somebody holds the name.
    #[error("the name `{name}` is taken")]
    Taken {
        /// The name asked for.
        name: Name,
        /// Whether it is the caller's own project that holds it.
        own: bool,
    },
    /// Another project holds the name.
    #[error("the name `{name}` belongs to another project")]
    NotOwner {
        /// The name asked for.
        name: Name,
    },
    /// The name was changed since the caller looked.
    #[error("the name `{name}` is at version {found}, not {expected}")]
    Stale {
        /// The name asked for.
        name: Name,
        /// The version that the caller knew.
        expected: u64,
        /// The version it has.
        found: u64,
    },
    /// Nothing with the digest is stored, so the name would mean nothing.
    #[error("no content with the digest {digest} is stored")]
    BlobMissing {
        /// The digest asked for.
        digest: Digest,
    },
    /// The registry could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
