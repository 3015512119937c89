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
    /// What the bucket has of the object makes no sense. Others in the bucket may be sound.
    #[error("what the bucket says of `{key}` cannot be read")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// What was to be stored could not be read. Nothing was stored.
    #[error("what is to be stored as `{key}` cannot be read")]
    Source {
        /// The key.
        key: String,
        /// Why not.
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

    /// Whether it is a matter of this one object, so that others in the bucket may fare better.
    pub fn is_of_one_object(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Changed { .. }
            | Self::Denied { .. }
            | Self::Unreadable { .. }
            | Self::Source { .. }
            | Self::BadKey { .. }
            | Self::BadRange { .. }
            | Self::TooLarge { .. }
            | Self::WrongLength { .. } => true,
            Self::Files(error) => !matches!(error, FsError::NoSpace { .. }),
            Self::Unavailable { .. }
            | Self::TooMany { .. }
            | Self::Unsupported { .. }
            | Self::Settings(_) => false,
        }
    }

    /// What the server did instead of what was asked, if that is known.
    pub fn server_fault(&self) -> Option<&ServerFault> {
        match self {
            Self::Unavailable { source, .. } | Self::Denied { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }

    /// Whether somebody else was faster: the condition of a put did not hold.
    pub fn is_lost_race(&self) -> bool {
        matches!(self, Self::Exists { .. } | Self::Changed { .. })
    }
}

/// What a server did that no server of this kind does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// It answered with something else than an answer of S3.
    #[error("the server answered {what}, not as S3 does")]
    NotS3 {
        /// With what.
        what: String,
    },
    /// It cannot be reached.
    #[error("the server cannot be reached ({reason})")]
    Unreachable {
        /// Why not.
        reason: String,
    },
    /// There is no such bucket.
    #[error("the server says that there is no such bucket ({reason})")]
    NoBucket {
        /// What it said.
        reason: String,
    },
    /// It wants to be asked elsewhere.
    #[error("the server wants to be asked elsewhere ({reason})")]
    Elsewhere {
        /// What it said.
        reason: String,
    },
    /// It answered with an error.
    #[error("the server answered {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// Its answer never seemed to end.
    #[error("the server's answer has more than {bytes_max} bytes; it was not read on")]
    AnswerTooLong {
        /// The most that is read.
        bytes_max: usize,
    },
    /// It gave more than can have been asked for.
    #[error("the server gave {found} keys at once and may give {keys_max}")]
    PageTooLong {
        /// As many as it gave.
        found: usize,
        /// The most.
        keys_max: usize,
    },
    /// A list that leads back to one of its own pages.
    #[error("the server's list leads back to a page that it gave before; it was not read on")]
    PagesRepeat,
    /// A list of nothing that never ends.
    #[error("the server gave {pages_max} pages of a list with nothing in them; it was not read on")]
    PagesEmpty {
        /// The most that are read.
        pages_max: usize,
    },
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
