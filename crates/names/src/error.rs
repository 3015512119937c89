use casemate_model::{Digest, Name, StoreError, Timestamp};

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
    /// A name above or below it is another project's.
    #[error("the name `{name}` goes with `{holder}`, which another project holds")]
    OfAnother {
        /// The name asked for.
        name: Name,
        /// The name that is held.
        holder: Name,
    },
    /// A name that is held looks the same.
    #[error("the name `{name}` looks like `{other}`, which is held")]
    LooksLike {
        /// The name asked for.
        name: Name,
        /// The name that is held.
        other: Name,
    },
    /// Another project had it until a while ago.
    #[error(
        "the name `{name}`, or one that looks like it, was given up by another project, and is free for others from {until} on"
    )]
    CoolingOff {
        /// The name asked for.
        name: Name,
        /// From when on it is free.
        until: Timestamp,
    },
    /// Nobody gets it.
    #[error(
        "the name `{name}` ends in a word that nobody gets: it means something else on networks, or to people"
    )]
    Reserved {
        /// The name asked for.
        name: Name,
    },
    /// It would be believed too easily.
    #[error(
        "the name `{name}` ends in a word that people trust; who runs the node may claim it for somebody"
    )]
    HighRisk {
        /// The name asked for.
        name: Name,
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
