use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Project, StoreError, TaskId, Timestamp};

use crate::SystemName;

/// Most keys of a project.
pub const KEYS_MAX: u32 = 100;

/// A key that proofs are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKey {
    /// The digest of its bytes, by which it goes.
    pub digest: Digest,
    /// Whose it is.
    pub project: Project,
    /// Of which system.
    pub system: SystemName,
    /// What people call it.
    pub label: String,
    /// The key.
    pub bytes: Vec<u8>,
    /// Who registered it, as the audit log spells it.
    pub actor: String,
    /// When.
    pub created: Timestamp,
}

/// What came of checking a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedProof {
    /// The digest of the proof.
    pub digest: Digest,
    /// Whose task it is.
    pub project: Project,
    /// The task.
    pub task: TaskId,
    /// The key.
    pub key: Digest,
    /// The digest of what it is of.
    pub statement: Digest,
    /// Whether it is a proof of that.
    pub valid: bool,
    /// Who handed it in, as the audit log spells it.
    pub actor: String,
    /// When it was checked.
    pub checked: Timestamp,
}

/// Stored keys and verdicts. Each method is one transaction.
#[async_trait]
pub trait Proofs: Send + Sync + 'static {
    /// Registers a key.
    async fn add_verification_key(&self, key: &VerificationKey, event: Event)
    -> Result<KeyAdded, StoreError>;

    /// Finds a key.
    async fn verification_key(
        &self,
        project: &Project,
        digest: Digest,
    ) -> Result<Option<VerificationKey>, StoreError>;

    /// A project's keys, by digest; at most [`KEYS_MAX`], so there are no pages.
    async fn verification_keys(&self, project: &Project) -> Result<Vec<VerificationKey>, StoreError>;

    /// Removes a key; false if there is none. Verdicts stay.
    async fn remove_verification_key(
        &self,
        project: &Project,
        digest: Digest,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// The verdict on a proof that was handed in before for this task and key; or, where it is valid, for whichever.
    async fn checked_proof(
        &self,
        project: &Project,
        digest: Digest,
        of: (TaskId, Digest),
    ) -> Result<Option<CheckedProof>, StoreError>;

    /// Writes a verdict down, unless the same proof was handed in before for the same task and key.
    async fn record_proof(&self, proof: &CheckedProof, event: Event) -> Result<Recorded, StoreError>;

    /// The verdicts on proofs of a task, oldest first, at most `limit`.
    async fn proofs_of_task(
        &self,
        project: &Project,
        task: TaskId,
        limit: u32,
    ) -> Result<Vec<CheckedProof>, StoreError>;
}

/// How registering a key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAdded {
    /// It is there, perhaps since before.
    Done,
    /// The project has [`KEYS_MAX`].
    TooMany,
}

/// How writing a verdict down ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is written down.
    Done,
    /// The same proof was handed in before, for the same task and key.
    Before(Box<CheckedProof>),
}
