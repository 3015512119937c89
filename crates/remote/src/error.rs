use casemate_fs::FsError;

/// The failure underneath, of whichever library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a bucket failed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The bucket answered that there is no such object.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The key.
        key: String,
    },
    /// The key has an object, and only a free one was wanted. Nothing was stored.
    #[error("there is an object `{key}` already")]
    Exists {
        /// The key.
        key: String,
    },
    /// The object is not the one that was to be replaced. Nothing was stored.
    #[error("the object `{key}` changed meanwhile")]
    Changed {
        /// The key.
        key: String,
    },
    /// The credentials do not allow it, or are none.
    #[error("access to `{key}` is denied; check the credentials and the bucket's policy")]
    Denied {
        /// The key or prefix.
        key: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// No answer, or none that tells. Nothing follows from it, least of all that an object is absent.
    #[error("cannot {action} `{key}`: the bucket did not answer as it should")]
    Unavailable {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The key or prefix.
        key: String,
        /// What happened.
        #[source]
        source: Cause,
    },
    /// A key that this kind of bucket cannot hold, or that could lead elsewhere.
    #[error("`{}` cannot be a key here: {reason}", key.escape_debug())]
    BadKey {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes were asked for that the object does not have.
    #[error("the bytes asked for lie outside of `{key}`, which has {size_bytes}")]
    BadRange {
        /// The key.
        key: String,
        /// How many bytes it has.
        size_bytes: u64,
    },
    /// The object is larger than its reader takes.
    #[error("`{key}` is larger than the {bytes_max} bytes allowed for it")]
    TooLarge {
        /// The key.
        key: String,
        /// The most allowed.
        bytes_max: u64,
    },
    /// More objects than anyone here lists.
    #[error("more than {keys_max} keys begin with `{prefix}`")]
    TooMany {
        /// How they begin.
        prefix: String,
        /// The most allowed.
        keys_max: usize,
    },
    /// The bytes broke off, or went on.
    #[error("`{key}` gave {found} bytes instead of {announced}")]
    WrongLength {
        /// The key.
        key: String,
        /// As many as the store announced.
        announced: u64,
        /// As many as came.
        found: u64,
    },
    /// The store cannot do this.
    #[error("this bucket cannot {what}")]
    Unsupported {
        /// What was wanted, as a verb.
        what: &'static str,
    },
    /// The settings name no bucket that could exist.
    #[error("the settings of the bucket are not usable")]
    Settings(#[source] Cause),
    /// A bucket in a directory failed.
    #[error("the directory of the bucket failed")]
    Files(#[from] FsError),
}

impl BucketError {
    /// Whether the bucket answered that there is no such object.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether somebody else was faster: the condition of a put did not hold.
    pub fn is_lost_race(&self) -> bool {
        matches!(self, Self::Exists { .. } | Self::Changed { .. })
    }
}
