//! The counts of references to blobs, kept in the transactions that add or drop a reference.

use casemate_model::Timestamp;
use casemate_objects::BlobId;

use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};

/// A reference to a blob that is not written down.
#[derive(Debug, thiserror::Error)]
#[error("something referred to {blob}, which the table of blobs does not have")]
struct BlobRowMissing {
    blob: BlobId,
}

impl Tx<'_> {
    /// Adds a reference to a blob whose bytes are stored, and writes the blob down if it is new.
    /// It is stored whole, whatever it was before.
    pub(crate) async fn refer_to_stored(&mut self, blob: &BlobId, size_bytes: u64) -> Result<(), Failure> {
        self.execute(&REFER_TO_STORED, values![blob.project, blob.digest, size_bytes]).await.map(drop)
    }

    /// Adds a reference to a blob that is written down; false if it is not.
    pub(crate) async fn refer_to_known(&mut self, blob: &BlobId) -> Result<bool, Failure> {
        Ok(self.execute(&REFER_TO_KNOWN, values![blob.project, blob.digest]).await? == 1)
    }

    /// Adds a reference to a blob that its project may read; false if it may not, or if there is none. Both look the same
    /// from outside: a project reads what an object or task of its has, not what others only run by a name of its.
    pub(crate) async fn refer_to_readable(&mut self, blob: &BlobId) -> Result<bool, Failure> {
        let values = values![blob.project, blob.digest];
        Ok(self.execute(&REFER_TO_READABLE, values).await? == 1)
    }

    /// Whether a blob is written down. It stays so until the transaction ends.
    pub(crate) async fn is_known(&mut self, blob: &BlobId) -> Result<bool, Failure> {
        Ok(self.row(&LOCK_BLOB, values![blob.project, blob.digest]).await?.is_some())
    }

    /// Drops a reference at the time `at`.
    pub(crate) async fn drop_reference(&mut self, blob: &BlobId, at: Timestamp) -> Result<(), Failure> {
        match self.execute(&DROP_REFERENCE, values![blob.project, blob.digest, at]).await? {
            1 => Ok(()),
            _ => Err(Failure::damaged("blob", BlobRowMissing { blob: blob.clone() })),
        }
    }
}

pub(crate) const IS_READABLE: Statement = statement!(
    "SELECT 1 FROM objects WHERE project = $1 AND digest = $2 \
     UNION ALL SELECT 1 FROM object_versions WHERE project = $1 AND digest = $2 \
     UNION ALL SELECT 1 FROM task_outputs WHERE project = $1 AND digest = $2 LIMIT 1"
);
const REFER_TO_STORED: Statement = statement!(
    "INSERT INTO blobs (project, digest, size_bytes, reference_count, unreferenced_since) \
     VALUES ($1, $2, $3, 1, NULL) ON CONFLICT (project, digest) DO UPDATE SET reference_count = blobs.reference_count + 1, unreferenced_since = NULL, \
     stored_bytes = NULL"
);
const REFER_TO_KNOWN: Statement = statement!(
    "UPDATE blobs SET reference_count = reference_count + 1, unreferenced_since = NULL \
     WHERE project = $1 AND digest = $2"
);
pub(crate) const REFER_TO_READABLE: Statement = statement!(
    "UPDATE blobs SET reference_count = reference_count + 1, unreferenced_since = NULL \
     WHERE project = $1 AND digest = $2 AND (EXISTS (SELECT 1 FROM objects WHERE project = $1 AND digest = $2) \
     OR EXISTS (SELECT 1 FROM object_versions WHERE project = $1 AND digest = $2) \
     OR EXISTS (SELECT 1 FROM task_outputs WHERE project = $1 AND digest = $2))"
);
const LOCK_BLOB: Statement = locking!("SELECT size_bytes FROM blobs WHERE project = $1 AND digest = $2");
const DROP_REFERENCE: Statement = statement!(
    "UPDATE blobs SET reference_count = reference_count - 1, \
     unreferenced_since = CASE WHEN reference_count = 1 THEN CAST($3 AS BIGINT) ELSE NULL END \
     WHERE project = $1 AND digest = $2"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("refer to a known blob", &REFER_TO_KNOWN),
    ("look whether a blob is known", &LOCK_BLOB),
    ("drop a reference", &DROP_REFERENCE),
];
