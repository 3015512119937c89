//! The durable queue of tasks. Every state change is a step of [`Progress`], taken inside the transaction.

mod audit;
mod end;
mod expire;
mod hours;
mod needs;
mod quorum;
mod rows;
mod stored;
mod submit;
mod turns;
mod work;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, StoreError, TaskId, Timestamp};
use casemate_tasks::{
    Cancelled, Completed, Completion, EndEvent, Extended, Held, HourFigures, Queue, Settled, Submitted,
    Taker, TaskPage, TaskRecord, TaskState,
};

use rows::task_record;

use crate::sql::{Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

pub(crate) use rows::{ALL_TASKS, Moments, read_task};
pub(crate) use stored::{StoredError, StoredLimits, StoredPlan, bad_value, result_blobs, spec_blobs};
pub(crate) use submit::Submit;

#[async_trait]
impl Queue for Store {
    async fn submit(&self, task: &TaskRecord, event: Event) -> Result<Submitted, StoreError> {
        self.change(Submit { task: task.clone(), event }).await
    }

    async fn take(&self, taker: Taker, now: Timestamp, limit: u32) -> Result<Vec<TaskRecord>, StoreError> {
        self.change(work::Take { taker, now, limit: limit.min(PAGE_MAX) }).await
    }

    async fn is_any_claimable(&self, project: &Project, now: Timestamp) -> Result<bool, StoreError> {
        let found = self.row("look for tasks to take", &work::ANY_CLAIMABLE, values![project, now]).await?;
        Ok(found.is_some())
    }

    async fn start(&self, id: TaskId, fence: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.change(work::Start { id, fence, now }).await
    }

    async fn extend(&self, held: &[Held], until: Timestamp, now: Timestamp) -> Result<Extended, StoreError> {
        // In one order everywhere, so that two nodes never wait for each other's rows.
        let mut held = held.to_vec();
        held.sort_by_key(|held| held.task);
        self.change(work::Extend { held, until, now }).await
    }

    async fn complete(&self, completion: &Completion, event: Event) -> Result<Completed, StoreError> {
        self.change(end::Complete { completion: completion.clone(), event }).await
    }

    async fn hand_back(
        &self,
        held: Held,
        now: Timestamp,
        event: EndEvent,
    ) -> Result<Option<TaskRecord>, StoreError> {
        self.change(work::HandBack { held, now, event }).await
    }

    async fn cancel(
        &self,
        project: &Project,
        id: TaskId,
        now: Timestamp,
        event: Event,
    ) -> Result<Cancelled, StoreError> {
        self.change(end::Cancel { project: project.clone(), id, now, event }).await
    }

    async fn tick(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Vec<TaskRecord>, StoreError> {
        self.change(end::Tick { now, event, limit: limit.min(PAGE_MAX) }).await
    }

    async fn settle(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Settled, StoreError> {
        // There is seldom anything to do, and a look costs no turn of the writer.
        if self.row("look for tasks to move on", &needs::ANY_OVER, &[]).await?.is_none() {
            return Ok(Settled::default());
        }
        self.change(needs::Settle { now, event, limit: limit.min(PAGE_MAX) }).await
    }

    async fn void_results(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Settled, StoreError> {
        // As above.
        if self.row("look for results to take back", &audit::ANY_UNJUDGED, &[]).await?.is_none() {
            return Ok(Settled::default());
        }
        self.change(audit::VoidResults { now, event, limit: limit.min(PAGE_MAX) }).await
    }

    async fn task(&self, project: &Project, id: TaskId) -> Result<Option<TaskRecord>, StoreError> {
        let action = "read a task";
        read_one(self.row(action, &rows::TASK, values![id, project]).await?, action, task_record)
    }

    async fn audits(&self, project: &Project, task: TaskId) -> Result<Vec<TaskRecord>, StoreError> {
        let action = "find who looked at a task";
        let mut audits =
            read_all(self.rows(action, &audit::AUDITS, values![task]).await?, action, task_record)?;
        audits.retain(|audit| audit.project == *project);
        Ok(audits)
    }

    async fn tasks(&self, page: &TaskPage) -> Result<Vec<TaskRecord>, StoreError> {
        let action = "list tasks";
        // Past every id, which is the prefix, an underscore and digits and letters.
        let before = page.before.map_or_else(|| "tsk~".to_owned(), |id| id.to_string());
        let limit = page.limit.min(PAGE_MAX);
        let rows = match page.state {
            None => self.rows(action, &rows::TASKS, values![page.project, before, limit]).await?,
            Some(state) => {
                self.rows(action, &rows::TASKS_IN_STATE, values![page.project, state, before, limit]).await?
            }
        };
        read_all(rows, action, task_record)
    }

    async fn hours(&self, project: &Project, since: Timestamp) -> Result<Vec<HourFigures>, StoreError> {
        let action = "read figures of tasks";
        let rows = self.rows(action, &hours::HOURS, values![project, hours::hour_of(since)]).await?;
        read_all(rows, action, hours::hour_figures)
    }

    async fn expire(&self, before: Timestamp, event: Event, limit: u32) -> Result<u64, StoreError> {
        // There is seldom anything to do, and a look costs no turn of the writer.
        if self.row("look for old tasks", &expire::ANY_OLD, values![before]).await?.is_none() {
            return Ok(0);
        }
        self.change(expire::Expire { before, event, limit: limit.min(PAGE_MAX) }).await
    }

    async fn forget_hours(&self, now: Timestamp) -> Result<(), StoreError> {
        self.change(hours::ForgetHours(now)).await
    }

    async fn counts(&self, project: &Project) -> Result<Vec<(TaskState, u64)>, StoreError> {
        let action = "count tasks";
        let rows = self.rows(action, &COUNTS, values![project]).await?;
        read_all(rows, action, |row| {
            let mut columns = row.read("task count");
            Ok((columns.next()?, columns.next()?))
        })
    }
}

const COUNTS: Statement =
    statement!("SELECT state, tasks FROM task_counts WHERE project = $1 AND tasks > 0 ORDER BY state");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("count tasks", &COUNTS),
    ("find a task", &rows::TASK),
    ("find a task to change", &rows::LOCK_TASK),
    ("find a project's task to change", &rows::LOCK_TASK_OF_PROJECT),
    ("list tasks", &rows::TASKS),
    ("list tasks in a state", &rows::TASKS_IN_STATE),
    ("save a task", &rows::UPDATE_TASK),
    ("count a task", &rows::COUNT_DOWN),
    ("note that a task is over", &rows::CLOSE_TASK),
    ("find what ready tasks want", &work::PLACES),
    ("find what ready tasks of a project want", &work::PLACES_OF_PROJECT),
    ("look for tasks to take", &work::ANY_CLAIMABLE),
    ("lease tasks", &work::LEASE),
    ("take tasks", &work::TAKE),
    ("take tasks of a project", &work::TAKE_OF_PROJECT),
    ("look for tasks to move on", &needs::ANY_OVER),
    ("find tasks to move on", &needs::OVER),
    ("count what a task needs", &needs::OPEN_NEEDS),
    ("tell who needs a task that it is over", &needs::MARK_OVER),
    ("find who looked at a task", &audit::AUDITS),
    ("look for results to take back", &audit::ANY_UNJUDGED),
    ("find results to take back", &audit::UNJUDGED),
    ("find tasks that became due", &turns::DUE),
    ("make a task ready", &turns::READY),
    ("find whose turn it is", &turns::FRONT),
    ("find an open task by its key", &submit::OPEN_WITH_KEY),
    ("drop an output", &end::DROP_OUTPUT),
    ("forget an output", &end::FORGET_OUTPUT),
    ("tick tasks", &end::LAPSED),
    ("look for old tasks", &expire::ANY_OLD),
    ("find old tasks", &expire::OLD),
    ("forget old figures", &hours::FORGET),
    ("read figures of tasks", &hours::HOURS),
];
