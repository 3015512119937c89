use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Name, Project, StoreError, Timestamp};

use crate::{NameRecord, NameVersion};

/// The one authority over names: each change is one conditional transaction together with its audit entry.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Claims a name to which nothing stands in the way. A released
    /// name is free again, and its sequence goes on where it ended.
    async fn claim(&self, change: &NameChange, event: Event) -> Result<Claimed, StoreError>;

    /// Points a name that `change.project` owns at another digest, if its sequence still is `expected`.
    async fn update(&self, change: &NameChange, expected: u64, event: Event) -> Result<Updated, StoreError>;

    /// What stands in the way of a claim of `project` now. It is said by who decides, so that there is none is true at that
    /// moment.
    async fn obstacle(
        &self,
        name: &Name,
        project: &Project,
        now: Timestamp,
    ) -> Result<Option<Obstacle>, StoreError>;

    /// Releases a name that `project` owns. Its history stays, and until `free_from` nobody else gets what looks like it.
    async fn release(
        &self,
        name: &Name,
        project: &Project,
        (at, free_from): (Timestamp, Timestamp),
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
    /// Something stands in the way.
    Refused(Obstacle),
    /// No blob with that digest is stored.
    BlobMissing,
}

/// What stands in the way of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Somebody holds it; perhaps whoever asks.
    Held(NameRecord),
    /// Another project holds this name, above or below it.
    OfAnother(Name),
    /// This name is held, and looks the same.
    LooksLike(Name),
    /// Another project had it, or what looks like it, and until then nobody else gets it.
    CoolingOff(Timestamp),
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
