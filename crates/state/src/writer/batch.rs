use casemate_model::StoreError;
use tokio::time::Instant;

use super::COMMIT_WAIT_MAX;
use super::pending::Item;
use crate::change::Tx;
use crate::engine::{Connection, Database, within};
use crate::failure::{Failure, Remedy};
use crate::options::StoreLimits;
use crate::sql::{Dialect, Sql, Statement, statement};

/// Several changes in one transaction.
pub(super) struct Attempt {
    items: Vec<(Item, Verdict)>,
    guard: Guard,
    lost_a_change: bool,
}

/// What a change that fails takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The whole transaction.
    Nothing,
    /// Nothing: each change has a savepoint, which is two more statements.
    Savepoints,
}

/// How a change went in its savepoint.
enum Verdict {
    /// It stands, if the transaction does.
    Done,
    /// It was undone and will not be tried again.
    Failed(Failure),
    /// It was undone and is to be tried again in a transaction of its own.
    Again(Failure),
}

impl Attempt {
    pub(super) fn new(batch: Vec<Item>, guard: Guard) -> Self {
        let items = batch.into_iter().map(|item| (item, Verdict::Done)).collect();
        Self { items, guard, lost_a_change: false }
    }

    /// Whether it was one of several changes that failed, and not the transaction.
    pub(super) fn lost_a_change(&self) -> bool {
        self.lost_a_change
    }

    /// Runs every change up to the COMMIT. After an error nothing of the transaction stands.
    pub(super) async fn run(
        &mut self,
        connection: &mut Connection,
        database: &Database,
        limits: StoreLimits,
    ) -> Result<(), Failure> {
        let latest = self.items.iter().map(|(item, _)| item.deadline()).max();
        // Nothing is committed in here, so a database that hangs can be left behind without a doubt about the outcome.
        let wait_max =
            latest.map_or(COMMIT_WAIT_MAX, |latest| latest.saturating_duration_since(Instant::now()));
        within(wait_max, self.run_all(connection.sql(), &database.origin, limits)).await
    }

    async fn run_all(&mut self, mut sql: Sql<'_>, origin: &str, limits: StoreLimits) -> Result<(), Failure> {
        let alone = self.items.len() == 1;
        begin(&mut sql, alone).await?;
        let mut tx = Tx::new(sql, origin, limits);
        for (item, verdict) in &mut self.items {
            match self.guard {
                Guard::Nothing => {
                    let applied = item.apply(&mut tx).await;
                    self.lost_a_change = !alone
                        && applied.as_ref().is_err_and(|failure| failure.remedy() != Remedy::Reconnect);
                    applied?;
                }
                Guard::Savepoints => *verdict = run_in_savepoint(item, &mut tx).await?,
            }
        }
        tx.finish().await
    }

    /// How many changes stand if the transaction does.
    pub(super) fn done(&self) -> u64 {
        self.items.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Done)).count() as u64
    }

    /// Answers after a COMMIT, and returns what is to be tried again.
    pub(super) fn answer(self) -> Vec<(Item, Failure)> {
        self.answer_with(|item| item.accept())
    }

    /// Answers after a COMMIT of which nobody knows if it happened. What had been undone before is sure all the same.
    pub(super) fn answer_unknown(self, failure: &Failure) -> Vec<(Item, Failure)> {
        self.answer_with(|item| {
            let action = item.action();
            item.refuse(StoreError::OutcomeUnknown { action, source: Box::new(failure.clone()) });
        })
    }

    /// Everything, after a transaction that surely did not commit.
    pub(super) fn undone(self, failure: &Failure) -> Vec<(Item, Failure)> {
        self.items.into_iter().map(|(item, _)| (item, failure.clone())).collect()
    }

    fn answer_with(self, done: impl Fn(Item)) -> Vec<(Item, Failure)> {
        let mut again = Vec::new();
        for (item, verdict) in self.items {
            match verdict {
                Verdict::Done => done(item),
                Verdict::Failed(failure) => {
                    let action = item.action();
                    item.refuse(failure.into_error(action));
                }
                Verdict::Again(failure) => again.push((item, failure)),
            }
        }
        again
    }
}

/// Commits; how long that may take depends on what is waited for.
pub(super) async fn commit(connection: &mut Connection) -> Result<(), Failure> {
    let mut sql = connection.sql();
    match sql.dialect() {
        Dialect::Sqlite => sql.execute(&COMMIT, &[]).await?,
        Dialect::Postgres => within(COMMIT_WAIT_MAX, sql.execute(&COMMIT, &[])).await?,
    };
    Ok(())
}

/// Commits a transaction of SQLite that changes nothing, and is written all the same.
pub(super) async fn write_over(connection: &mut Connection) -> Result<(), Failure> {
    // The number is used for nothing here; setting it writes the first page.
    connection.sql().script("BEGIN IMMEDIATE; PRAGMA user_version = 0; COMMIT").await
}

/// Rolls back; true if the connection can be used again.
pub(super) async fn roll_back(connection: &mut Connection) -> bool {
    let mut sql = connection.sql();
    match within(COMMIT_WAIT_MAX, sql.execute(&ROLLBACK, &[])).await {
        Ok(_) => true,
        // SQLite has rolled back by itself after some errors, and then there is nothing left to roll back.
        Err(failure) => sql.dialect() == Dialect::Sqlite && failure.remedy() == Remedy::None,
    }
}

async fn begin(sql: &mut Sql<'_>, alone: bool) -> Result<(), Failure> {
    match sql.dialect() {
        Dialect::Sqlite => sql.execute(&statement!("BEGIN IMMEDIATE"), &[]).await?,
        Dialect::Postgres => sql.execute(&statement!("BEGIN"), &[]).await?,
    };
    // Batches hold many row locks, in the order in which callers came; two nodes' batches would deadlock on them, so
    // they take turns. A single change locks few rows, always in the same order, and runs beside.
    if sql.dialect() == Dialect::Postgres && !alone {
        sql.script("SELECT pg_advisory_xact_lock(7310032)").await?;
    }
    Ok(())
}

/// Runs one change so that its failure leaves its neighbours alone. An error means that the transaction is lost.
async fn run_in_savepoint(item: &mut Item, tx: &mut Tx<'_>) -> Result<Verdict, Failure> {
    let mark = tx.mark();
    tx.execute(&SAVEPOINT, &[]).await?;
    let failure = match item.apply(tx).await {
        Ok(()) => {
            tx.execute(&RELEASE, &[]).await?;
            return Ok(Verdict::Done);
        }
        Err(failure) => failure,
    };
    if failure.remedy() == Remedy::Reconnect {
        return Err(failure);
    }
    // SQLite drops the whole transaction on some errors, and with it the savepoint: then this fails too.
    tx.execute(&ROLL_BACK_TO, &[]).await.map_err(|_| failure.clone())?;
    tx.execute(&RELEASE, &[]).await?;
    tx.back_to(mark);
    Ok(match failure.remedy() {
        Remedy::RunAgain => Verdict::Again(failure),
        Remedy::Reconnect | Remedy::None => Verdict::Failed(failure),
    })
}

const COMMIT: Statement = statement!("COMMIT");
const ROLLBACK: Statement = statement!("ROLLBACK");
const SAVEPOINT: Statement = statement!("SAVEPOINT op");
const ROLL_BACK_TO: Statement = statement!("ROLLBACK TO SAVEPOINT op");
const RELEASE: Statement = statement!("RELEASE SAVEPOINT op");
