use std::sync::Arc;

use async_trait::async_trait;
use casemate_model::{Digest, Name, StoreError, Timestamp};

/// A registry's own node, which has a log and can prove what it says.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The name of the log.
    fn log(&self) -> String;

    /// Proofs of the versions of names that are the newest ones, and that the log has at place `after` or later, in the log's order, at
    /// most `limit`.
    async fn changes(&self, after: u64, limit: u32) -> Result<LogChanges, StoreError>;

    /// Proofs of names that are held, after a name, in byte order, of at most `limit` that are looked at; the last of those is said, too.
    async fn held(&self, after: Option<&Name>, limit: u32)
    -> Result<(Vec<String>, Option<Name>), StoreError>;

    /// Waits until the log has an entry at `place`.
    async fn wait_for(&self, place: u64);
}

/// What changed in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogChanges {
    /// Texts of proofs.
    pub proofs: Vec<String>,
    /// Where to go on from.
    pub next: u64,
    /// Whether there is more now.
    pub more: bool,
}

/// A proof that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptProof {
    /// Where it is looked for.
    pub place: Digest,
    /// Its text.
    pub proof: Arc<[u8]>,
    /// When it was last received.
    pub received: Timestamp,
}

/// Up to where a log was followed, and when that was all there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// The first entry that was not looked at.
    pub next: u64,
    /// When nothing more was there; zero if that never was.
    pub complete: Timestamp,
}

/// Where proofs are kept through restarts.
#[async_trait]
pub trait ProofStore: Send + Sync + 'static {
    /// Proofs after a place, in the order of places, at most `limit`.
    async fn proofs(&self, after: Option<Digest>, limit: u32) -> Result<Vec<KeptProof>, StoreError>;

    /// Writes down a proof, in the place of the one that was there.
    async fn keep_proofs(&self, proofs: &[KeptProof]) -> Result<(), StoreError>;

    /// Drops proofs.
    async fn drop_proofs(&self, places: &[Digest]) -> Result<(), StoreError>;

    /// Up to where a log was followed.
    async fn log_position(&self, log: &str) -> Result<Option<LogPosition>, StoreError>;

    /// Writes down up to where a log was followed.
    async fn set_log_position(&self, log: &str, position: LogPosition) -> Result<(), StoreError>;
}
