//! Tasks that wait for others.
//!
//! A row says that one needs another, until it was looked at how that has ended. Whoever ends a task only marks the rows
//! of those who need it, however many: what follows is done a few at a time, so no transaction grows with the graph.

use std::collections::BTreeSet;

use async_trait::async_trait;
use casemate_model::{TaskId, Timestamp};
use casemate_tasks::{EndEvent, Settled, Step, Submitted, TaskRecord, TaskState};

use super::stored::{spec_blobs, spec_text};
use super::turns::precedence;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

impl Tx<'_> {
    /// Puts what is known by now of the tasks that `task` needs into it, and returns those that are yet to end; else why
    /// it is refused.
    pub(super) async fn look_at_needs(
        &mut self,
        task: &mut TaskRecord,
    ) -> Result<Result<Vec<TaskId>, Submitted>, Failure> {
        let mut open = Vec::new();
        for id in task.spec.needs.clone() {
            let Some(needed) = self.task_of(&task.project, id).await? else {
                return Ok(Err(Submitted::NeedsMissing(id)));
            };
            if !needed.progress.state.is_final() {
                open.push(id);
                continue;
            }
            let Some(result) = needed.result.filter(|_| needed.progress.state == TaskState::Succeeded) else {
                return Ok(Err(Submitted::NeedsMissing(id)));
            };
            if let Err(missing) = task.spec.resolve(id, &result) {
                return Ok(Err(Submitted::OutputMissing(missing)));
            }
        }
        Ok(Ok(open))
    }

    /// Writes down what `task` waits for.
    pub(super) async fn insert_needs(&mut self, task: TaskId, needs: &[TaskId]) -> Result<(), Failure> {
        for needed in needs {
            self.execute(&INSERT_NEED, values![needed, task]).await?;
        }
        Ok(())
    }

    /// Tells those who need `task` that it is over.
    pub(super) async fn tell_who_needs(&mut self, task: TaskId) -> Result<(), Failure> {
        self.execute(&MARK_OVER, values![task]).await.map(drop)
    }
}

/// Moves tasks on because of others that are over.
pub(super) struct Settle {
    pub(super) now: Timestamp,
    pub(super) event: EndEvent,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for Settle {
    type Answer = Settled;
    const ACTION: &'static str = "move tasks on that need others";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Settled, Failure> {
        // Two at once would wait for each other's rows.
        tx.row(&LOCK_SETTLING, &[]).await?;
        let rows = tx.rows(&OVER, values![self.limit]).await?;
        let more = rows.len() == self.limit as usize;
        let mut settled = Settled { more, ..Settled::default() };
        for row in rows {
            let mut columns = row.read("need of a task");
            let (needed, id): (TaskId, TaskId) = (columns.next()?, columns.next()?);
            tx.execute(&DELETE_NEED, values![needed, id]).await?;
            let Some(task) = tx.task(id).await? else { continue };
            if task.progress.state.is_final() {
                self.settle_audit(tx, task, &mut settled).await?;
            } else if task.spec.quorum.is_some() {
                self.settle_quorum(tx, task, &mut settled).await?;
            } else {
                settled.changed.extend(self.settle(tx, task, needed).await?);
            }
        }
        Ok(settled)
    }
}

impl Settle {
    /// Moves one task on because `needed` is over; `None` if it waits for more.
    async fn settle(
        &self,
        tx: &mut Tx<'_>,
        mut task: TaskRecord,
        needed: TaskId,
    ) -> Result<Option<TaskRecord>, Failure> {
        let before: BTreeSet<_> = spec_blobs(&task);
        let needed = tx.task_of(&task.project, needed).await?;
        let result = needed.and_then(|needed| {
            let succeeded = needed.progress.state == TaskState::Succeeded;
            needed.result.filter(|_| succeeded).map(|result| (needed.id, result))
        });
        let resolved = result.is_some_and(|(id, result)| task.spec.resolve(id, &result).is_ok());
        if !resolved {
            tx.execute(&DELETE_NEEDS, values![task.id]).await?;
            return self.step(tx, task, &Step::GiveUp).await;
        }
        for blob in spec_blobs(&task).difference(&before) {
            tx.refer_to_known(blob).await?;
        }
        let open: u64 = match tx.row(&OPEN_NEEDS, values![task.id]).await? {
            Some(row) => row.only("count of needs")?,
            None => 0,
        };
        let (due, deadline) =
            if open == 0 { task.schedule(self.now) } else { (task.progress.due, task.progress.deadline) };
        tx.execute(&RESOLVE, values![task.id, spec_text(&task.spec), deadline]).await?;
        if open > 0 {
            return Ok(None);
        }
        // Before it is ready, as whose turn it is counts all that are.
        let turn = match due <= self.now {
            true => Some(tx.next_turn(&task.project, precedence(task.spec.plan.priority)).await?),
            false => None,
        };
        let released = self.step(tx, task, &Step::Release { due, deadline }).await?;
        if let (Some(task), Some(turn)) = (&released, turn) {
            tx.make_ready(task.id, turn).await?;
        }
        Ok(released)
    }

    pub(super) async fn step(
        &self,
        tx: &mut Tx<'_>,
        mut task: TaskRecord,
        step: &Step,
    ) -> Result<Option<TaskRecord>, Failure> {
        let before = task.progress.state;
        // One that was taken has nothing to wait for, so this is never refused; if it is, nothing happens.
        let Ok(progress) = task.step(step, self.now) else { return Ok(None) };
        task.progress = progress;
        task.updated = self.now;
        tx.save_task(&task, before).await?;
        if task.progress.state.is_final() {
            tx.record(&(self.event)(&task, self.now)).await?;
        }
        Ok(Some(task))
    }
}

/// Nodes settle one after another. SQLite has one writer anyway.
const LOCK_SETTLING: Statement =
    Statement { sqlite: "SELECT 1", postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310034) AS held" };
const INSERT_NEED: Statement = statement!("INSERT INTO task_needs (needed, task, over) VALUES ($1, $2, 0)");
pub(super) const MARK_OVER: Statement = statement!("UPDATE task_needs SET over = 1 WHERE needed = $1");
pub(super) const ANY_OVER: Statement = statement!("SELECT task FROM task_needs WHERE over = 1 LIMIT 1");
pub(super) const OVER: Statement =
    skipping_locked!("SELECT needed, task FROM task_needs WHERE over = 1 ORDER BY needed, task LIMIT $1");
const DELETE_NEED: Statement = statement!("DELETE FROM task_needs WHERE needed = $1 AND task = $2");
pub(super) const DELETE_NEEDS: Statement = statement!("DELETE FROM task_needs WHERE task = $1");
pub(super) const OPEN_NEEDS: Statement = statement!("SELECT COUNT(*) FROM task_needs WHERE task = $1");
const RESOLVE: Statement = statement!("UPDATE tasks SET spec = $2, deadline = $3 WHERE id = $1");
