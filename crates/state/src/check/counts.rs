use std::collections::BTreeMap;

use casemate_model::Digest;
use casemate_objects::{BlobId, BucketRecord};

use super::records::{Counted, Table};
use super::{Finding, Findings};
use crate::failure::Failure;
use crate::sql::{Sql, Statement, ToValue, statement, values};
use crate::{catalog, functions};

/// Compares every counter with what was counted.
pub(super) async fn check(
    sql: &mut Sql<'_>,
    counted: Counted,
    findings: &mut Findings,
) -> Result<(), Failure> {
    check_blobs(sql, counted.references, findings).await?;
    check_buckets(sql, counted.buckets, findings).await?;
    check_outputs(sql, counted.outputs, findings).await?;
    check_states(sql, counted.tasks, findings).await?;
    check_queues(sql, counted.open_tasks, findings).await?;
    check_values(sql, findings).await?;
    check_answers(sql, findings).await
}

async fn check_values(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<(), Failure> {
    let functions = Table { statement: &functions::ALL_KEPT, before_first: values![""].to_vec() };
    functions
        .walk(sql, findings, |row| {
            let (name, kept, counted) = functions::kept_and_counted(row)?;
            let what = |of: &str| format!("{of} of the function `{name}`");
            Ok(compare(|| what("values"), kept[0], Some(counted[0]))
                .or_else(|| compare(|| what("bytes of values"), kept[1], Some(counted[1]))))
        })
        .await
}

async fn check_states(
    sql: &mut Sql<'_>,
    mut left: BTreeMap<(String, String), u64>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let what = |(project, state): &(String, String)| format!("{state} tasks of project `{project}`");
    let states = Table { statement: &ALL_TASK_COUNTS, before_first: values!["", ""].to_vec() };
    states
        .walk(sql, findings, |row| {
            let mut columns = row.read("task count");
            let key = (columns.next()?, columns.next()?);
            Ok(compare(|| what(&key), columns.next()?, left.remove(&key)))
        })
        .await?;
    report_uncounted(left, what, findings);
    Ok(())
}

async fn check_queues(
    sql: &mut Sql<'_>,
    mut left: BTreeMap<String, u64>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let what = |project: &String| format!("open tasks of project `{project}`");
    let queues = Table { statement: &ALL_TASK_QUEUES, before_first: values![""].to_vec() };
    queues
        .walk(sql, findings, |row| {
            let mut columns = row.read("task count");
            let project = columns.next()?;
            Ok(compare(|| what(&project), columns.next()?, left.remove(&project)))
        })
        .await?;
    report_uncounted(left, what, findings);
    Ok(())
}

async fn check_answers(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<(), Failure> {
    for row in sql.rows(&MISCOUNTED_ANSWERS, &[]).await? {
        let mut columns = row.read("idempotency holder");
        let (project, principal): (String, String) = (columns.next()?, columns.next()?);
        let (stored, counted): (u64, u64) = (columns.next()?, columns.next()?);
        let what =
            format!("idempotency keys, or bytes of their answers, of {principal} in project `{project}`");
        findings.add(Finding::Counter { what, stored, counted });
    }
    Ok(())
}

async fn check_outputs(
    sql: &mut Sql<'_>,
    mut left: BTreeMap<(String, Digest), u64>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let what =
        |(project, digest): &(String, Digest)| format!("tasks of project `{project}` that gave {digest}");
    let outputs =
        Table { statement: &ALL_OUTPUTS, before_first: vec!["".to_value(), [].as_slice().to_value()] };
    outputs
        .walk(sql, findings, |row| {
            let mut columns = row.read("task output");
            let key = (columns.next()?, columns.next()?);
            Ok(compare(|| what(&key), columns.next()?, left.remove(&key)))
        })
        .await?;
    report_uncounted(left, what, findings);
    Ok(())
}

async fn check_blobs(
    sql: &mut Sql<'_>,
    mut left: BTreeMap<BlobId, u64>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let blobs = Table { statement: &ALL_BLOBS, before_first: vec!["".to_value(), [].as_slice().to_value()] };
    blobs
        .walk(sql, findings, |row| {
            let mut columns = row.read("blob");
            let blob = BlobId { project: columns.next()?, digest: columns.next()? };
            let stored: u64 = columns.next()?;
            let counted = left.remove(&blob).unwrap_or(0);
            Ok((stored != counted).then_some(Finding::References { blob, stored: Some(stored), counted }))
        })
        .await?;
    for (blob, counted) in left {
        findings.add(Finding::References { blob, stored: None, counted });
    }
    Ok(())
}

async fn check_buckets(
    sql: &mut Sql<'_>,
    mut left: BTreeMap<(String, String), [u64; 5]>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let buckets = Table { statement: &catalog::ALL_BUCKETS, before_first: values!["", ""].to_vec() };
    buckets
        .walk(sql, findings, |row| {
            let bucket = catalog::bucket_record(row)?;
            let key = (bucket.project.to_string(), bucket.bucket.to_string());
            let counted = left.remove(&key).unwrap_or_default();
            let of = format!("of bucket `{}` of project `{}`", key.1, key.0);
            let BucketRecord { objects, size_bytes, versions, version_bytes, upload_bytes, .. } = bucket;
            let stored = [objects, size_bytes, versions, version_bytes, upload_bytes];
            let names = ["objects", "bytes", "versions", "bytes of versions", "bytes of unfinished uploads"];
            let pairs = names.into_iter().zip(stored.into_iter().zip(counted));
            let mut wrong = pairs.filter_map(|(name, (stored, counted))| {
                compare(|| format!("{name} {of}"), stored, Some(counted))
            });
            Ok(wrong.next())
        })
        .await?;
    // Objects without their bucket are found by the engine, as a broken foreign key.
    Ok(())
}

fn compare(what: impl FnOnce() -> String, stored: u64, counted: Option<u64>) -> Option<Finding> {
    let counted = counted.unwrap_or(0);
    (stored != counted).then(|| Finding::Counter { what: what(), stored, counted })
}

fn report_uncounted<K>(left: BTreeMap<K, u64>, what: impl Fn(&K) -> String, findings: &mut Findings) {
    for (key, counted) in left {
        findings.add(Finding::Counter { what: what(&key), stored: 0, counted });
    }
}

/// Holders whose counters are wrong; what is shown is the first that is.
const MISCOUNTED_ANSWERS: Statement = statement!(
    "SELECT project, principal, CASE WHEN keys <> found_keys THEN keys ELSE bytes END, \
            CASE WHEN keys <> found_keys THEN found_keys ELSE found_bytes END \
     FROM (SELECT h.project, h.principal, h.keys, h.bytes, \
                  (SELECT count(*) FROM idempotency_keys k \
                   WHERE k.project = h.project AND k.principal = h.principal) AS found_keys, \
                  (SELECT CAST(coalesce(sum(k.bytes), 0) AS BIGINT) FROM idempotency_keys k \
                   WHERE k.project = h.project AND k.principal = h.principal) AS found_bytes \
           FROM idempotency_holders h) AS counted \
     WHERE keys <> found_keys OR bytes <> found_bytes LIMIT 100"
);
const ALL_BLOBS: Statement = statement!(
    "SELECT project, digest, reference_count FROM blobs WHERE (project, digest) > ($1, $2) \
     ORDER BY project, digest LIMIT $3"
);
const ALL_OUTPUTS: Statement = statement!(
    "SELECT project, digest, tasks FROM task_outputs WHERE (project, digest) > ($1, $2) \
     ORDER BY project, digest LIMIT $3"
);
const ALL_TASK_COUNTS: Statement = statement!(
    "SELECT project, state, tasks FROM task_counts WHERE (project, state) > ($1, $2) ORDER BY project, state LIMIT $3"
);
const ALL_TASK_QUEUES: Statement =
    statement!("SELECT project, open_tasks FROM task_queues WHERE project > $1 ORDER BY project LIMIT $2");
