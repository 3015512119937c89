//! The counts of references to blobs, kept in the transactions that add or drop a reference.

use casemate_model::{Digest, Project, Timestamp};

use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};

/// A reference to a blob that is not written down.
#[derive(Debug, thiserror::Error)]
#[error("something referred to {digest}, which the table of blobs does not have")]
struct BlobRowMissing {
    digest: Digest,
}

impl Tx<'_> {
    /// Adds a reference to a blob whose bytes are stored, and writes the blob down if it is new.
    /// It is stored whole, whatever it was before.
    pub(crate) async fn refer_to_stored(&mut self, digest: &Digest, size_bytes: u64) -> Result<(), Failure> {
        self.execute(&REFER_TO_STORED, values![digest, size_bytes]).await.map(drop)
    }

    /// Adds a reference to a blob that is written down; false if it is not.
    pub(crate) async fn refer_to_known(&mut self, digest: &Digest) -> Result<bool, Failure> {
        Ok(self.execute(&REFER_TO_KNOWN, values![digest]).await? == 1)
    }

    /// Adds a reference for `project` to a blob that it may read; false if it may not, or if there is none. Both look
    /// the same from outside, so that nobody learns what others have stored.
    pub(crate) async fn refer_to_readable(
        &mut self,
        project: &Project,
        digest: &Digest,
    ) -> Result<bool, Failure> {
        if self.row(&IS_READABLE, values![project, digest]).await?.is_none() {
            return Ok(false);
        }
        self.refer_to_known(digest).await
    }

    /// Whether a blob is written down. It stays so until the transaction ends.
    pub(crate) async fn is_known(&mut self, digest: &Digest) -> Result<bool, Failure> {
        Ok(self.row(&LOCK_BLOB, values![digest]).await?.is_some())
    }

    /// Drops a reference at the time `at`.
    pub(crate) async fn drop_reference(&mut self, digest: &Digest, at: Timestamp) -> Result<(), Failure> {
        match self.execute(&DROP_REFERENCE, values![digest, at]).await? {
            1 => Ok(()),
            _ => Err(Failure::damaged("blob", BlobRowMissing { digest: *digest })),
        }
    }
}

pub(crate) const IS_READABLE: Statement = statement!(
    "SELECT 1 FROM objects WHERE project = $1 AND digest = $2 \
     UNION ALL SELECT 1 FROM object_versions WHERE project = $1 AND digest = $2 \
     UNION ALL SELECT 1 FROM task_outputs WHERE project = $1 AND digest = $2 LIMIT 1"
);
const REFER_TO_STORED: Statement = statement!(
    "INSERT INTO blobs (digest, size_bytes, reference_count, unreferenced_since) VALUES ($1, $2, 1, NULL) \
     ON CONFLICT (digest) DO UPDATE SET reference_count = blobs.reference_count + 1, unreferenced_since = NULL, \
     stored_bytes = NULL"
);
const REFER_TO_KNOWN: Statement = statement!(
    "UPDATE blobs SET reference_count = reference_count + 1, unreferenced_since = NULL WHERE digest = $1"
);
const LOCK_BLOB: Statement = locking!("SELECT size_bytes FROM blobs WHERE digest = $1");
const DROP_REFERENCE: Statement = statement!(
    "UPDATE blobs SET reference_count = reference_count - 1, \
     unreferenced_since = CASE WHEN reference_count = 1 THEN CAST($2 AS BIGINT) ELSE NULL END WHERE digest = $1"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("refer to a known blob", &REFER_TO_KNOWN),
    ("look whether a blob is known", &LOCK_BLOB),
    ("drop a reference", &DROP_REFERENCE),
];
