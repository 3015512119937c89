//! Names: one conditional transaction each.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Name, Project, StoreError, Timestamp};
use casemate_names::{
    Claimed, NameChange, NamePage, NameRecord, NameVersion, NameVersionKind, Obstacle, Registry, Released,
    Updated,
};
use casemate_objects::BlobId;

use crate::catalog::first_text_past;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Registry for Store {
    async fn claim(&self, change: &NameChange, event: Event) -> Result<Claimed, StoreError> {
        self.change(Claim { change: change.clone(), event }).await
    }

    async fn update(&self, change: &NameChange, expected: u64, event: Event) -> Result<Updated, StoreError> {
        self.change(Update { change: change.clone(), expected, event }).await
    }

    async fn obstacle(
        &self,
        name: &Name,
        project: &Project,
        now: Timestamp,
    ) -> Result<Option<Obstacle>, StoreError> {
        self.change(Look { name: name.clone(), project: project.clone(), now }).await
    }

    async fn release(
        &self,
        name: &Name,
        project: &Project,
        (at, free_from): (Timestamp, Timestamp),
        event: Event,
    ) -> Result<Released, StoreError> {
        self.change(Release { name: name.clone(), project: project.clone(), at, free_from, event }).await
    }

    async fn name(&self, name: &Name) -> Result<Option<NameRecord>, StoreError> {
        let action = "read a name";
        read_one(self.row(action, &NAME, values![name]).await?, action, name_record)
    }

    async fn history(
        &self,
        name: &Name,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<NameVersion>, StoreError> {
        let action = "read the history of a name";
        let before = before.unwrap_or(SEQUENCE_MAX).min(SEQUENCE_MAX);
        let rows = self.rows(action, &HISTORY, values![name, before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, name_version)
    }

    async fn names(&self, page: &NamePage) -> Result<Vec<NameRecord>, StoreError> {
        let action = "list names";
        let after = page.after.as_ref().map(Name::as_str).unwrap_or_default();
        // All characters of names are less than a tilde.
        let end = first_text_past(&page.prefix).unwrap_or_else(|| "~".to_owned());
        let values = values![page.project, after, page.prefix, end, page.limit.min(PAGE_MAX)];
        let rows = self.rows(action, &NAMES, values).await?;
        read_all(rows, action, name_record)
    }
}

/// The greatest number that a column holds; no sequence gets there.
const SEQUENCE_MAX: u64 = i64::MAX.unsigned_abs();

struct Claim {
    change: NameChange,
    event: Event,
}

#[async_trait]
impl Change for Claim {
    type Answer = Claimed;
    const ACTION: &'static str = "claim a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Claimed, Failure> {
        let change = &self.change;
        // Names of one tree are claimed one after another: else of two that exclude each other both could be.
        tx.row(&LOCK_TREE, values![change.name.top()]).await?;
        if let Some(obstacle) = obstacle(tx, &change.name, &change.project, change.at).await? {
            return Ok(Claimed::Refused(obstacle));
        }
        if !tx.refer_to_readable(&BlobId::new(&change.project, change.digest)).await? {
            return Ok(Claimed::BlobMissing);
        }
        let last = tx.row(&LAST_SEQUENCE, values![change.name]).await?;
        let last: u64 = last.map(|row| row.only("name version")).transpose()?.unwrap_or(0);
        let record = NameRecord {
            name: change.name.clone(),
            project: change.project.clone(),
            sequence: last + 1,
            digest: change.digest,
            claimed: change.at,
            updated: change.at,
        };
        let values = values![
            record.name,
            record.project,
            record.sequence,
            record.digest,
            record.claimed,
            record.updated,
            record.name.reversed(),
        ];
        tx.execute(&INSERT_NAME, values).await?;
        let skeleton = values![record.name.skeleton(), record.name, record.project];
        if tx.execute(&TAKE_SKELETON, skeleton).await? == 0 {
            // Somebody of another tree was first, at the same moment.
            return Err(Failure::Overtaken);
        }
        insert_version(tx, version(change, record.sequence, NameVersionKind::Claimed)).await?;
        tx.record(&self.event).await?;
        Ok(Claimed::Done(record))
    }
}

struct Look {
    name: Name,
    project: Project,
    now: Timestamp,
}

#[async_trait]
impl Change for Look {
    type Answer = Option<Obstacle>;
    const ACTION: &'static str = "look whether a name is free";

    /// It changes nothing. It takes its turn among those that do, so that what it says was so at one moment.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Obstacle>, Failure> {
        obstacle(tx, &self.name, &self.project, self.now).await
    }
}

/// What stands in the way of a claim.
async fn obstacle(
    tx: &mut Tx<'_>,
    name: &Name,
    project: &Project,
    now: Timestamp,
) -> Result<Option<Obstacle>, Failure> {
    if let Some(held) = held(tx, name).await? {
        return Ok(Some(Obstacle::Held(held)));
    }
    for above in name.ancestors() {
        if let Some(held) = held(tx, &above).await?.filter(|held| held.project != *project) {
            return Ok(Some(Obstacle::OfAnother(held.name)));
        }
    }
    // A slash is the character after a dot.
    let reversed = name.reversed();
    let values = values![format!("{reversed}."), format!("{reversed}/"), project];
    if let Some(row) = tx.row(&BELOW_OF_ANOTHER, values).await? {
        return Ok(Some(Obstacle::OfAnother(row.only("name")?)));
    }
    let Some(row) = tx.row(&WHO_LOOKS_SO, values![name.skeleton()]).await? else { return Ok(None) };
    let mut columns = row.read("what a name looks like");
    let (other, former, free_from): (Name, Project, Option<Timestamp>) =
        (columns.next()?, columns.next()?, columns.next()?);
    Ok(match free_from {
        None => Some(Obstacle::LooksLike(other)),
        Some(until) if until > now && former != *project => Some(Obstacle::CoolingOff(until)),
        Some(_) => None,
    })
}

struct Update {
    change: NameChange,
    expected: u64,
    event: Event,
}

#[async_trait]
impl Change for Update {
    type Answer = Updated;
    const ACTION: &'static str = "update a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Updated, Failure> {
        let change = &self.change;
        let held = match held(tx, &change.name).await? {
            None => return Ok(Updated::Missing),
            Some(held) if held.project != change.project => return Ok(Updated::NotOwner),
            Some(held) if held.sequence != self.expected => return Ok(Updated::Conflict(held)),
            Some(held) => held,
        };
        if held.digest == change.digest {
            // What the name means already, it may go on meaning.
            if !tx.refer_to_known(&BlobId::new(&change.project, change.digest)).await? {
                return Ok(Updated::BlobMissing);
            }
        } else if !tx.refer_to_readable(&BlobId::new(&change.project, change.digest)).await? {
            return Ok(Updated::BlobMissing);
        }
        tx.drop_reference(&BlobId::new(&held.project, held.digest), change.at).await?;
        let record =
            NameRecord { sequence: held.sequence + 1, digest: change.digest, updated: change.at, ..held };
        let values = values![record.name, record.sequence, record.digest, record.updated];
        tx.execute(&UPDATE_NAME, values).await?;
        insert_version(tx, version(change, record.sequence, NameVersionKind::Updated)).await?;
        tx.record(&self.event).await?;
        Ok(Updated::Done(record))
    }
}

struct Release {
    name: Name,
    project: Project,
    at: Timestamp,
    free_from: Timestamp,
    event: Event,
}

#[async_trait]
impl Change for Release {
    type Answer = Released;
    const ACTION: &'static str = "release a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Released, Failure> {
        let held = match held(tx, &self.name).await? {
            None => return Ok(Released::Missing),
            Some(held) if held.project != self.project => return Ok(Released::NotOwner),
            Some(held) => held,
        };
        tx.execute(&DELETE_NAME, values![self.name]).await?;
        tx.execute(&GIVE_UP_SKELETON, values![self.name.skeleton(), self.name, self.free_from]).await?;
        tx.drop_reference(&BlobId::new(&held.project, held.digest), self.at).await?;
        let released = NameVersion {
            name: held.name,
            project: held.project,
            sequence: held.sequence + 1,
            kind: NameVersionKind::Released,
            digest: None,
            actor: self.event.actor.to_string(),
            at: self.at,
        };
        insert_version(tx, released).await?;
        tx.record(&self.event).await?;
        Ok(Released::Done)
    }
}

async fn held(tx: &mut Tx<'_>, name: &Name) -> Result<Option<NameRecord>, Failure> {
    tx.row(&LOCK_NAME, values![name]).await?.map(name_record).transpose()
}

fn version(change: &NameChange, sequence: u64, kind: NameVersionKind) -> NameVersion {
    NameVersion {
        name: change.name.clone(),
        project: change.project.clone(),
        sequence,
        kind,
        digest: Some(change.digest),
        actor: change.actor.clone(),
        at: change.at,
    }
}

async fn insert_version(tx: &mut Tx<'_>, version: NameVersion) -> Result<(), Failure> {
    let values = values![
        version.name,
        version.sequence,
        version.project,
        version.kind,
        version.digest,
        version.actor,
        version.at,
    ];
    tx.execute(&INSERT_VERSION, values).await.map(drop)
}

pub(crate) fn name_record(row: Row) -> Result<NameRecord, Failure> {
    let mut columns = row.read("name");
    Ok(NameRecord {
        name: columns.next()?,
        project: columns.next()?,
        sequence: columns.next()?,
        digest: columns.next::<Digest>()?,
        claimed: columns.next()?,
        updated: columns.next()?,
    })
}

pub(crate) fn name_version(row: Row) -> Result<NameVersion, Failure> {
    let mut columns = row.read("name version");
    Ok(NameVersion {
        name: columns.next()?,
        sequence: columns.next()?,
        project: columns.next()?,
        kind: columns.next()?,
        digest: columns.next()?,
        actor: columns.next()?,
        at: columns.next()?,
    })
}

macro_rules! name_columns {
    () => {
        "name, project, sequence, digest, claimed, updated"
    };
}
macro_rules! version_columns {
    () => {
        "name, sequence, project, kind, digest, actor, at"
    };
}

const NAME: Statement = statement!("SELECT ", name_columns!(), " FROM names WHERE name = $1");
const LOCK_NAME: Statement = locking!("SELECT ", name_columns!(), " FROM names WHERE name = $1");
const NAMES: Statement = statement!(
    "SELECT ",
    name_columns!(),
    " FROM names WHERE project = $1 AND name > $2 AND name >= $3 AND name < $4 ORDER BY name LIMIT $5"
);
pub(crate) const ALL_NAMES: Statement =
    statement!("SELECT ", name_columns!(), " FROM names WHERE name > $1 ORDER BY name LIMIT $2");
const INSERT_NAME: Statement =
    statement!("INSERT INTO names (", name_columns!(), ", reversed) VALUES ($1, $2, $3, $4, $5, $6, $7)");
const LOCK_TREE: Statement = Statement {
    sqlite: "SELECT $1",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310038, hashtext($1)) AS held",
};
const BELOW_OF_ANOTHER: Statement = statement!(
    "SELECT name FROM names WHERE reversed >= $1 AND reversed < $2 AND project <> $3 ORDER BY reversed LIMIT 1"
);
const WHO_LOOKS_SO: Statement =
    statement!("SELECT name, project, free_from FROM name_skeletons WHERE skeleton = $1");
const TAKE_SKELETON: Statement = statement!(
    "INSERT INTO name_skeletons (skeleton, name, project) VALUES ($1, $2, $3) ON CONFLICT (skeleton) DO UPDATE SET \
     name = $2, project = $3, free_from = NULL WHERE name_skeletons.free_from IS NOT NULL"
);
const GIVE_UP_SKELETON: Statement =
    statement!("UPDATE name_skeletons SET free_from = $3 WHERE skeleton = $1 AND name = $2");
const UPDATE_NAME: Statement =
    statement!("UPDATE names SET sequence = $2, digest = $3, updated = $4 WHERE name = $1");
const DELETE_NAME: Statement = statement!("DELETE FROM names WHERE name = $1");
const HISTORY: Statement = statement!(
    "SELECT ",
    version_columns!(),
    " FROM name_versions WHERE name = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
);
pub(crate) const ALL_VERSIONS: Statement = statement!(
    "SELECT ",
    version_columns!(),
    " FROM name_versions WHERE (name, sequence) > ($1, $2) ORDER BY name, sequence LIMIT $3"
);
const LAST_SEQUENCE: Statement =
    statement!("SELECT sequence FROM name_versions WHERE name = $1 ORDER BY sequence DESC LIMIT 1");
const INSERT_VERSION: Statement =
    statement!("INSERT INTO name_versions (", version_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a name", &NAME),
    ("find a name to change", &LOCK_NAME),
    ("find a name below that is another's", &BELOW_OF_ANOTHER),
    ("find what looks so", &WHO_LOOKS_SO),
    ("give up what a name looks like", &GIVE_UP_SKELETON),
    ("list names", &NAMES),
    ("update a name", &UPDATE_NAME),
    ("delete a name", &DELETE_NAME),
    ("read a name's history", &HISTORY),
    ("find a name's last sequence", &LAST_SEQUENCE),
];
