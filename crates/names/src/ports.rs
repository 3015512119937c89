use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Name, Project, StoreError, Timestamp};

use crate::{NameRecord, NameVersion};

/// The one authority over names: each change is one conditional transaction together with its audit entry.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Claims a free name. A released name is free again, and its sequence goes on where it ended.
    async fn claim(&self, change: &NameChange, event: Event) -> Result<Claimed, StoreError>;

    /// Points a name that `change.project` owns at another digest, if its sequence still is `expected`.
    async fn update(&self, change: &NameChange, expected: u64, event: Event) -> Result<Updated, StoreError>;

    /// Releases a name that `project` owns. Its history stays.
    async fn release(
        &self,
        name: &Name,
        project: &Project,
        at: Timestamp,
        event: Event,
    ) -> Result<Released, StoreError>;

    /// Finds a name that is held.
    async fn name(&self, name: &Name) -> Result<Option<NameRecord>, StoreError>;

    /// Versions of a name with a sequence below `before`, newest first, at most `limit`; also of released names.
    async fn history(
        &self,
        name: &Name,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<NameVersion>, StoreError>;

    /// Names that a project holds, in byte order.
    async fn names(&self, page: &NamePage) -> Result<Vec<NameRecord>, StoreError>;
}

/// Which names to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// The project that holds them.
    pub project: Project,
    /// What they begin with; empty for all.
    pub prefix: String,
    /// Only names after this one.
    pub after: Option<Name>,
    /// Most names to return.
    pub limit: u32,
}

/// A claim or an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// The name.
    pub name: Name,
    /// Who is to own it, or owns it.
    pub project: Project,
    /// What it is to mean.
    pub digest: Digest,
    /// Who asked, as the audit log spells it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// How a claim ended. Only `Done` changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The name is claimed.
    Done(NameRecord),
    /// Somebody holds it; perhaps the caller.
    Taken(NameRecord),
    /// No blob with that digest is stored.
    BlobMissing,
}

/// How an update ended. Only `Done` changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The name has a new version.
    Done(NameRecord),
    /// Nobody holds the name.
    Missing,
    /// Another project holds it.
    NotOwner,
    /// It was changed in the meantime; this is how it stands.
    Conflict(NameRecord),
    /// No blob with that digest is stored.
    BlobMissing,
}

/// How a release ended. Only `Done` changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// The name is free.
    Done,
    /// Nobody holds the name.
    Missing,
    /// Another project holds it.
    NotOwner,
}
