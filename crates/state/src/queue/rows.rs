use casemate_model::{Project, TaskId, Timestamp, WorkerId};
use casemate_tasks::{Lease, Place, Progress, TaskRecord, TaskState};

use super::stored;
use super::turns::precedence;
use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Columns, Row, Statement, locking, statement, values};

/// The two columns that are derived from a task's progress, so that the questions of the queue are index look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    /// When the task may be taken; only while it waits.
    pub(crate) take_at: Option<Timestamp>,
    /// When time alone moves it on: the end of its lease while somebody works on it, else its deadline.
    pub(crate) lapse_at: Option<Timestamp>,
}

impl Moments {
    pub(crate) fn of(progress: &Progress) -> Self {
        match progress.state {
            TaskState::Queued | TaskState::RetryWait => {
                Self { take_at: Some(progress.due), lapse_at: Some(progress.deadline) }
            }
            TaskState::Leased | TaskState::Running => {
                Self { take_at: None, lapse_at: progress.lease.map(|lease| lease.until) }
            }
            TaskState::Succeeded
            | TaskState::Failed
            | TaskState::Cancelled
            | TaskState::TimedOut
            | TaskState::Dead => Self { take_at: None, lapse_at: None },
        }
    }

    /// Whether it waits and is due. What becomes due later is made ready by who takes tasks.
    fn is_ready(&self, now: Timestamp) -> bool {
        self.take_at.is_some_and(|due| due <= now)
    }
}

impl Tx<'_> {
    /// Finds a task, which stays as it is until the transaction ends.
    pub(super) async fn task(&mut self, id: TaskId) -> Result<Option<TaskRecord>, Failure> {
        self.row(&LOCK_TASK, values![id]).await?.map(task_record).transpose()
    }

    /// The same, of one project.
    pub(super) async fn task_of(
        &mut self,
        project: &Project,
        id: TaskId,
    ) -> Result<Option<TaskRecord>, Failure> {
        self.row(&LOCK_TASK_OF_PROJECT, values![id, project]).await?.map(task_record).transpose()
    }

    /// Adds a task, and counts it.
    pub(super) async fn insert_task(&mut self, task: &TaskRecord) -> Result<(), Failure> {
        let progress = &task.progress;
        let moments = Moments::of(progress);
        let plan = &task.spec.plan;
        let (precedence, ready) = (precedence(plan.priority), moments.is_ready(task.updated));
        let turn = if ready { self.next_turn(&task.project, precedence).await? } else { 0 };
        let values = values![
            task.id,
            task.project,
            progress.state,
            progress.attempt,
            progress.fence,
            progress.lease.map(|lease| lease.worker),
            progress.lease.and_then(|lease| lease.node),
            progress.lease.map(|lease| lease.until),
            progress.due,
            progress.deadline,
            progress.cancel_requested,
            moments.take_at,
            moments.lapse_at,
            stored::spec_text(&task.spec),
            task.actor,
            task.request,
            task.created,
            task.updated,
            precedence,
            turn,
            ready,
            plan.key.as_ref().map(ToString::to_string),
            Place::of(&plan.labels, task.spec.limits.memory_bytes).to_string(),
            task.spec.replica_of,
        ];
        self.execute(&INSERT_TASK, values).await?;
        self.execute(&COUNT_UP, values![task.project, progress.state, 1u64]).await.map(drop)
    }

    /// Saves what has changed of a task whose state was `before`, and counts it anew.
    pub(super) async fn save_task(&mut self, task: &TaskRecord, before: TaskState) -> Result<(), Failure> {
        self.save_row(task).await?;
        let after = task.progress.state;
        if after != before {
            self.count_moved(&task.project, (before, after), 1).await?;
        }
        if after.is_final() && !before.is_final() {
            self.execute(&CLOSE_TASK, values![task.project]).await?;
            self.count_in_hour(task).await?;
            self.tell_who_needs(task.id).await?;
        }
        Ok(())
    }

    async fn save_row(&mut self, task: &TaskRecord) -> Result<(), Failure> {
        let progress = &task.progress;
        let moments = Moments::of(progress);
        let values = values![
            task.id,
            progress.state,
            progress.attempt,
            progress.fence,
            progress.lease.map(|lease| lease.worker),
            progress.lease.and_then(|lease| lease.node),
            progress.lease.map(|lease| lease.until),
            progress.due,
            progress.cancel_requested,
            moments.take_at,
            moments.lapse_at,
            task.updated,
            task.result.as_ref().map(stored::result_text),
            task.result.as_ref().map(|result| result.receipt.as_slice()),
            task.result.as_ref().map(|result| result.entry),
            moments.is_ready(task.updated),
        ];
        self.execute(&UPDATE_TASK, values).await.map(drop)
    }

    /// Counts tasks of a project in another state.
    pub(super) async fn count_moved(
        &mut self,
        project: &Project,
        (before, after): (TaskState, TaskState),
        tasks: u64,
    ) -> Result<(), Failure> {
        self.execute(&COUNT_DOWN, values![project, before, tasks]).await?;
        self.execute(&COUNT_UP, values![project, after, tasks]).await.map(drop)
    }
}

/// A result of which a column is missing.
#[derive(Debug, thiserror::Error)]
#[error("a part of its result is not there")]
struct HalfResult;

/// Passes over a task among others that cannot be read, be it damaged or written by a newer version, so that it keeps none of
/// them waiting.
pub(super) fn if_readable(read: Result<TaskRecord, Failure>) -> Result<Option<TaskRecord>, Failure> {
    match read {
        Err(failure @ Failure::Damaged { .. }) => {
            tracing::error!(error = &failure as &dyn std::error::Error, "a task is passed over");
            Ok(None)
        }
        read => read.map(Some),
    }
}

pub(crate) fn task_record(row: Row) -> Result<TaskRecord, Failure> {
    read_task(&mut row.read("task"))
}

/// Reads a task, and leaves the columns that follow it.
pub(crate) fn read_task(columns: &mut Columns) -> Result<TaskRecord, Failure> {
    let id = columns.next()?;
    let project = columns.next()?;
    let state = columns.next()?;
    let (attempt, fence) = (columns.next()?, columns.next()?);
    let worker: Option<WorkerId> = columns.next()?;
    let (node, until) = (columns.next()?, columns.next::<Option<Timestamp>>()?);
    let lease = worker.zip(until).map(|(worker, until)| Lease { worker, node, until });
    let (due, deadline) = (columns.next()?, columns.next()?);
    let cancel_requested = columns.next()?;
    let progress = Progress { state, attempt, fence, lease, due, deadline, cancel_requested };
    let damaged = |error| Failure::damaged("task", error);
    let spec = stored::read_spec(&columns.next::<String>()?).map_err(damaged)?;
    let (actor, request) = (columns.next()?, columns.next()?);
    let (created, updated) = (columns.next()?, columns.next()?);
    let result: Option<String> = columns.next()?;
    let receipt: Option<Vec<u8>> = columns.next()?;
    let entry: Option<u64> = columns.next()?;
    let result = match (result, receipt, entry) {
        (Some(text), Some(receipt), Some(entry)) => {
            Some(stored::read_result(&text, receipt, entry).map_err(damaged)?)
        }
        (None, None, None) => None,
        _ => return Err(Failure::damaged("task", HalfResult)),
    };
    Ok(TaskRecord { id, project, spec, progress, actor, request, created, updated, result })
}

macro_rules! task_columns {
    () => {
        "id, project, state, attempt, fence, lease_worker, lease_node, lease_until, due, deadline, cancel_requested, spec, \
         actor, request, created, updated, result, receipt, entry"
    };
}
pub(super) use task_columns;

pub(super) const TASK: Statement =
    statement!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1 AND project = $2");
pub(super) const LOCK_TASK: Statement = locking!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1");
pub(super) const LOCK_TASK_OF_PROJECT: Statement =
    locking!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1 AND project = $2");
pub(super) const TASKS: Statement = statement!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE project = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
pub(super) const TASKS_IN_STATE: Statement = statement!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE project = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
);
/// All tasks in the order of their ids, with the derived columns at the end; for checking.
pub(crate) const ALL_TASKS: Statement = statement!(
    "SELECT ",
    task_columns!(),
    ", take_at, lapse_at FROM tasks WHERE id > $1 ORDER BY id LIMIT $2"
);
const INSERT_TASK: Statement = statement!(
    "INSERT INTO tasks (id, project, state, attempt, fence, lease_worker, lease_node, lease_until, due, deadline, \
     cancel_requested, take_at, lapse_at, spec, actor, request, created, updated, precedence, turn, ready, unique_key, \
     place, replica_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
     $19, $20, $21, $22, $23, $24)"
);
pub(super) const UPDATE_TASK: Statement = statement!(
    "UPDATE tasks SET state = $2, attempt = $3, fence = $4, lease_worker = $5, lease_node = $6, lease_until = $7, \
     due = $8, cancel_requested = $9, take_at = $10, lapse_at = $11, updated = $12, result = $13, receipt = $14, \
     entry = $15, ready = $16 WHERE id = $1"
);
const COUNT_UP: Statement = statement!(
    "INSERT INTO task_counts (project, state, tasks) VALUES ($1, $2, $3) \
     ON CONFLICT (project, state) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks"
);
pub(super) const COUNT_DOWN: Statement =
    statement!("UPDATE task_counts SET tasks = tasks - $3 WHERE project = $1 AND state = $2");
pub(super) const CLOSE_TASK: Statement =
    statement!("UPDATE task_queues SET open_tasks = open_tasks - 1 WHERE project = $1");
