use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, TaskId, Timestamp};
use casemate_objects::BlobId;
use casemate_tasks::{Cancelled, Completed, Completion, EndEvent, Progress, Step, TaskRecord, TaskResult};

use super::rows::{if_readable, task_columns, task_record};
use super::stored::result_blobs;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

/// Accepts the end of a run.
pub(super) struct Complete {
    pub(super) completion: Completion,
    pub(super) event: Event,
}

#[async_trait]
impl Change for Complete {
    type Answer = Completed;
    const ACTION: &'static str = "complete a task";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Completed, Failure> {
        let completion = &self.completion;
        let Some(mut task) = tx.task(completion.task).await? else {
            return Ok(Completed::Stale);
        };
        // An answer may get lost; whoever asks again learns that it was taken.
        if task.result.as_ref().is_some_and(|result| result.run == completion.result.run) {
            return Ok(Completed::Accepted(Box::new(task)));
        }
        let before = task.progress.state;
        let node = task.progress.lease.and_then(|lease| lease.node);
        let end = Step::End { fence: completion.fence, outcome: completion.result.outcome.clone() };
        let Ok(progress) = task.step(&end, completion.at) else {
            return Ok(Completed::Stale);
        };
        self.refer_to_outputs(tx, &task.project).await?;
        if let Some(former) = &task.result {
            for digest in result_blobs(former) {
                tx.drop_reference(&BlobId::new(&task.project, digest), completion.at).await?;
                tx.execute(&DROP_OUTPUT, values![task.project, digest]).await?;
                tx.execute(&FORGET_OUTPUT, values![task.project, digest]).await?;
            }
        }
        let mut event = self.event.clone();
        event.details.push(("state".to_owned(), progress.state.to_string()));
        let entry = tx.record(&event).await?;
        task.progress = progress;
        task.updated = completion.at;
        task.result = Some(TaskResult { entry, ..completion.result.clone() });
        tx.save_task(&task, before).await?;
        if let (Some(node), Some(result)) = (node, &task.result) {
            tx.count_run(node, &result.outcome, &result.usage).await?;
            if task.progress.state.is_final() && task.spec.replica_of.is_none() {
                tx.execute(&NOTE_RAN, values![task.id, node]).await?;
            }
            if completion.audit && task.can_be_audited() {
                tx.insert_audit(&task, "audit", completion.at).await?;
            }
        }
        Ok(Completed::Accepted(Box::new(task)))
    }
}

impl Complete {
    async fn refer_to_outputs(&self, tx: &mut Tx<'_>, project: &Project) -> Result<(), Failure> {
        let completion = &self.completion;
        let result = &completion.result;
        for digest in result_blobs(result) {
            // The same content may be an output and a stream; its size is the same either way.
            let file = result.outputs.iter().find(|file| file.digest == digest);
            let size_bytes = match file {
                Some(file) => file.size_bytes,
                None if result.stdout == Some(digest) => completion.stdout_bytes,
                None => completion.stderr_bytes,
            };
            tx.refer_to_stored(&BlobId::new(project, digest), size_bytes).await?;
            tx.execute(&ADD_OUTPUT, values![project, digest]).await?;
        }
        Ok(())
    }
}

/// Cancels a task, or asks its worker to.
pub(super) struct Cancel {
    pub(super) project: Project,
    pub(super) id: TaskId,
    pub(super) now: Timestamp,
    pub(super) event: Event,
}

#[async_trait]
impl Change for Cancel {
    type Answer = Cancelled;
    const ACTION: &'static str = "cancel a task";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Cancelled, Failure> {
        let Some(mut task) = tx.task_of(&self.project, self.id).await? else {
            return Ok(Cancelled::Missing);
        };
        let Ok(progress) = task.step(&Step::Cancel, self.now) else {
            return Ok(Cancelled::Over(Box::new(task)));
        };
        // Asking again changes nothing, so there is nothing to record.
        if progress != task.progress {
            move_on(tx, &mut task, progress, self.now).await?;
            for id in task.spec.replicas() {
                if let Some(mut replica) = tx.task(id).await?
                    && let Ok(progress) = replica.step(&Step::Cancel, self.now)
                {
                    move_on(tx, &mut replica, progress, self.now).await?;
                }
            }
            tx.record(&self.event).await?;
        }
        let task = Box::new(task);
        Ok(if task.progress.state.is_final() { Cancelled::Done(task) } else { Cancelled::Requested(task) })
    }
}

/// Moves on what time moves on.
pub(super) struct Tick {
    pub(super) now: Timestamp,
    pub(super) event: EndEvent,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for Tick {
    type Answer = Vec<TaskRecord>;
    const ACTION: &'static str = "move tasks on";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<TaskRecord>, Failure> {
        let mut changed = Vec::new();
        for row in tx.rows(&LAPSED, values![self.now, self.limit]).await? {
            let Some(mut task) = if_readable(task_record(row))? else { continue };
            let progress = task.step(&Step::Tick, self.now);
            let Some(progress) = progress.ok().filter(|progress| *progress != task.progress) else {
                continue;
            };
            let lost = task.progress.lease.and_then(|lease| lease.node);
            move_on(tx, &mut task, progress, self.now).await?;
            if let Some(node) = lost {
                tx.count_lost(node).await?;
            }
            if task.progress.state.is_final() {
                tx.record(&(self.event)(&task, self.now)).await?;
            }
            changed.push(task);
        }
        Ok(changed)
    }
}

async fn move_on(
    tx: &mut Tx<'_>,
    task: &mut TaskRecord,
    progress: Progress,
    now: Timestamp,
) -> Result<(), Failure> {
    let before = task.progress.state;
    task.progress = progress;
    task.updated = now;
    tx.save_task(task, before).await
}

const NOTE_RAN: Statement = statement!("UPDATE tasks SET ran_by = $2, judged = 0 WHERE id = $1");
pub(super) const ADD_OUTPUT: Statement = statement!(
    "INSERT INTO task_outputs (project, digest, tasks) VALUES ($1, $2, 1) \
     ON CONFLICT (project, digest) DO UPDATE SET tasks = task_outputs.tasks + 1"
);
pub(super) const DROP_OUTPUT: Statement =
    statement!("UPDATE task_outputs SET tasks = tasks - 1 WHERE project = $1 AND digest = $2");
pub(super) const FORGET_OUTPUT: Statement =
    statement!("DELETE FROM task_outputs WHERE project = $1 AND digest = $2 AND tasks = 0");
pub(super) const LAPSED: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE lapse_at <= $1 ORDER BY lapse_at, id LIMIT $2"
);
