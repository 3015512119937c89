//! Names: one conditional transaction each.

mod claim;
mod commitments;
mod due;
mod logged;
mod obstacle;
pub(crate) mod rows;
mod tags;

use async_trait::async_trait;
use casemate_ledger::{Event, NameChange};
use casemate_model::{Digest, Name, Project, RegistryId, StoreError, Timestamp};
use casemate_names::{
    Claimed, HeldName, LastVersion, LoggedChange, LoggedRecord, NameAt, NamePage, NameVersion, NewCommitment,
    NewVersion, Notice, Obstacle, Registry, Replaced, WhichNames,
};
use casemate_objects::BlobId;

use crate::catalog::first_text_past;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

use claim::Claim;
use commitments::Commit;
use rows::{held_columns, held_name, last_version, logged_record, name_version};
use tags::{tag, untag};

#[async_trait]
impl Registry for Store {
    fn id(&self) -> RegistryId {
        self.registry()
    }

    async fn claim(
        &self,
        version: &NewVersion,
        above: &[HeldName],
        event: Event,
    ) -> Result<Claimed, StoreError> {
        let above = above.iter().map(|above| (above.record.name.clone(), above.record.sequence)).collect();
        self.change(Claim { version: version.clone(), above, event }).await
    }

    async fn replace(&self, version: &NewVersion, event: Event) -> Result<Replaced, StoreError> {
        self.change(Replace { version: version.clone(), event }).await
    }

    async fn commit(&self, new: &NewCommitment, event: Event) -> Result<Option<Timestamp>, StoreError> {
        self.change(Commit { new: new.clone(), event }).await
    }

    async fn note(
        &self,
        name: &HeldName,
        next: (Notice, Timestamp),
        event: Option<Event>,
    ) -> Result<bool, StoreError> {
        self.change(due::Note { held: name.clone(), next, event }).await
    }

    async fn obstacle(
        &self,
        name: &Name,
        project: &Project,
        now: Timestamp,
    ) -> Result<Option<Obstacle>, StoreError> {
        self.change(obstacle::Look { name: name.clone(), project: project.clone(), now }).await
    }

    async fn family(&self, name: &Name) -> Result<Vec<HeldName>, StoreError> {
        let action = "read a name";
        let rows = self.rows(action, &FAMILY, &rows::family_of(name)).await?;
        let mut family = read_all(rows, action, held_name)?;
        family.sort_by_key(|held| std::cmp::Reverse(held.record.name.as_str().len()));
        Ok(family)
    }

    async fn below(&self, name: &Name, limit: u32) -> Result<Vec<HeldName>, StoreError> {
        let (action, reversed) = ("list the names below one", name.reversed());
        let values = values![format!("{reversed}."), format!("{reversed}/"), limit.min(PAGE_MAX)];
        read_all(self.rows(action, &BELOW, values).await?, action, held_name)
    }

    async fn at(&self, name: &Name) -> Result<NameAt, StoreError> {
        let action = "read a name";
        let held = read_one(self.row(action, &NAME, values![name]).await?, action, held_name)?;
        let reversed = name.reversed();
        let values = values![format!("{reversed}."), format!("{reversed}/")];
        let has_below = self.row(action, &HAS_BELOW, values).await?.is_some();
        Ok(NameAt { held, has_below })
    }

    async fn saying(&self, after: Option<&Name>, limit: u32) -> Result<Vec<HeldName>, StoreError> {
        let action = "list names for DNS";
        let after = after.map(Name::as_str).unwrap_or_default();
        read_all(self.rows(action, &SAYING, values![after, limit.min(PAGE_MAX)]).await?, action, held_name)
    }

    async fn serial(&self) -> Result<u64, StoreError> {
        let action = "read how often something changed";
        let serial = read_one(self.row(action, &SERIAL, &[]).await?, action, |row| row.only("serial"))?;
        Ok(serial.unwrap_or(0))
    }

    async fn logs_elsewhere(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let action = "read how long logs are";
        let rows = self.rows(action, &logged::LOGS_ELSEWHERE, values![self.origin(), PAGE_MAX]).await?;
        read_all(rows, action, |row| {
            let mut columns = row.read("log");
            Ok((columns.next()?, columns.next()?))
        })
    }

    async fn changes_in(&self, log: &str, from: u64, limit: u32) -> Result<Vec<LoggedChange>, StoreError> {
        let action = "read what changed in a log of names";
        let values = values![log, from.min(SEQUENCE_MAX), limit.min(PAGE_MAX)];
        read_all(self.rows(action, &logged::CHANGES_IN, values).await?, action, |row| {
            let mut columns = row.read("name version");
            Ok(LoggedChange { name: columns.next()?, change: columns.next()?, entry: columns.next()? })
        })
    }

    async fn last(&self, name: &Name) -> Result<LastVersion, StoreError> {
        let action = "read the end of a name's history";
        let last = read_one(self.row(action, &LAST_VERSION, values![name]).await?, action, last_version)?;
        Ok(last.unwrap_or(LastVersion::NONE))
    }

    async fn signed(&self, name: &Name, sequence: u64) -> Result<Option<LoggedRecord>, StoreError> {
        let action = "read a version of a name";
        let row = self.row(action, &SIGNED, values![name, sequence.min(SEQUENCE_MAX)]).await?;
        Ok(read_one(row, action, |row| logged_record(row, self.origin()))?.flatten())
    }

    async fn logged_changes(&self, after: u64, limit: u32) -> Result<Vec<LoggedRecord>, StoreError> {
        let action = "read what changed in the log of names";
        let values = values![self.origin(), after.min(SEQUENCE_MAX), limit.min(PAGE_MAX)];
        let rows = self.rows(action, &logged::LOGGED_CHANGES, values).await?;
        let logged = read_all(rows, action, |row| logged_record(row, self.origin()))?;
        Ok(logged.into_iter().flatten().collect())
    }

    async fn logged_held(&self, after: Option<&Name>, limit: u32) -> Result<Vec<LoggedRecord>, StoreError> {
        let action = "read names as the log has them";
        let after = after.map(Name::as_str).unwrap_or_default();
        let rows = self.rows(action, &logged::LOGGED_HELD, values![after, limit.min(PAGE_MAX)]).await?;
        let logged = read_all(rows, action, |row| logged_record(row, self.origin()))?;
        Ok(logged.into_iter().flatten().collect())
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<HeldName>, StoreError> {
        let action = "read which names are due";
        let rows = self.rows(action, &due::DUE, values![now, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, held_name)
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

    async fn names(&self, page: &NamePage) -> Result<Vec<HeldName>, StoreError> {
        let action = "list names";
        let (project, after) = (&page.project, page.after.as_ref().map(Name::as_str).unwrap_or_default());
        let limit = page.limit.min(PAGE_MAX);
        let rows = match &page.which {
            WhichNames::Prefix(prefix) => {
                // All characters of names are less than a tilde.
                let end = first_text_past(prefix).unwrap_or_else(|| "~".to_owned());
                self.rows(action, &NAMES, values![project, after, prefix, end, limit]).await?
            }
            WhichNames::Tagged(tag) => {
                self.rows(action, &TAGGED, values![project, tag.as_str(), after, limit]).await?
            }
            WhichNames::Ending => match &page.after {
                None => self.rows(action, &ENDING, values![project, limit]).await?,
                Some(after) => self.rows(action, &ENDING_AFTER, values![project, after, limit]).await?,
            },
            WhichNames::Offered => self.rows(action, &OFFERED, values![project, after, limit]).await?,
        };
        let mut names = read_all(rows, action, held_name)?;
        if let WhichNames::Tagged(_) = page.which {
            // They come as their rows lie; sorting a page is less than what a database sorts.
            names.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        }
        Ok(names)
    }
}

/// The greatest number that a column holds; no sequence gets there.
const SEQUENCE_MAX: u64 = i64::MAX.unsigned_abs();

struct Replace {
    version: NewVersion,
    event: Event,
}

#[async_trait]
impl Change for Replace {
    type Answer = Replaced;
    const ACTION: &'static str = "change a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Replaced, Failure> {
        let (held, record) = (&self.version.held, self.version.record());
        let former = match tx.row(&LOCK_NAME, values![record.name]).await?.map(held_name).transpose()? {
            None => return Ok(Replaced::Missing),
            Some(former) if former.record.sequence + 1 != record.sequence => {
                return Ok(Replaced::Conflict(former.record.sequence));
            }
            Some(former) => former,
        };
        if record.change == NameChange::Released {
            let below = obstacle::below_of_another(tx, &record.name, &record.project).await?;
            if let Some(below) = below {
                return Ok(Replaced::OfAnother(below));
            }
        }
        if !self.refer(tx, &former).await? {
            return Ok(Replaced::BlobMissing);
        }
        untag(tx, &former).await?;
        let (name, expected) = (&record.name, former.record.sequence);
        let changed = if record.change.is_end() {
            let free_from = values![name.skeleton(), name, self.version.free_from];
            tx.execute(&GIVE_UP_SKELETON, free_from).await?;
            tx.execute(&DELETE_NAME, values![name, expected]).await?
        } else {
            tag(tx, held).await?;
            if record.change == NameChange::Transferred {
                tx.execute(&PASS_ON_SKELETON, values![name.skeleton(), name, record.project]).await?;
            }
            tx.execute(&UPDATE_NAME, &rows::update_values(held, expected)).await?
        };
        if changed != 1 {
            return Err(Failure::Overtaken);
        }
        enter(tx, &self.version, &self.event).await?;
        Ok(Replaced::Done)
    }
}

impl Replace {
    /// Refers to what the name means from now on, and no more to what it meant; false if that is not there.
    async fn refer(&self, tx: &mut Tx<'_>, former: &HeldName) -> Result<bool, Failure> {
        let blob =
            |project: &Project, digest: Option<Digest>| digest.map(|digest| BlobId::new(project, digest));
        let record = self.version.record();
        let now = blob(&record.project, record.digest);
        let before = blob(&former.record.project, former.record.digest);
        // What it means already, it may go on meaning.
        if now == before {
            return Ok(true);
        }
        if let Some(now) = now
            && !tx.refer_to_readable(&now).await?
        {
            return Ok(false);
        }
        if let Some(before) = before {
            tx.drop_reference(&before, self.version.held.updated).await?;
        }
        Ok(true)
    }
}

/// Enters a version into the log and the history.
async fn enter(tx: &mut Tx<'_>, version: &NewVersion, event: &Event) -> Result<(), Failure> {
    let entry = tx.record(event).await?;
    let (record, signed) = (version.record(), version.signed().encode());
    let values = values![
        record.name,
        record.sequence,
        record.project,
        record.change,
        record.digest,
        version.actor,
        version.held.updated,
        record.epoch,
        signed.as_slice(),
        record.digest_of(),
        tx.origin(),
        entry,
    ];
    tx.execute(&INSERT_VERSION, values).await.map(drop)
}

const FAMILY: Statement =
    statement!("SELECT ", held_columns!(), " FROM names WHERE name IN ($1, $2, $3, $4, $5, $6, $7, $8)");
const NAME: Statement = statement!("SELECT ", held_columns!(), " FROM names WHERE name = $1");
const HAS_BELOW: Statement = statement!("SELECT 1 FROM names WHERE reversed >= $1 AND reversed < $2 LIMIT 1");
const BELOW: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE reversed >= $1 AND reversed < $2 ORDER BY reversed LIMIT $3"
);
const SAYING: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE dns <> '' AND name > $1 ORDER BY name LIMIT $2"
);
const SERIAL: Statement = statement!("SELECT CAST(SUM(next_sequence) AS BIGINT) FROM log_heads");
const LOCK_NAME: Statement = locking!("SELECT ", held_columns!(), " FROM names WHERE name = $1");
const NAMES: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE project = $1 AND name > $2 AND name >= $3 AND name < $4 ORDER BY name LIMIT $5"
);
const TAGGED: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE name IN (SELECT name FROM name_tags WHERE project = $1 AND tag = $2 AND name > $3 \
     ORDER BY name LIMIT $4)"
);
const OFFERED: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE offered_to = $1 AND name > $2 ORDER BY name LIMIT $3"
);
const ENDING: Statement =
    statement!("SELECT ", held_columns!(), " FROM names WHERE project = $1 ORDER BY expires, name LIMIT $2");
const ENDING_AFTER: Statement = statement!(
    "SELECT ",
    held_columns!(),
    " FROM names WHERE project = $1 AND (expires, name) > ((SELECT expires FROM names WHERE name = $2), $2) \
     ORDER BY expires, name LIMIT $3"
);
const UPDATE_NAME: Statement = statement!(
    "UPDATE names SET project = $1, sequence = $2, digest = $3, claimed = $4, updated = $5, epoch = $6, change = $7, \
     standing = $8, offered_to = $9, owner = $10, recovery = $11, successor = $12, dns = $13, tags = $14, issued = $15, \
     take_until = $16, expires = $17, previous = $18, locked_until = $19, noticed = $20, due = $21 \
     WHERE name = $22 AND sequence = $23"
);
const DELETE_NAME: Statement = statement!("DELETE FROM names WHERE name = $1 AND sequence = $2");
const GIVE_UP_SKELETON: Statement =
    statement!("UPDATE name_skeletons SET free_from = $3 WHERE skeleton = $1 AND name = $2");
const PASS_ON_SKELETON: Statement =
    statement!("UPDATE name_skeletons SET project = $3 WHERE skeleton = $1 AND name = $2");
const HISTORY: Statement = statement!(
    "SELECT ",
    rows::version_columns!(),
    " FROM name_versions WHERE name = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
);
const LAST_VERSION: Statement = statement!(
    "SELECT epoch, sequence, record_digest FROM name_versions WHERE name = $1 ORDER BY sequence DESC LIMIT 1"
);
const SIGNED: Statement =
    statement!("SELECT record, origin, entry FROM name_versions WHERE name = $1 AND sequence = $2");
const INSERT_VERSION: Statement = statement!(
    "INSERT INTO name_versions (name, sequence, project, kind, digest, actor, at, epoch, record, record_digest, origin, entry) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a name and those above it", &FAMILY),
    ("find a name", &NAME),
    ("look whether there are names below", &HAS_BELOW),
    ("list the names below one", &BELOW),
    ("list names for DNS", &SAYING),
    ("find a name to change", &LOCK_NAME),
    ("find a name below that is another's", &obstacle::BELOW_OF_ANOTHER),
    ("find the holders of a name and those above it", &obstacle::HOLDERS),
    ("find what is around a name", &obstacle::AROUND),
    ("count a project's commitments", &commitments::COUNT),
    ("find a commitment", &commitments::FIND),
    ("reveal a commitment", &commitments::SPEND),
    ("find how a name ended", &obstacle::LAST_CHANGE),
    ("give up what a name looks like", &GIVE_UP_SKELETON),
    ("pass on what a name looks like", &PASS_ON_SKELETON),
    ("list names", &NAMES),
    ("list names that have a tag", &TAGGED),
    ("list names that are offered", &OFFERED),
    ("list names by their ends", &ENDING),
    ("list names by their ends from one on", &ENDING_AFTER),
    ("list names that are due", &due::DUE),
    ("update a name", &UPDATE_NAME),
    ("note what was said of a name", &due::NOTE),
    ("delete a name", &DELETE_NAME),
    ("remove a tag", &tags::UNTAG),
    ("read a name's history", &HISTORY),
    ("read a version of a name", &SIGNED),
    ("read what changed in the log of names", &logged::LOGGED_CHANGES),
    ("read what changed in a log of names", &logged::CHANGES_IN),
    ("read names as the log has them", &logged::LOGGED_HELD),
    ("find a name's last version", &LAST_VERSION),
];
