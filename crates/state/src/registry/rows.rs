//! Names as rows have them.

use std::iter;

use casemate_ledger::{NameRecord, SignedNameRecord};
use casemate_model::{Digest, Name};
use casemate_names::{HeldName, LastVersion, LoggedRecord, NameVersion, Said};

use crate::failure::Failure;
use crate::sql::{Row, Statement, ToValue, Value, statement, values};

/// What [`held_name`] reads. The name comes first, as the key that tables are walked by.
macro_rules! held_columns {
    () => {
        "name, (SELECT id FROM registry WHERE one = 1), project, sequence, digest, claimed, updated, epoch, change, standing, \
         offered_to, owner, recovery, successor, dns, tags, issued, take_until, expires, previous, locked_until, noticed, due"
    };
}
/// What [`name_version`] reads.
macro_rules! version_columns {
    () => {
        "name, sequence, project, kind, digest, actor, at, epoch, record_digest, record"
    };
}
pub(super) use {held_columns, version_columns};

pub(crate) fn held_name(row: Row) -> Result<HeldName, Failure> {
    let mut columns = row.read("name");
    let (name, registry, project) = (columns.next()?, columns.next()?, columns.next()?);
    let (sequence, digest) = (columns.next()?, columns.next()?);
    let (claimed, updated) = (columns.next()?, columns.next()?);
    let record = NameRecord {
        registry,
        name,
        project,
        sequence,
        digest: Some(digest),
        epoch: columns.next()?,
        change: columns.next()?,
        standing: columns.next()?,
        offered_to: columns.next()?,
        owner: columns.next()?,
        recovery: columns.next()?,
        successor: columns.next()?,
        dns: columns.next()?,
        tags: columns.next()?,
        issued: columns.next()?,
        take_until: columns.next()?,
        expires: columns.next()?,
        previous: columns.next()?,
    };
    Ok(HeldName {
        record,
        claimed,
        updated,
        locked_until: columns.next()?,
        noticed: columns.next()?,
        due: columns.next()?,
    })
}

/// The values of a row that is new: those of [`update_values`], and what follows from the name.
pub(super) fn held_values(held: &HeldName) -> Vec<Value> {
    let mut values = common_values(held);
    values.extend([held.record.name.to_value(), held.record.name.reversed().to_value()]);
    values
}

/// The values of a row that changes, and the version that it must be at.
pub(super) fn update_values(held: &HeldName, expected: u64) -> Vec<Value> {
    let mut values = common_values(held);
    values.extend([held.record.name.to_value(), expected.to_value()]);
    values
}

fn common_values(held: &HeldName) -> Vec<Value> {
    let record = &held.record;
    values![
        record.project,
        record.sequence,
        record.digest,
        held.claimed,
        held.updated,
        record.epoch,
        record.change,
        record.standing,
        record.offered_to,
        record.owner,
        record.recovery,
        record.successor,
        record.dns,
        record.tags,
        record.issued,
        record.take_until,
        record.expires,
        record.previous,
        held.locked_until,
        held.noticed,
        held.due,
    ]
    .to_vec()
}

/// A name and all above it: eight of them, one of them more than once if there are fewer.
pub(super) fn family_of(name: &Name) -> Vec<Value> {
    eight(iter::once(name.to_value()).chain(name.ancestors().map(|above| above.to_value())))
}

/// As many values as a name has labels at most, the first of them again if there are fewer.
pub(super) fn eight(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<_> = values.collect();
    values.resize(Name::LABELS_MAX, values[0].clone());
    values
}

pub(crate) fn name_version(row: Row) -> Result<NameVersion, Failure> {
    let mut columns = row.read("name version");
    Ok(NameVersion {
        name: columns.next()?,
        sequence: columns.next()?,
        project: columns.next()?,
        change: columns.next()?,
        digest: columns.next()?,
        actor: columns.next()?,
        at: columns.next()?,
        epoch: columns.next()?,
        record: columns.next()?,
        said: columns.next::<Option<Vec<u8>>>()?.map(|record| said(&record)).transpose()?,
    })
}

fn said(record: &[u8]) -> Result<Said, Failure> {
    let signed = SignedNameRecord::decode(record).map_err(|error| Failure::damaged("name version", error))?;
    let NameRecord { dns, tags, .. } = signed.record().clone();
    Ok(Said { dns, tags })
}

pub(super) fn last_version(row: Row) -> Result<LastVersion, Failure> {
    let mut columns = row.read("name version");
    let (epoch, sequence) = (columns.next()?, columns.next()?);
    let record: Option<Digest> = columns.next()?;
    Ok(LastVersion { epoch, sequence, record: record.unwrap_or(NameRecord::NO_PREVIOUS) })
}

/// A version with its record, if it has one.
pub(super) fn logged_record(row: Row, own: &str) -> Result<Option<LoggedRecord>, Failure> {
    let mut columns = row.read("name version");
    let record: Option<Vec<u8>> = columns.next()?;
    let (origin, entry): (Option<String>, Option<u64>) = (columns.next()?, columns.next()?);
    let (Some(record), Some(origin), Some(entry)) = (record, origin, entry) else { return Ok(None) };
    let signed =
        SignedNameRecord::decode(&record).map_err(|error| Failure::damaged("name version", error))?;
    let elsewhere = Some(origin).filter(|origin| origin != own);
    Ok(Some(LoggedRecord { signed, elsewhere, entry }))
}

/// A claim of nothing.
#[derive(Debug, thiserror::Error)]
#[error("a claim without content")]
pub(super) struct NoContent;

pub(crate) const ALL_NAMES: Statement =
    statement!("SELECT ", held_columns!(), ", reversed FROM names WHERE name > $1 ORDER BY name LIMIT $2");
pub(crate) const ALL_VERSIONS: Statement = statement!(
    "SELECT ",
    version_columns!(),
    " FROM name_versions WHERE (name, sequence) > ($1, $2) ORDER BY name, sequence LIMIT $3"
);
pub(crate) const ALL_TAGS: Statement = statement!(
    "SELECT project, tag, name FROM name_tags WHERE (project, tag, name) > ($1, $2, $3) \
     ORDER BY project, tag, name LIMIT $4"
);
pub(crate) const ALL_SKELETONS: Statement = statement!(
    "SELECT skeleton, name, project, free_from FROM name_skeletons WHERE skeleton > $1 ORDER BY skeleton LIMIT $2"
);
