use async_trait::async_trait;
use casemate_ledger::{Event, NameChange, NameRecord, OwnerSignature, SignedNameRecord};
use casemate_model::{Digest, Name, Project, RegistryId, StoreError, Tag, Timestamp};

use crate::{HeldName, NameAt, NameVersion, NewCommitment, Notice, Revealed};

/// The one authority over names: each change is one conditional transaction together with its audit entry.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Which registry it is.
    fn id(&self) -> RegistryId;

    /// Claims a name to which nothing stands in the way, if the version is the one that comes after its last, and `above` is all that
    /// is held above it, as it is.
    async fn claim(
        &self,
        version: &NewVersion,
        above: &[HeldName],
        event: Event,
    ) -> Result<Claimed, StoreError>;

    /// Keeps a commitment, in the place of those that are too old to be revealed; one that is there stays. Returns when it was made;
    /// `None` if the project has [`COMMITMENTS_MAX`](crate::COMMITMENTS_MAX) others.
    async fn commit(&self, new: &NewCommitment, event: Event) -> Result<Option<Timestamp>, StoreError>;

    /// Writes the next version of a name, if it is the one that comes after its newest. A version that ends the name leaves its
    /// history, and until [`NewVersion::free_from`] nobody but who gave it up gets what looks like it.
    async fn replace(&self, version: &NewVersion, event: Event) -> Result<Replaced, StoreError>;

    /// Notes what was said about a name's end, and when there is more, if it still is at version `sequence` and at what was said
    /// before; false if not. `event` says it.
    async fn note(
        &self,
        name: &HeldName,
        next: (Notice, Timestamp),
        event: Option<Event>,
    ) -> Result<bool, StoreError>;

    /// What stands in the way of a claim of `project` now. It is said by who decides, so that there is none is true at that
    /// moment.
    async fn obstacle(
        &self,
        name: &Name,
        project: &Project,
        now: Timestamp,
    ) -> Result<Option<Obstacle>, StoreError>;

    /// The name and all above it, as far as they are held, as one moment had them; the nearest first.
    async fn family(&self, name: &Name) -> Result<Vec<HeldName>, StoreError>;

    /// Names below a name, in no order, at most `limit`.
    async fn below(&self, name: &Name, limit: u32) -> Result<Vec<HeldName>, StoreError>;

    /// What there is at a name.
    async fn at(&self, name: &Name) -> Result<NameAt, StoreError>;

    /// Names that say something in DNS, after `after`, in byte order, at most `limit`.
    async fn saying(&self, after: Option<&Name>, limit: u32) -> Result<Vec<HeldName>, StoreError>;

    /// A number that grows with every change of any name. It grows at other times, too.
    async fn serial(&self) -> Result<u64, StoreError>;

    /// The logs of other nodes that decide over the same names, and how many entries each has.
    async fn logs_elsewhere(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Changes of names that a log has from entry `from` on, in its order, at most `limit`.
    async fn changes_in(&self, log: &str, from: u64, limit: u32) -> Result<Vec<LoggedChange>, StoreError>;

    /// Where the history of a name ended; all zero if it has none.
    async fn last(&self, name: &Name) -> Result<LastVersion, StoreError>;

    /// A version with its signatures, and where the log has it; `None` if there is none, or none with a record.
    async fn signed(&self, name: &Name, sequence: u64) -> Result<Option<LoggedRecord>, StoreError>;

    /// Versions that are their names' newest, as this node's log has them from entry `after` on, in its order, at most `limit`.
    async fn logged_changes(&self, after: u64, limit: u32) -> Result<Vec<LoggedRecord>, StoreError>;

    /// The newest versions of names that are held, after a name, in byte order, at most `limit`; those without a record left out.
    async fn logged_held(&self, after: Option<&Name>, limit: u32) -> Result<Vec<LoggedRecord>, StoreError>;

    /// Names that time has to do with by `now`, the longest due first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<HeldName>, StoreError>;

    /// Versions of a name with a sequence below `before`, newest first, at most `limit`; also of names that ended.
    async fn history(
        &self,
        name: &Name,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<NameVersion>, StoreError>;

    /// Names of a project.
    async fn names(&self, page: &NamePage) -> Result<Vec<HeldName>, StoreError>;
}

/// A version that is to be the newest of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The name as it is to stand.
    pub held: HeldName,
    /// Who signed it.
    pub signatures: Vec<OwnerSignature>,
    /// Who asked, as the audit log spells it.
    pub actor: String,
    /// From when on others may have the name, if it ends.
    pub free_from: Timestamp,
    /// The commitment that is revealed, and gone then, if it is a claim with one.
    pub revealed: Option<Revealed>,
}

/// Where the history of a name ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastVersion {
    /// The number of its last life; 0 if it had none.
    pub epoch: u64,
    /// The number of its last version; 0 if it had none.
    pub sequence: u64,
    /// The digest of that version's record.
    pub record: Digest,
}

/// A version with its signatures, and where the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    /// The record.
    pub signed: SignedNameRecord,
    /// The node whose log it is in, if that is another.
    pub elsewhere: Option<String>,
    /// The number of the log's entry.
    pub entry: u64,
}

/// A change of a name, and where a log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// The name.
    pub name: Name,
    /// What happened.
    pub change: NameChange,
    /// The number of the log's entry.
    pub entry: u64,
}

/// Which names to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// The project.
    pub project: Project,
    /// What it has to do with them.
    pub which: WhichNames,
    /// Only names after this one.
    pub after: Option<Name>,
    /// Most names to return.
    pub limit: u32,
}

/// What a project has to do with names that are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichNames {
    /// It holds them, and they begin so; in byte order.
    Prefix(String),
    /// It holds them, and sorts them so; in byte order.
    Tagged(Tag),
    /// It holds them; those that end first come first.
    Ending,
    /// They are offered to it; in byte order.
    Offered,
}

/// How a claim ended. Only `Done` changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The name is claimed.
    Done,
    /// Something stands in the way.
    Refused(Obstacle),
    /// Its history, or what is above it, is another than was thought.
    Overtaken,
    /// No blob with that digest is stored.
    BlobMissing,
    /// There is no such commitment of that age.
    NotCommitted,
}

/// What stands in the way of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// This project holds it; perhaps whoever asks.
    Held(Project),
    /// Another project holds this name, above or below it.
    OfAnother(Name),
    /// This name is held, and looks the same.
    LooksLike(Name),
    /// Another project had it, or what looks like it, or it was taken from whoever asks; until then they do not get it.
    CoolingOff(Timestamp),
}

/// How a change of a name that is held ended. Only `Done` changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The name has a new version.
    Done,
    /// Nobody holds the name.
    Missing,
    /// It was changed in the meantime, and is at this version.
    Conflict(u64),
    /// Another project holds this name below it, which goes with it: it is not released.
    OfAnother(Name),
    /// No blob with that digest is stored.
    BlobMissing,
}

impl NewVersion {
    /// The record with its signatures.
    pub fn signed(&self) -> SignedNameRecord {
        SignedNameRecord::new(self.held.record.clone(), self.signatures.clone())
    }

    /// The record.
    pub fn record(&self) -> &NameRecord {
        &self.held.record
    }
}

impl LastVersion {
    /// Of a name that nobody ever had.
    pub const NONE: Self = Self { epoch: 0, sequence: 0, record: NameRecord::NO_PREVIOUS };
}
