//! The audit log's port: entries that stand alone, and reading.

use async_trait::async_trait;
use casemate_ledger::{AuditLog, Event};
use casemate_model::StoreError;

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, statement, values};
use crate::store::{Store, read_all, read_one};

/// Most entries of one read: the log's builder takes many at a time.
const ENTRIES_MAX: u32 = 4096;

#[async_trait]
impl AuditLog for Store {
    async fn append(&self, event: Event) -> Result<u64, StoreError> {
        self.change(Append { event }).await
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let action = "read audit entries";
        let values = values![self.origin(), from, limit.min(ENTRIES_MAX)];
        let rows = self.rows(action, &ENTRIES, values).await?;
        read_all(rows, action, |row| row.only("audit entry"))
    }

    async fn size(&self) -> Result<u64, StoreError> {
        let action = "read the size of the audit log";
        let row = self.row(action, &SIZE, values![self.origin()]).await?;
        let size = read_one(row, action, |row| row.only("log head"))?;
        size.ok_or_else(|| Failure::damaged("log", crate::change::HeadMissing).into_error(action))
    }

    async fn probe(&self) -> Result<u64, StoreError> {
        self.change(Probe).await
    }
}

struct Probe;

#[async_trait]
impl Change for Probe {
    type Answer = u64;
    const ACTION: &'static str = "see whether changes can be made";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        tx.rewrite_head().await
    }
}

struct Append {
    event: Event,
}

#[async_trait]
impl Change for Append {
    type Answer = u64;
    const ACTION: &'static str = "append an audit entry";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        tx.record(&self.event).await
    }
}

const ENTRIES: Statement = statement!(
    "SELECT bytes FROM log_entries WHERE origin = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3"
);
const SIZE: Statement = statement!("SELECT next_sequence FROM log_heads WHERE origin = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[("read entries", &ENTRIES), ("read the log's size", &SIZE)];
