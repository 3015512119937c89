use async_trait::async_trait;
use casemate_model::{TaskId, Timestamp, WorkerId};
use casemate_tasks::{Lease, RetryPolicy, Step, TaskRecord};

use super::rows::{task_columns, task_record};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

/// Leases tasks that are due.
pub(super) struct Take {
    pub(super) lease: Lease,
    pub(super) now: Timestamp,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for Take {
    type Answer = Vec<TaskRecord>;
    const ACTION: &'static str = "take tasks";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<TaskRecord>, Failure> {
        let mut taken = Vec::new();
        for row in tx.rows(&TAKE, values![self.now, self.limit]).await? {
            let mut task = task_record(row)?;
            let before = task.progress.state;
            let step = task.progress.step(&Step::Take(self.lease), self.now, &UNUSED);
            // The query asked for the same conditions, so a refusal does not happen; if it does, the task waits.
            let Ok(progress) = step else { continue };
            task.progress = progress;
            task.updated = self.now;
            tx.save_task(&task, before).await?;
            taken.push(task);
        }
        Ok(taken)
    }
}

/// Notes that the guest starts.
pub(super) struct Start {
    pub(super) id: TaskId,
    pub(super) fence: u64,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for Start {
    type Answer = bool;
    const ACTION: &'static str = "start a task";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        step(tx, self.id, Step::Start { fence: self.fence }, self.now).await
    }
}

/// Gives a task up unharmed.
pub(super) struct HandBack {
    pub(super) id: TaskId,
    pub(super) fence: u64,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for HandBack {
    type Answer = bool;
    const ACTION: &'static str = "hand a task back";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        step(tx, self.id, Step::HandBack { fence: self.fence }, self.now).await
    }
}

/// Takes one step of the lease's holder; false if it is refused.
async fn step(tx: &mut Tx<'_>, id: TaskId, step: Step, now: Timestamp) -> Result<bool, Failure> {
    let Some(mut task) = tx.task(id).await? else {
        return Ok(false);
    };
    let before = task.progress.state;
    let Ok(progress) = task.progress.step(&step, now, &UNUSED) else {
        return Ok(false);
    };
    task.progress = progress;
    task.updated = now;
    tx.save_task(&task, before).await?;
    Ok(true)
}

/// Extends the leases of a worker. One statement for all of them: [`Step::Extend`] changes nothing but the time.
pub(super) struct Extend {
    pub(super) worker: WorkerId,
    pub(super) until: Timestamp,
}

#[async_trait]
impl Change for Extend {
    type Answer = Vec<TaskId>;
    const ACTION: &'static str = "extend leases";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<TaskId>, Failure> {
        let mut to_cancel = Vec::new();
        for row in tx.rows(&EXTEND, values![self.worker, self.until]).await? {
            let mut columns = row.read("task");
            let id = columns.next()?;
            if columns.next::<bool>()? {
                to_cancel.push(id);
            }
        }
        to_cancel.sort();
        Ok(to_cancel)
    }
}

/// These steps never retry anything, so the policy that the step asks for does not matter.
const UNUSED: RetryPolicy = RetryPolicy::DEFAULT;

pub(super) const TAKE: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE take_at <= $1 AND deadline > $1 ORDER BY take_at, id LIMIT $2"
);
pub(super) const EXTEND: Statement = statement!(
    "UPDATE tasks SET lease_until = $2, lapse_at = $2 WHERE lease_worker = $1 RETURNING id, cancel_requested"
);
