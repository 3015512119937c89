use casemate_model::{BucketName, ObjectKey, Project};

use super::records::Table;
use super::{Finding, Findings};
use crate::failure::Failure;
use crate::sql::{Columns, Row, Sql, Statement, statement, values};

/// Compares the sizes of objects and versions with those of their blobs.
pub(super) async fn check(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<(), Failure> {
    let objects = Table { statement: &OBJECTS, before_first: values!["", "", ""].to_vec() };
    objects.walk(sql, findings, |row| differs(&mut row.read("object"))).await?;
    let versions = Table { statement: &VERSIONS, before_first: values!["", "", "", 0u64].to_vec() };
    versions.walk(sql, findings, version_differs).await
}

fn differs(columns: &mut Columns) -> Result<Option<Finding>, Failure> {
    let (project, bucket, key): (Project, BucketName, ObjectKey) =
        (columns.next()?, columns.next()?, columns.next()?);
    let (size_bytes, content): (u64, u64) = (columns.next()?, columns.next()?);
    let text = format!(
        "`{key}` in bucket `{bucket}` of project `{project}` says {size_bytes} bytes, its content {content}"
    );
    Ok(Some(Finding::Record { what: "object", text }))
}

fn version_differs(row: Row) -> Result<Option<Finding>, Failure> {
    let mut columns = row.read("version");
    let place = (columns.next::<Project>()?, columns.next::<BucketName>()?, columns.next::<ObjectKey>()?);
    let (sequence, size_bytes, content): (u64, u64, u64) =
        (columns.next()?, columns.next()?, columns.next()?);
    let (project, bucket, key) = place;
    let text = format!(
        "version {sequence} of `{key}` in bucket `{bucket}` of project `{project}` says {size_bytes} bytes, its \
         content {content}"
    );
    Ok(Some(Finding::Record { what: "object version", text }))
}

const OBJECTS: Statement = statement!(
    "SELECT objects.project, bucket, key, objects.size_bytes, blobs.size_bytes FROM objects \
     JOIN blobs ON blobs.project = objects.project AND blobs.digest = objects.digest \
     WHERE objects.size_bytes <> blobs.size_bytes AND (objects.project, bucket, key) > ($1, $2, $3) \
     ORDER BY objects.project, bucket, key LIMIT $4"
);
const VERSIONS: Statement = statement!(
    "SELECT object_versions.project, bucket, key, sequence, object_versions.size_bytes, blobs.size_bytes \
     FROM object_versions \
     JOIN blobs ON blobs.project = object_versions.project AND blobs.digest = object_versions.digest \
     WHERE object_versions.size_bytes <> blobs.size_bytes \
     AND (object_versions.project, bucket, key, sequence) > ($1, $2, $3, $4) \
     ORDER BY object_versions.project, bucket, key, sequence LIMIT $5"
);
