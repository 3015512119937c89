use std::collections::BTreeMap;

use casemate_model::Digest;
use casemate_objects::BlobId;
use casemate_tasks::TaskRecord;

use super::{Finding, Findings, STEP, names};
use crate::failure::Failure;
use crate::queue::{ALL_TASKS, Moments, read_task, result_blobs, spec_blobs};
use crate::sql::{Row, Sql, Statement, ToValue, Value, values};
use crate::{catalog, credentials, functions, schedules, users, webhooks};

/// What was counted while every record was read.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) references: BTreeMap<BlobId, u64>,
    /// Objects and their bytes, older versions and theirs, bytes of parts of unfinished uploads, by project and bucket.
    pub(super) buckets: BTreeMap<(String, String), [u64; 5]>,
    /// Tasks, by project and state.
    pub(super) tasks: BTreeMap<(String, String), u64>,
    /// Tasks that gave a blob, by project and blob.
    pub(super) outputs: BTreeMap<(String, Digest), u64>,
    /// Tasks that are not over, by project.
    pub(super) open_tasks: BTreeMap<String, u64>,
}

/// Reads every record, and counts what the counters are about.
pub(super) async fn check(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<Counted, Failure> {
    let mut counted = Counted::default();
    let keys = Table { statement: &credentials::keys::ALL_KEYS, before_first: values![""].to_vec() };
    keys.walk(sql, findings, |row| credentials::keys::key_record(row).map(|_| None)).await?;
    let sessions = Table { statement: &credentials::ALL_SESSIONS, before_first: values![""].to_vec() };
    sessions.walk(sql, findings, |row| credentials::session_record(row).map(|_| None)).await?;
    let tokens = Table { statement: &credentials::refresh::ALL_REFRESH, before_first: values![""].to_vec() };
    tokens.walk(sql, findings, |row| credentials::refresh::refresh_record(row).map(|_| None)).await?;
    let users = Table { statement: &users::USERS, before_first: values![""].to_vec() };
    users.walk(sql, findings, |row| users::user_record(row).map(|_| None)).await?;
    let passkeys = Table { statement: &users::passkeys::ALL_PASSKEYS, before_first: values![""].to_vec() };
    passkeys.walk(sql, findings, |row| users::passkeys::passkey_record(row).map(|_| None)).await?;
    let webhooks = Table { statement: &webhooks::ALL_WEBHOOKS, before_first: values![""].to_vec() };
    webhooks.walk(sql, findings, |row| webhooks::webhook(row).map(|_| None)).await?;
    let objects = Table { statement: &catalog::ALL_OBJECTS, before_first: values!["", "", ""].to_vec() };
    objects.walk(sql, findings, |row| counted.add_object(row)).await?;
    names::check(sql, &mut counted, findings).await?;
    let functions = Table { statement: &functions::ALL_VERSIONS, before_first: values!["", 0u64].to_vec() };
    functions.walk(sql, findings, |row| counted.add_function_version(row)).await?;
    let schedules = Table { statement: &schedules::ALL_SCHEDULES, before_first: values![""].to_vec() };
    schedules.walk(sql, findings, |row| counted.add_schedule(row)).await?;
    let tasks = Table { statement: &ALL_TASKS, before_first: values![""].to_vec() };
    tasks.walk(sql, findings, |row| counted.add_task(row)).await?;
    let versions =
        Table { statement: &catalog::ALL_OBJECT_VERSIONS, before_first: values!["", "", "", 0u64].to_vec() };
    versions.walk(sql, findings, |row| counted.add_version(row)).await?;
    let parts = Table { statement: &catalog::ALL_PART_SIZES, before_first: values!["", 0u64].to_vec() };
    parts.walk(sql, findings, |row| counted.add_part(row)).await?;
    let bases =
        Table { statement: &catalog::ALL_BASES, before_first: vec!["".to_value(), [].as_slice().to_value()] };
    bases.walk(sql, findings, |row| counted.add_base(row)).await?;
    Ok(counted)
}

/// A table that is read from front to back. Its statement takes the key to start after, then the number of rows,
/// and returns the key first.
pub(super) struct Table {
    pub(super) statement: &'static Statement,
    pub(super) before_first: Vec<Value>,
}

impl Table {
    /// Hands every row to `look`, and collects what it finds or cannot read.
    pub(super) async fn walk(
        self,
        sql: &mut Sql<'_>,
        findings: &mut Findings,
        mut look: impl FnMut(Row) -> Result<Option<Finding>, Failure>,
    ) -> Result<(), Failure> {
        let width = self.before_first.len();
        let mut values = self.before_first;
        values.push(STEP.to_value());
        loop {
            let rows = sql.rows(self.statement, &values).await?;
            findings.report.rows += rows.len() as u64;
            let next = rows.last().and_then(|row| row.key(width));
            for row in rows {
                match look(row) {
                    Ok(None) => {}
                    Ok(Some(finding)) => findings.add(finding),
                    Err(failure) => findings.add_damage(&failure),
                }
            }
            let Some(next) = next else {
                return Ok(());
            };
            values = next;
            values.push(STEP.to_value());
        }
    }
}

impl Counted {
    fn add_object(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let object = catalog::object_record(row)?;
        let place = (object.project.to_string(), object.bucket.to_string());
        let [objects, size_bytes, ..] = self.buckets.entry(place).or_default();
        *objects += 1;
        *size_bytes += object.size_bytes;
        self.refer(object.blob());
        Ok(None)
    }

    fn add_version(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let version = catalog::version_record(row)?;
        let place = (version.place.project.to_string(), version.place.bucket.to_string());
        let [_, _, versions, version_bytes, _] = self.buckets.entry(place).or_default();
        *versions += 1;
        if let Some(object) = version.object {
            *version_bytes += object.size_bytes;
            self.refer(object.blob());
        }
        Ok(None)
    }

    fn add_part(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let mut columns = row.read("part");
        let (_, _): (String, u64) = (columns.next()?, columns.next()?);
        let [.., upload_bytes] = self.buckets.entry((columns.next()?, columns.next()?)).or_default();
        *upload_bytes += columns.next::<u64>()?;
        Ok(None)
    }

    fn add_function_version(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        self.refer(functions::module_of(row)?);
        Ok(None)
    }

    fn add_schedule(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        for blob in schedules::blobs_of(row)? {
            self.refer(blob);
        }
        Ok(None)
    }

    fn add_task(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let mut columns = row.read("task");
        let task: TaskRecord = read_task(&mut columns)?;
        let moments = Moments { take_at: columns.next()?, lapse_at: columns.next()? };
        for blob in spec_blobs(&task) {
            self.refer(blob);
        }
        let project = task.project.to_string();
        for digest in task.result.iter().flat_map(result_blobs) {
            self.refer(BlobId::new(&task.project, digest));
            *self.outputs.entry((project.clone(), digest)).or_default() += 1;
        }
        let state = task.progress.state;
        *self.tasks.entry((project.clone(), state.to_string())).or_default() += 1;
        if !state.is_final() {
            *self.open_tasks.entry(project).or_default() += 1;
        }
        let wrong = moments != Moments::of(&task.progress);
        Ok(wrong.then(|| Finding::Record {
            what: "task",
            text: format!("{} has times in the queue that do not follow from its state", task.id),
        }))
    }

    fn add_base(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let mut columns = row.read("blob");
        let blob = BlobId { project: columns.next()?, digest: columns.next()? };
        self.refer(blob.beside(columns.next()?));
        Ok(None)
    }

    pub(super) fn refer(&mut self, blob: BlobId) {
        *self.references.entry(blob).or_default() += 1;
    }
}
