//! How blobs are stored, and whether anything refers to them.

use async_trait::async_trait;
use casemate_model::{Digest, StoreError, Timestamp};
use casemate_objects::{BlobCatalog, BlobId, Located, Packing, Place};

use super::{first_text_past, read_version};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl BlobCatalog for Store {
    async fn blob_size(&self, blob: &BlobId) -> Result<Option<u64>, StoreError> {
        let action = "read a blob's row";
        let row = self.row(action, &BLOB_SIZE, values![blob.project, blob.digest]).await?;
        read_one(row, action, |row| row.only("blob"))
    }

    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<BlobId>, StoreError> {
        let action = "list unreferenced blobs";
        let rows = self.rows(action, &UNREFERENCED, values![before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, blob_id)
    }

    async fn forget_blob(&self, blob: &BlobId, at: Timestamp) -> Result<bool, StoreError> {
        self.change(ForgetBlob { blob: blob.clone(), at }).await
    }

    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<BlobId>, StoreError> {
        let action = "list blobs to pack";
        let values = values![bytes_min, bytes_max, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &BLOBS_TO_PACK, values).await?, action, blob_id)
    }

    async fn base_candidates(&self, blob: &BlobId, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let action = "look for a base";
        if self.row(action, &IS_BASE, values![blob.project, blob.digest]).await?.is_some() {
            return Ok(Vec::new());
        }
        let Some(Located { place, .. }) = self.place_of(blob).await? else {
            return Ok(Vec::new());
        };
        let prefix = place.key.as_str().rsplit_once('/').map_or("", |(prefix, _)| prefix);
        let end = first_text_past(prefix).unwrap_or_else(|| char::MAX.to_string());
        let (project, bucket, key) = (&place.project, &place.bucket, &place.key);
        let versions = self.rows(action, &BASES_OF_KEY, values![project, bucket, key, limit]).await?;
        let before = self.rows(action, &BASES_BEFORE, values![project, bucket, prefix, key, limit]).await?;
        let after = self.rows(action, &BASES_AFTER, values![project, bucket, key, end, limit]).await?;
        let mut bases = Vec::new();
        // Other versions of the key are nearest. Newer neighbours sort behind older ones more often than not, so the older
        // come first.
        let rows = versions.into_iter().chain(before).chain(after).collect();
        for base in read_all(rows, action, |row| row.only("blob"))? {
            if base != blob.digest && !bases.contains(&base) && bases.len() < limit as usize {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    async fn note_packing(&self, blob: &BlobId, packing: Packing, at: Timestamp) -> Result<bool, StoreError> {
        self.change(NotePacking { blob: blob.clone(), packing, at }).await
    }

    async fn packing(&self, blob: &BlobId) -> Result<Option<Packing>, StoreError> {
        let action = "look how a blob is stored";
        let row = self.row(action, &PACKING, values![blob.project, blob.digest]).await?;
        let found = read_one(row, action, |row| {
            let mut columns = row.read("blob");
            let (stored_bytes, base): (Option<u64>, Option<Digest>) = (columns.next()?, columns.next()?);
            Ok(stored_bytes.map(|stored_bytes| Packing { stored_bytes, base }))
        })?;
        Ok(found.flatten())
    }

    async fn place_of(&self, blob: &BlobId) -> Result<Option<Located>, StoreError> {
        let action = "look where content is";
        let row = self.row(action, &PLACE_OF_CONTENT, values![blob.project, blob.digest]).await?;
        read_one(row, action, |row| {
            let mut columns = row.read("version");
            let place = Place { project: columns.next()?, bucket: columns.next()?, key: columns.next()? };
            Ok(Located { place, version: read_version(&columns.next::<String>()?)? })
        })
    }
}

pub(super) fn blob_id(row: Row) -> Result<BlobId, Failure> {
    let mut columns = row.read("blob");
    Ok(BlobId { project: columns.next()?, digest: columns.next()? })
}

struct ForgetBlob {
    blob: BlobId,
    at: Timestamp,
}

#[async_trait]
impl Change for ForgetBlob {
    type Answer = bool;
    const ACTION: &'static str = "forget a blob";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let BlobId { project, digest } = &self.blob;
        let Some(row) = tx.row(&FORGET_BLOB, values![project, digest, self.at]).await? else {
            return Ok(false);
        };
        let base: Option<Digest> = row.only("blob")?;
        if let Some(base) = base {
            tx.drop_reference(&self.blob.beside(base), self.at).await?;
        }
        Ok(true)
    }
}

struct NotePacking {
    blob: BlobId,
    packing: Packing,
    at: Timestamp,
}

#[async_trait]
impl Change for NotePacking {
    type Answer = bool;
    const ACTION: &'static str = "note how a blob is stored";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let BlobId { project, digest } = &self.blob;
        let Some(row) = tx.row(&LOCK_BASE, values![project, digest]).await? else {
            return Ok(false);
        };
        let former: Option<Digest> = row.only("blob")?;
        if let Some(base) = self.packing.base {
            let Some(row) = tx.row(&LOCK_BASE, values![project, base]).await? else {
                return Ok(false);
            };
            let has_base = row.only::<Option<Digest>>("blob")?.is_some();
            let is_base = tx.row(&IS_BASE, values![project, digest]).await?.is_some();
            if base == *digest || has_base || is_base {
                return Ok(false);
            }
            tx.refer_to_known(&self.blob.beside(base)).await?;
        }
        if let Some(former) = former {
            tx.drop_reference(&self.blob.beside(former), self.at).await?;
        }
        let values = values![project, digest, self.packing.stored_bytes, self.packing.base];
        tx.execute(&NOTE_PACKING, values).await?;
        Ok(true)
    }
}

const BLOB_SIZE: Statement = statement!("SELECT size_bytes FROM blobs WHERE project = $1 AND digest = $2");
const UNREFERENCED: Statement = statement!(
    "SELECT project, digest FROM blobs WHERE unreferenced_since < $1 \
     ORDER BY unreferenced_since, project, digest LIMIT $2"
);
const FORGET_BLOB: Statement = statement!(
    "DELETE FROM blobs WHERE project = $1 AND digest = $2 AND reference_count = 0 AND unreferenced_since <= $3 \
     RETURNING base"
);
/// In the order of their keys, so that a later version finds an earlier one packed. It sorts a bounded number of rows, in the
/// background.
const BLOBS_TO_PACK: Statement = statement!(
    "SELECT project, digest FROM (SELECT blobs.project AS project, blobs.digest AS digest, \
     coalesce(min(bucket), '') AS bucket, coalesce(min(key), '') AS key FROM blobs \
     LEFT JOIN objects ON objects.project = blobs.project AND objects.digest = blobs.digest \
     WHERE stored_bytes IS NULL AND blobs.size_bytes >= $1 AND blobs.size_bytes <= $2 \
     GROUP BY blobs.project, blobs.digest LIMIT 1000) AS waiting ORDER BY project, bucket, key, digest LIMIT $3"
);
const PACKING: Statement =
    statement!("SELECT stored_bytes, base FROM blobs WHERE project = $1 AND digest = $2");
const LOCK_BASE: Statement = locking!("SELECT base FROM blobs WHERE project = $1 AND digest = $2");
const IS_BASE: Statement = statement!("SELECT digest FROM blobs WHERE project = $1 AND base = $2 LIMIT 1");
const NOTE_PACKING: Statement =
    statement!("UPDATE blobs SET stored_bytes = $3, base = $4 WHERE project = $1 AND digest = $2");
const PLACE_OF_CONTENT: Statement = statement!(
    "SELECT project, bucket, key, version FROM objects WHERE project = $1 AND digest = $2 \
     UNION ALL SELECT project, bucket, key, version FROM object_versions WHERE project = $1 AND digest = $2 LIMIT 1"
);
const BASES_OF_KEY: Statement = statement!(
    "SELECT coalesce(blobs.base, blobs.digest) FROM object_versions \
     JOIN blobs ON blobs.project = object_versions.project AND blobs.digest = object_versions.digest \
     WHERE blobs.project = $1 AND bucket = $2 AND key = $3 AND stored_bytes IS NOT NULL \
     ORDER BY sequence DESC LIMIT $4"
);
const BASES_BEFORE: Statement = statement!(
    "SELECT coalesce(blobs.base, blobs.digest) FROM objects \
     JOIN blobs ON blobs.project = objects.project AND blobs.digest = objects.digest \
     WHERE objects.project = $1 AND bucket = $2 AND key >= $3 AND key <= $4 AND stored_bytes IS NOT NULL \
     ORDER BY key DESC LIMIT $5"
);
const BASES_AFTER: Statement = statement!(
    "SELECT coalesce(blobs.base, blobs.digest) FROM objects \
     JOIN blobs ON blobs.project = objects.project AND blobs.digest = objects.digest \
     WHERE objects.project = $1 AND bucket = $2 AND key > $3 AND key < $4 AND stored_bytes IS NOT NULL \
     ORDER BY key LIMIT $5"
);
/// Blobs that are stored as differences; for checking.
pub(crate) const ALL_BASES: Statement = statement!(
    "SELECT project, digest, base FROM blobs WHERE base IS NOT NULL AND (project, digest) > ($1, $2) \
     ORDER BY project, digest LIMIT $3"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a blob", &BLOB_SIZE),
    ("list unreferenced blobs", &UNREFERENCED),
    ("forget a blob", &FORGET_BLOB),
    ("look how a blob is stored", &PACKING),
    ("look at a base", &LOCK_BASE),
    ("look whether a blob is a base", &IS_BASE),
    ("note how a blob is stored", &NOTE_PACKING),
    ("find content of a project", &PLACE_OF_CONTENT),
    ("look for bases of a key", &BASES_OF_KEY),
    ("look for bases before", &BASES_BEFORE),
    ("look for bases after", &BASES_AFTER),
];
