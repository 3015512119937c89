use async_trait::async_trait;
use casemate_functions::{
    FunctionName, FunctionValues, VALUES_BYTES_MAX, VALUES_MAX, ValueBefore, ValueChanged, ValueInfo,
    ValueKey, ValuePage,
};
use casemate_ledger::Event;
use casemate_model::{Project, StoreError};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Columns, Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl FunctionValues for Store {
    async fn value(
        &self,
        project: &Project,
        name: &FunctionName,
        key: &ValueKey,
    ) -> Result<Option<(ValueInfo, Vec<u8>)>, StoreError> {
        let action = "read a value of a function";
        let row = self.row(action, &VALUE, values![project, name, key.as_str()]).await?;
        read_one(row, action, |row| {
            let mut columns = row.read("value of a function");
            let info = info(&mut columns)?;
            Ok((info, columns.next()?))
        })
    }

    async fn values(
        &self,
        project: &Project,
        name: &FunctionName,
        page: &ValuePage,
    ) -> Result<Vec<ValueInfo>, StoreError> {
        let action = "list values of a function";
        let after = page.after.as_ref().map(ValueKey::as_str).unwrap_or_default();
        let values = values![project, name, page.prefix.as_str(), after, page.limit.min(PAGE_MAX)];
        let rows = self.rows(action, &VALUES, values).await?;
        let mut found = read_all(rows, action, |row| info(&mut row.read("value of a function")))?;
        // Those that begin with the prefix stand together.
        let end = found.iter().position(|value| !value.key.as_str().starts_with(&page.prefix));
        found.truncate(end.unwrap_or(found.len()));
        Ok(found)
    }

    async fn set_value(
        &self,
        project: &Project,
        (name, key): (&FunctionName, &ValueKey),
        bytes: &[u8],
        before: ValueBefore,
        event: Event,
    ) -> Result<ValueChanged, StoreError> {
        let (project, name, key) = (project.clone(), name.clone(), key.clone());
        self.change(SetValue { project, name, key, bytes: bytes.to_vec(), before, event }).await
    }

    async fn remove_value(
        &self,
        project: &Project,
        (name, key): (&FunctionName, &ValueKey),
        before: ValueBefore,
        event: Event,
    ) -> Result<ValueChanged, StoreError> {
        let (project, name, key) = (project.clone(), name.clone(), key.clone());
        self.change(RemoveValue { project, name, key, before, event }).await
    }
}

struct SetValue {
    project: Project,
    name: FunctionName,
    key: ValueKey,
    bytes: Vec<u8>,
    before: ValueBefore,
    event: Event,
}

#[async_trait]
impl Change for SetValue {
    type Answer = ValueChanged;
    const ACTION: &'static str = "set a value of a function";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<ValueChanged, Failure> {
        let Self { project, name, key, bytes, before, event } = self;
        let Some(kept) = tx.kept(project, name).await? else { return Ok(ValueChanged::NoFunction) };
        let there = tx.value_size(name, key).await?;
        let revision = there.map(|(revision, _)| revision);
        if !before.allows(revision) {
            return Ok(ValueChanged::Other(revision));
        }
        let size_bytes = bytes.len() as u64;
        let after = Kept {
            count: kept.count + u64::from(there.is_none()),
            bytes: kept.bytes.saturating_sub(there.map_or(0, |(_, size)| size)) + size_bytes,
            revision: kept.revision + 1,
        };
        if after.count > VALUES_MAX || after.bytes > VALUES_BYTES_MAX {
            return Ok(ValueChanged::Full);
        }
        let set = ValueInfo { key: key.clone(), size_bytes, revision: after.revision, updated: event.time };
        let values = values![name, key.as_str(), bytes.as_slice(), set.revision, set.updated];
        tx.execute(&SET_VALUE, values).await?;
        tx.keep(name, &after).await?;
        tx.record(event).await?;
        Ok(ValueChanged::Set(set))
    }
}

struct RemoveValue {
    project: Project,
    name: FunctionName,
    key: ValueKey,
    before: ValueBefore,
    event: Event,
}

#[async_trait]
impl Change for RemoveValue {
    type Answer = ValueChanged;
    const ACTION: &'static str = "remove a value of a function";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<ValueChanged, Failure> {
        let Self { project, name, key, before, event } = self;
        let Some(kept) = tx.kept(project, name).await? else { return Ok(ValueChanged::NoFunction) };
        let Some((revision, size)) = tx.value_size(name, key).await? else {
            return Ok(ValueChanged::NoValue);
        };
        if !before.allows(Some(revision)) {
            return Ok(ValueChanged::Other(Some(revision)));
        }
        tx.execute(&REMOVE_VALUE, values![name, key.as_str()]).await?;
        let after = Kept {
            count: kept.count.saturating_sub(1),
            bytes: kept.bytes.saturating_sub(size),
            revision: kept.revision + 1,
        };
        tx.keep(name, &after).await?;
        tx.record(event).await?;
        Ok(ValueChanged::Removed)
    }
}

/// What a function keeps altogether.
struct Kept {
    count: u64,
    bytes: u64,
    revision: u64,
}

impl Tx<'_> {
    /// What a project's function keeps, which nobody else changes until the transaction ends.
    async fn kept(&mut self, project: &Project, name: &FunctionName) -> Result<Option<Kept>, Failure> {
        let Some(row) = self.row(&KEPT, values![project, name]).await? else { return Ok(None) };
        let mut columns = row.read("function");
        Ok(Some(Kept { count: columns.next()?, bytes: columns.next()?, revision: columns.next()? }))
    }

    async fn keep(&mut self, name: &FunctionName, kept: &Kept) -> Result<(), Failure> {
        self.execute(&KEEP, values![name, kept.count, kept.bytes, kept.revision]).await.map(drop)
    }

    /// Revision and bytes of a value.
    async fn value_size(
        &mut self,
        name: &FunctionName,
        key: &ValueKey,
    ) -> Result<Option<(u64, u64)>, Failure> {
        let Some(row) = self.row(&VALUE_SIZE, values![name, key.as_str()]).await? else { return Ok(None) };
        let mut columns = row.read("value of a function");
        Ok(Some((columns.next()?, columns.next()?)))
    }
}

fn info(columns: &mut Columns) -> Result<ValueInfo, Failure> {
    let key: String = columns.next()?;
    let key = key.parse().map_err(|error| Failure::damaged("value of a function", error))?;
    Ok(ValueInfo { key, size_bytes: columns.next()?, revision: columns.next()?, updated: columns.next()? })
}

/// A row of [`ALL_KEPT`], which is read whole: whose it is, and what the function keeps by its counters and by its values.
pub(crate) fn kept_and_counted(row: Row) -> Result<(FunctionName, [u64; 2], [u64; 2]), Failure> {
    let mut columns = row.read("function");
    let name = columns.next()?;
    Ok((name, [columns.next()?, columns.next()?], [columns.next()?, columns.next()?]))
}

pub(super) const VALUE: Statement = statement!(
    "SELECT v.key, CAST(length(v.value) AS BIGINT), v.revision, v.updated, v.value FROM function_values v \
     JOIN functions f ON f.name = v.name WHERE f.project = $1 AND v.name = $2 AND v.key = $3"
);
pub(super) const VALUES: Statement = statement!(
    "SELECT v.key, CAST(length(v.value) AS BIGINT), v.revision, v.updated FROM function_values v \
     JOIN functions f ON f.name = v.name \
     WHERE f.project = $1 AND v.name = $2 AND v.key >= $3 AND v.key > $4 ORDER BY v.key LIMIT $5"
);
const KEPT: Statement = locking!(
    "SELECT value_count, value_bytes, value_revision FROM functions WHERE project = $1 AND name = $2"
);
const KEEP: Statement = statement!(
    "UPDATE functions SET value_count = $2, value_bytes = $3, value_revision = $4 WHERE name = $1"
);
const VALUE_SIZE: Statement = statement!(
    "SELECT revision, CAST(length(value) AS BIGINT) FROM function_values WHERE name = $1 AND key = $2"
);
const SET_VALUE: Statement = statement!(
    "INSERT INTO function_values (name, key, value, revision, updated) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value, revision = excluded.revision, \
     updated = excluded.updated"
);
const REMOVE_VALUE: Statement = statement!("DELETE FROM function_values WHERE name = $1 AND key = $2");
/// Of a function that is removed.
pub(super) const DELETE_ALL: Statement = statement!("DELETE FROM function_values WHERE name = $1");
pub(crate) const ALL_KEPT: Statement = statement!(
    "SELECT f.name, f.value_count, f.value_bytes, count(v.key), CAST(coalesce(sum(length(v.value)), 0) AS BIGINT) \
     FROM functions f LEFT JOIN function_values v ON v.name = f.name \
     WHERE f.name > $1 GROUP BY f.name, f.value_count, f.value_bytes ORDER BY f.name LIMIT $2"
);
