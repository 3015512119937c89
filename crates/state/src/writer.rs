//! The one task that changes the store. With SQLite it has a thread of its own, as each of its statements blocks.
//!
//! ```text
//! callers ──> queue (bounded) ──> batch: BEGIN · op · op · op · log head · COMMIT ──> answers
//!                                  one fsync for all
//!              an op failed                    ──> the batch again, each op in its savepoint
//!              batch did not commit, for sure  ──> each op again, in its own transaction
//!              op had to wait too long         ──> not begun, "nothing was changed"
//!              COMMIT lost in the middle       ──> "outcome unknown", nothing is run again, and what SQLite may have
//!                                                  left of it is written over
//! ```

mod batch;
mod pending;

use std::sync::Arc;
use std::time::Duration;

use casemate_model::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::change::Change;
use crate::engine::{Connection, Database};
use crate::failure::{Failure, Remedy};
use crate::figures::Counters;
use crate::options::StoreLimits;
use crate::sql::Dialect;

use batch::{Attempt, Guard};
use pending::{Item, Pending};

/// Most changes of one transaction: beyond it the commit is no longer what costs.
const BATCH_MAX: usize = 256;

/// Most changes that wait; further callers wait to get in line, with the same deadline.
const QUEUE_MAX: usize = 1024;

/// How often a change is run alone before it is given up, when other nodes are in its way each time.
const ALONE_TRIES: u32 = 5;

/// How long an answer to a COMMIT is waited for on a network. A disk is waited for as long as it takes.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Hands changes to the writer.
pub(crate) struct Writer {
    queue: mpsc::Sender<Item>,
    change_wait_max: Duration,
}

impl Writer {
    /// Starts the task. It ends, after the changes that wait, when every `Writer` is dropped or the queue is closed
    /// through the [`WriterTask`].
    pub(crate) fn start(
        database: Database,
        connection: Connection,
        limits: StoreLimits,
        counters: Arc<Counters>,
    ) -> (Self, WriterTask) {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let (stop, stopped) = oneshot::channel();
        let dialect = database.dialect();
        let work = Work { database, connection: Some(connection), limits, counters };
        let (end, ended) = oneshot::channel();
        let serving = async move {
            work.serve(receiver, stopped).await;
            // Whoever closes the store may not wait for it.
            let _ = end.send(());
        };
        match dialect {
            Dialect::Sqlite => on_own_thread(serving),
            Dialect::Postgres => drop(tokio::spawn(serving)),
        }
        (Self { queue: sender, change_wait_max: limits.change_wait_max }, WriterTask { stop, ended })
    }

    /// Makes a change durable, or says why not.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        let since = Instant::now();
        let deadline = since + self.change_wait_max;
        let (pending, answer) = Pending::new(change, since, deadline);
        match tokio::time::timeout_at(deadline, self.queue.send(Box::new(pending))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Failure::Stopped.into_error(C::ACTION)),
            Err(_) => return Err(waited_too_long(C::ACTION, since)),
        }
        // No deadline here: from now on only the writer knows whether the change happens.
        answer.await.unwrap_or_else(|_| Err(Failure::Stopped.into_error(C::ACTION)))
    }

    /// Whether the task still runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }
}

/// The writer's task, for its owner.
pub(crate) struct WriterTask {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl WriterTask {
    /// Refuses further changes, finishes those that wait, and closes the connection.
    pub(crate) async fn stop(self) {
        // The task may have ended by itself.
        let _ = self.stop.send(());
        if self.ended.await.is_err() {
            tracing::error!("the writer of the store ended badly");
        }
    }
}

/// Runs the writer where what blocks is in nobody's way.
fn on_own_thread(serving: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::Builder::new().name("store-writer".to_owned());
    let spawned = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime with nothing but a clock can be made").block_on(serving);
    });
    // Without it the store answers that its writer has stopped.
    if let Err(error) = spawned {
        tracing::error!(error = &error as &dyn std::error::Error, "the store has no thread for its writer");
    }
}

fn waited_too_long(action: &'static str, since: Instant) -> StoreError {
    let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    metrics::counter!("casemate_store_refused_late_total").increment(1);
    StoreError::AuditTimeout { action, waited_ms }
}

/// What the task works with.
struct Work {
    database: Database,
    /// Absent after it failed; the next batch opens another.
    connection: Option<Connection>,
    limits: StoreLimits,
    counters: Arc<Counters>,
}

impl Work {
    async fn serve(mut self, mut queue: mpsc::Receiver<Item>, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut stopping = false;
        loop {
            let received = tokio::select! {
                biased;
                _ = &mut stopped, if !stopping => {
                    stopping = true;
                    queue.close();
                    continue;
                }
                received = queue.recv_many(&mut batch, BATCH_MAX) => received,
            };
            if received == 0 {
                break;
            }
            self.settle(std::mem::take(&mut batch)).await;
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store was not closed in good order"
            );
        }
    }

    /// Answers every item of the batch.
    async fn settle(&mut self, batch: Vec<Item>) {
        metrics::histogram!("casemate_store_batch_ops").record(batch.len() as f64);
        let mut again = batch;
        // Hardly any change fails, so that savepoints come with the second attempt.
        for guard in [Guard::Nothing, Guard::Savepoints] {
            if again.len() > 1 {
                again = self.attempt(again, guard).await.into_iter().map(back).collect();
            }
        }
        for item in again {
            self.settle_alone(item).await;
        }
    }

    async fn settle_alone(&mut self, mut item: Item) {
        for tries_left in (0..ALONE_TRIES).rev() {
            let Some((again, failure)) = self.attempt(vec![item], Guard::Nothing).await.pop() else {
                return;
            };
            if tries_left == 0 || !failure.may_pass() {
                let action = again.action();
                return again.refuse(failure.into_error(action));
            }
            item = again;
        }
    }

    /// Runs the batch in one transaction. Returns what was undone and not answered, with the reason.
    async fn attempt(&mut self, batch: Vec<Item>, guard: Guard) -> Vec<(Item, Failure)> {
        let batch = refuse_late(batch);
        if batch.is_empty() {
            return Vec::new();
        }
        if let Err(failure) = self.connect().await {
            self.counters.failed();
            refuse_all(batch, &failure);
            return Vec::new();
        }
        let connection = self.connection.as_mut().expect("just connected");
        let mut attempt = Attempt::new(batch, guard);
        match attempt.run(connection, &self.database, self.limits).await {
            Ok(()) => self.commit(attempt).await,
            Err(failure) => {
                if !attempt.lost_a_change() {
                    self.note(&failure);
                }
                self.abandon(&failure).await;
                attempt.undone(&failure)
            }
        }
    }

    async fn commit(&mut self, attempt: Attempt) -> Vec<(Item, Failure)> {
        let began = Instant::now();
        let connection = self.connection.as_mut().expect("the attempt ran on it");
        let committed = batch::commit(connection).await;
        let Err(failure) = committed else {
            self.counters.committed(attempt.done(), began.elapsed());
            return attempt.answer();
        };
        self.note(&failure);
        self.abandon(&failure).await;
        if !failure.leaves_commit_open() {
            return attempt.undone(&failure);
        }
        self.write_over().await;
        attempt.answer_unknown(&failure)
    }

    /// Writes over what a COMMIT that failed may have left in SQLite's write-ahead log. Nobody sees it there until the next start,
    /// which would take it for committed: what was read in between would not have been so. If this fails too, the next transaction
    /// is written to the same place.
    async fn write_over(&mut self) {
        if self.database.dialect() != Dialect::Sqlite || self.connect().await.is_err() {
            return;
        }
        let connection = self.connection.as_mut().expect("just connected");
        if let Err(failure) = batch::write_over(connection).await {
            self.note(&failure);
            self.abandon(&failure).await;
        }
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        if self.connection.is_none() {
            self.connection = Some(self.database.connect_direct().await?);
        }
        Ok(())
    }

    fn note(&self, failure: &Failure) {
        if failure.remedy() != Remedy::RunAgain {
            self.counters.failed();
            tracing::warn!(error = failure as &dyn std::error::Error, "a transaction of the store failed");
        }
    }

    /// Ends the transaction that failed. A connection that may be out of step is not used again.
    async fn abandon(&mut self, failure: &Failure) {
        let in_step = failure.remedy() != Remedy::Reconnect && !matches!(failure, Failure::Silent { .. });
        if let Some(mut connection) = self.connection.take()
            && in_step
            && batch::roll_back(&mut connection).await
        {
            self.connection = Some(connection);
        }
    }
}

fn back((item, _): (Item, Failure)) -> Item {
    item
}

fn refuse_all(batch: Vec<Item>, failure: &Failure) {
    for item in batch {
        let action = item.action();
        item.refuse(failure.clone().into_error(action));
    }
}

/// Refuses what has waited too long already.
fn refuse_late(batch: Vec<Item>) -> Vec<Item> {
    let now = Instant::now();
    let (in_time, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|item| now < item.deadline());
    for item in late {
        let error = waited_too_long(item.action(), item.since());
        item.refuse(error);
    }
    in_time
}
