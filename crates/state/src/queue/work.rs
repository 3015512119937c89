use async_trait::async_trait;
use casemate_model::{TaskId, Timestamp};
use casemate_tasks::{EndEvent, Extended, Held, Lease, Step, TaskRecord};

use super::rows::{task_columns, task_record};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, values};

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
        tx.make_due_tasks_ready(self.now, self.limit).await?;
        let mut taken = Vec::new();
        for row in tx.rows(&TAKE, values![self.now, self.limit]).await? {
            let mut task = task_record(row)?;
            let before = task.progress.state;
            let step = task.step(&Step::Take(self.lease), self.now);
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
        let start = Step::Start { fence: self.fence };
        Ok(step(tx, self.id, &start, self.now).await?.is_some())
    }
}

/// Gives a task up unharmed.
pub(super) struct HandBack {
    pub(super) held: Held,
    pub(super) now: Timestamp,
    pub(super) event: EndEvent,
}

#[async_trait]
impl Change for HandBack {
    type Answer = Option<TaskRecord>;
    const ACTION: &'static str = "hand a task back";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<TaskRecord>, Failure> {
        let back = Step::HandBack { fence: self.held.fence };
        let Some(task) = step(tx, self.held.task, &back, self.now).await? else {
            return Ok(None);
        };
        if task.progress.state.is_final() {
            tx.record(&(self.event)(&task, self.now)).await?;
        }
        Ok(Some(task))
    }
}

/// Takes one step of the lease's holder, and returns the task as it is then; `None` if it is refused.
async fn step(
    tx: &mut Tx<'_>,
    id: TaskId,
    step: &Step,
    now: Timestamp,
) -> Result<Option<TaskRecord>, Failure> {
    let Some(mut task) = tx.task(id).await? else {
        return Ok(None);
    };
    let before = task.progress.state;
    let Ok(progress) = task.step(step, now) else {
        return Ok(None);
    };
    if progress.state != before {
        task.updated = now;
    }
    task.progress = progress;
    tx.save_task(&task, before).await?;
    Ok(Some(task))
}

/// Extends leases.
pub(super) struct Extend {
    pub(super) held: Vec<Held>,
    pub(super) until: Timestamp,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for Extend {
    type Answer = Extended;
    const ACTION: &'static str = "extend leases";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Extended, Failure> {
        let mut extended = Extended::default();
        for held in &self.held {
            let extend = Step::Extend { fence: held.fence, until: self.until };
            match step(tx, held.task, &extend, self.now).await? {
                None => extended.lost.push(*held),
                Some(task) if task.progress.cancel_requested => extended.cancelled.push(*held),
                Some(_) => {}
            }
        }
        Ok(extended)
    }
}

pub(super) const TAKE: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE ready = 1 AND deadline > $1 ORDER BY precedence, turn, id LIMIT $2"
);
