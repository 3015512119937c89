use casemate_fs::SealedBytes;

use crate::{CacheError, EntryKey};

/// A cache for content from places that nobody need trust. Calls block; they may come from any thread.
///
/// No call takes or returns a path: what is handed out is sealed memory, and the bytes in it are the bytes that were
/// hashed.
pub trait Cache: Send + Sync {
    /// Keeps content, and makes room for it if need be. An error if it does not hash to what the key says.
    fn put(&self, key: &EntryKey, content: &[u8]) -> Result<Put, CacheError>;

    /// Hands out content that hashes to what the key says; none if there is none. What is damaged, forged, expired or
    /// of another owner counts as none, and the watcher is told.
    fn get(&self, key: &EntryKey) -> Result<Option<SealedBytes>, CacheError>;

    /// Removes an entry; false if there was none.
    fn forget(&self, key: &EntryKey) -> Result<bool, CacheError>;

    /// How much there is.
    fn usage(&self) -> CacheUsage;
}

/// What became of content that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Stored,
    /// It was kept already.
    Held,
    /// It is larger than the whole cache, or there is no cache.
    NotKept,
}

/// How much a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// How many entries.
    pub entries: usize,
    /// How many different contents; entries may share one.
    pub contents: usize,
    /// What they cost, in bytes, overhead included.
    pub bytes: u64,
}

/// The cache that keeps nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoCache;

impl Cache for NoCache {
    fn put(&self, key: &EntryKey, content: &[u8]) -> Result<Put, CacheError> {
        crate::vault::check_content(key, content).map(|()| Put::NotKept)
    }

    fn get(&self, _key: &EntryKey) -> Result<Option<SealedBytes>, CacheError> {
        Ok(None)
    }

    fn forget(&self, _key: &EntryKey) -> Result<bool, CacheError> {
        Ok(false)
    }

    fn usage(&self) -> CacheUsage {
        CacheUsage::default()
    }
}
