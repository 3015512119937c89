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
