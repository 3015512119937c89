use async_trait::async_trait;
use casemate_ledger::{Entry, Event};
use casemate_model::Digest;

use crate::failure::Failure;
use crate::options::StoreLimits;
use crate::sql::{Dialect, Row, Sql, Statement, Value, locking, statement, values};

/// A change to the store, as a value: what is to happen, and how.
///
/// It may be run more than once, each time in a transaction from which nothing of the run before is visible.
#[async_trait]
pub(crate) trait Change: Send + Sync + 'static {
    /// What the caller is told when the change is durable.
    type Answer: Send + 'static;

    /// What the change does, as in "put an object"; for messages.
    const ACTION: &'static str;

    /// Makes the change. An error undoes all of it; a refusal is an answer, and its author has changed nothing.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, Failure>;
}

/// The write transaction that changes are made in.
pub(crate) struct Tx<'c> {
    sql: Sql<'c>,
    origin: &'c str,
    limits: StoreLimits,
    /// The end of the log as this transaction sees it; read when first needed, written back before the commit.
    head: Option<Head>,
    head_changed: bool,
}

/// Where the next audit entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its sequence number.
    pub(crate) next_sequence: u64,
    /// The digest of the entry before it.
    pub(crate) digest: Digest,
}

/// What [`Tx::back_to`] goes back to.
pub(crate) struct Mark {
    head: Option<Head>,
    head_changed: bool,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(sql: Sql<'c>, origin: &'c str, limits: StoreLimits) -> Self {
        Self { sql, origin, limits, head: None, head_changed: false }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }

    pub(crate) fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    /// The node whose log the entries of the change are in.
    pub(crate) fn origin(&self) -> &'c str {
        self.origin
    }

    pub(crate) async fn execute(&mut self, statement: &Statement, values: &[Value]) -> Result<u64, Failure> {
        self.sql.execute(statement, values).await
    }

    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, Failure> {
        self.sql.rows(statement, values).await
    }

    pub(crate) async fn row(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Option<Row>, Failure> {
        self.sql.row(statement, values).await
    }

    /// Writes the audit entry of the change, and returns its sequence number.
    pub(crate) async fn record(&mut self, event: &Event) -> Result<u64, Failure> {
        let head = self.head().await?;
        let entry = Entry::new(head.next_sequence, head.digest, event.clone());
        let bytes = entry.encode().map_err(|error| Failure::Entry(std::sync::Arc::new(error)))?;
        let digest = Entry::digest_of(&bytes);
        self.sql
            .execute(&INSERT_ENTRY, values![self.origin, head.next_sequence, digest, bytes.as_slice()])
            .await?;
        self.head = Some(Head { next_sequence: head.next_sequence + 1, digest });
        self.head_changed = true;
        Ok(head.next_sequence)
    }

    /// Has the end of the log written as it is, and returns the number of its entries.
    pub(crate) async fn rewrite_head(&mut self) -> Result<u64, Failure> {
        let head = self.head().await?;
        self.head_changed = true;
        Ok(head.next_sequence)
    }

    /// Remembers how far the log is, before a change that may have to be undone.
    pub(crate) fn mark(&self) -> Mark {
        Mark { head: self.head, head_changed: self.head_changed }
    }

    /// Forgets entries of an undone change.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.head = mark.head;
        self.head_changed = mark.head_changed;
    }

    /// Writes down where the log ends. Once for all changes of a transaction, before it is committed.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        let Some(head) = self.head.filter(|_| self.head_changed) else {
            return Ok(());
        };
        let changed =
            self.sql.execute(&UPDATE_HEAD, values![self.origin, head.next_sequence, head.digest]).await?;
        if changed == 1 { Ok(()) } else { Err(Failure::damaged("log", HeadMissing)) }
    }

    async fn head(&mut self) -> Result<Head, Failure> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let row = self.sql.row(&LOCK_HEAD, values![self.origin]).await?;
        let mut columns = row.ok_or_else(|| Failure::damaged("log", HeadMissing))?.read("log head");
        let head = Head { next_sequence: columns.next()?, digest: columns.next()? };
        self.head = Some(head);
        Ok(head)
    }
}

/// A store without a row for its own log.
#[derive(Debug, thiserror::Error)]
#[error("the end of this node's log is not written down")]
pub(crate) struct HeadMissing;

const LOCK_HEAD: Statement = locking!("SELECT next_sequence, digest FROM log_heads WHERE origin = $1");
const UPDATE_HEAD: Statement =
    statement!("UPDATE log_heads SET next_sequence = $2, digest = $3 WHERE origin = $1");
const INSERT_ENTRY: Statement =
    statement!("INSERT INTO log_entries (origin, sequence, digest, bytes) VALUES ($1, $2, $3, $4)");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] =
    &[("lock the log's head", &LOCK_HEAD), ("write the log's head", &UPDATE_HEAD)];
