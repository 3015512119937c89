//! What a check of all objects asks.

use async_trait::async_trait;
use casemate_model::{Digest, StoreError, UploadId};
use casemate_objects::{BlobId, BlobRecord, Inventory, Packing, PartRecord, Place};

use super::uploads::part_record_of;
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Inventory for Store {
    async fn blobs(&self, after: Option<&BlobId>, limit: u32) -> Result<Vec<BlobRecord>, StoreError> {
        let action = "list blobs";
        let (project, digest) =
            after.map_or(("", &[][..]), |after| (after.project.as_str(), after.digest.as_bytes()));
        let rows = self.rows(action, &BLOBS, values![project, digest, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, blob_record)
    }

    async fn all_parts(
        &self,
        after: Option<(UploadId, u32)>,
        limit: u32,
    ) -> Result<Vec<(UploadId, PartRecord)>, StoreError> {
        let action = "list the parts of all uploads";
        let (upload, number) = after.map_or_else(Default::default, |(id, number)| (id.to_string(), number));
        let rows = self.rows(action, &ALL_PARTS, values![upload, number, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, |row| {
            let mut columns = row.read("part");
            Ok((columns.next()?, part_record_of(&mut columns)?))
        })
    }

    async fn places_of(&self, blob: &BlobId, limit: u32) -> Result<Vec<Place>, StoreError> {
        let action = "look which objects have a blob";
        let rows =
            self.rows(action, &PLACES, values![blob.project, blob.digest, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, |row| {
            let mut columns = row.read("object");
            Ok(Place { project: columns.next()?, bucket: columns.next()?, key: columns.next()? })
        })
    }

    async fn stored_bytes(&self) -> Result<u64, StoreError> {
        let action = "add up what blobs take";
        let row = self.row(action, &STORED_BYTES, values![]).await?;
        Ok(read_one(row, action, |row| row.only("sum"))?.unwrap_or(0))
    }
}

fn blob_record(row: Row) -> Result<BlobRecord, Failure> {
    let mut columns = row.read("blob");
    let id = BlobId { project: columns.next()?, digest: columns.next()? };
    let size_bytes = columns.next()?;
    let (stored_bytes, base): (Option<u64>, Option<Digest>) = (columns.next()?, columns.next()?);
    let packing = stored_bytes.map(|stored_bytes| Packing { stored_bytes, base });
    Ok(BlobRecord { id, size_bytes, packing })
}

const BLOBS: Statement = statement!(
    "SELECT project, digest, size_bytes, stored_bytes, base FROM blobs WHERE (project, digest) > ($1, $2) \
     ORDER BY project, digest LIMIT $3"
);
const ALL_PARTS: Statement = statement!(
    "SELECT upload, number, size_bytes, etag, file, checksums, stored FROM upload_parts \
     WHERE (upload, number) > ($1, $2) ORDER BY upload, number LIMIT $3"
);
const PLACES: Statement = statement!(
    "SELECT project, bucket, key FROM objects WHERE project = $1 AND digest = $2 ORDER BY bucket, key LIMIT $3"
);
/// It reads every row, once a check.
const STORED_BYTES: Statement =
    statement!("SELECT CAST(coalesce(sum(coalesce(stored_bytes, size_bytes)), 0) AS BIGINT) FROM blobs");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("list blobs", &BLOBS),
    ("list the parts of all uploads", &ALL_PARTS),
    ("look which objects have a blob", &PLACES),
];
