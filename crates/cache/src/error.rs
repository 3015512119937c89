use casemate_fs::FsError;
use casemate_model::Digest;

/// Why a cache could not be opened or used. A damaged or attacked entry is none of these: it is a miss, and an event.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The content to be kept is not what its key says. Nothing was kept.
    #[error("content that should be {expected} is {found}; it was not kept")]
    WrongContent {
        /// What the key says.
        expected: Digest,
        /// What the content hashes to.
        found: Digest,
    },
    /// A file or directory of the cache could not be used.
    #[error("the cache's files cannot be used")]
    Files(#[source] FsError),
    /// The cache is to outlive the process, but its key would not.
    #[error(
        "a cache that is kept needs a key; set CASEMATE_CACHE_ENCRYPTION_KEY, or keep it for the process only"
    )]
    KeptWithoutKey,
    /// No thread could be started to watch the cache.
    #[error("the cache's monitor cannot be started")]
    Monitor(#[source] std::io::Error),
    /// No free directory was found.
    #[error("no directory for this process could be made in `{base}`")]
    NoDirectory {
        /// Where it was tried.
        base: String,
    },
}

impl From<FsError> for CacheError {
    fn from(error: FsError) -> Self {
        Self::Files(error)
    }
}

/// Why it cannot be told which cache is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Something is set that does not exist.
    #[error("`{name}` is no setting of the cache")]
    Unknown {
        /// The flag, variable or entry of the file.
        name: String,
    },
    /// A setting has a value that means nothing.
    #[error("`{name}` is `{value}`, expected {expected}")]
    BadValue {
        /// The flag, variable or entry of the file.
        name: String,
        /// What it was set to.
        value: String,
        /// What would mean something.
        expected: &'static str,
    },
    /// A number is none, or out of range.
    #[error("`{name}` is `{value}`, expected a whole number from 1 to {max}")]
    BadNumber {
        /// The flag, variable or entry of the file.
        name: String,
        /// What it was set to.
        value: String,
        /// The highest allowed.
        max: u64,
    },
    /// A key that is none. It is not repeated here.
    #[error("`{name}` is no key: {reason}")]
    BadKey {
        /// The variable or entry of the file.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is to be kept, but nothing it is encrypted with would be.
    #[error(
        "a cache that outlives the process needs a key; set CASEMATE_CACHE_ENCRYPTION_KEY, or leave it ephemeral"
    )]
    KeptWithoutKey,
    /// It is not known where users' caches lie.
    #[error(
        "there is no place for the cache; set CASEMATE_CACHE_DIR, XDG_CACHE_HOME or HOME to an absolute path"
    )]
    NoDirectory,
}
