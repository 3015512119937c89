use std::time::Duration;

use casemate_model::{Project, RunLimits, TaskId, Timestamp};
use casemate_objects::{BlobId, VerifiedBlob};
use casemate_policy::{Resource, operation};
use casemate_tasks::{Cancelled, HOURS_MAX, HourFigures, TaskPage, TaskRecord, TaskResult, TaskState};

use crate::{Caller, Change, Control, ControlError};

impl Control {
    /// Shows a task. With `wait`, answers when it has ended or the wait is over, whichever comes first.
    pub async fn await_task(
        &self,
        caller: &Caller,
        id: TaskId,
        wait: Option<Duration>,
    ) -> Result<TaskRecord, ControlError> {
        let permit = self.permit::<operation::ShowTask>(caller, &resource(id)).await?;
        let Some(wait) = wait else {
            return self.find_task(permit.project(), id).await;
        };
        let mut end = self.runs.end_of(id);
        let task = self.find_task(permit.project(), id).await?;
        if task.progress.state.is_final() || wait.is_zero() {
            return Ok(task);
        }
        tokio::select! {
            () = self.stopping.cancelled() => {}
            _ = tokio::time::timeout(wait, end.wait()) => {}
        }
        self.find_task(permit.project(), id).await
    }

    /// Lists the project's tasks, newest first.
    pub async fn list_tasks(
        &self,
        caller: &Caller,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<TaskRecord>, ControlError> {
        let permit = self.permit::<operation::ListTasks>(caller, &Resource::all("tasks")).await?;
        let page = TaskPage { project: permit.project().clone(), state, before, limit };
        Ok(self.parts.queue.tasks(&page).await?)
    }

    /// How many of the project's tasks are in each state, and what came of those that ended in the last `hours`.
    pub async fn task_statistics(
        &self,
        caller: &Caller,
        hours: u32,
    ) -> Result<(Vec<(TaskState, u64)>, Vec<HourFigures>), ControlError> {
        let permit = self.permit::<operation::TaskStatistics>(caller, &Resource::all("tasks")).await?;
        let back = u64::from(hours.min(HOURS_MAX).saturating_sub(1)) * 60 * 60 * 1_000;
        let since =
            Timestamp::from_millis(self.now().as_millis().saturating_sub(back)).expect("earlier than now");
        let counts = self.parts.queue.counts(permit.project()).await?;
        Ok((counts, self.parts.queue.hours(permit.project(), since).await?))
    }

    /// What submissions of each type may hold, and the most that a run may use.
    pub async fn task_types(&self, caller: &Caller) -> Result<RunLimits, ControlError> {
        self.permit::<operation::ListTaskTypes>(caller, &Resource::all("tasks")).await?;
        Ok(self.parts.settings.limits_ceiling)
    }

    /// Cancels a task; if it runs, its guest is killed.
    pub async fn cancel_task(&self, caller: &Caller, id: TaskId) -> Result<TaskRecord, ControlError> {
        let permit = self.permit::<operation::CancelTask>(caller, &resource(id)).await?;
        let event = self.event(caller, permit.action(), resource(id), "cancel requested");
        match self.parts.queue.cancel(permit.project(), id, self.now(), event).await? {
            Cancelled::Done(task) => {
                self.announce_task(&task);
                Ok(*task)
            }
            Cancelled::Requested(task) => {
                self.runs.cancel(id);
                Ok(*task)
            }
            Cancelled::Over(task) => Ok(*task),
            Cancelled::Missing => Err(ControlError::TaskNotFound(id)),
        }
    }

    /// Opens what a task wrote to standard output, or to standard error.
    pub async fn task_stream(
        &self,
        caller: &Caller,
        id: TaskId,
        stderr: bool,
    ) -> Result<VerifiedBlob, ControlError> {
        let (result, project) = self.readable_result(caller, id).await?;
        let (digest, what) =
            if stderr { (result.stderr, "standard error") } else { (result.stdout, "standard output") };
        let digest = digest.ok_or_else(|| ControlError::TaskHasNo { task: id, what: what.to_owned() })?;
        self.open_content(caller, BlobId { project, digest }).await
    }

    /// Opens a file that a task left in its output directory.
    pub async fn task_output(
        &self,
        caller: &Caller,
        id: TaskId,
        path: &str,
    ) -> Result<VerifiedBlob, ControlError> {
        let (result, project) = self.readable_result(caller, id).await?;
        let file = result.outputs.iter().find(|file| file.path == path);
        let digest = match file {
            Some(file) => file.digest,
            None => {
                let what = format!("output file `{}`", path.chars().take(80).collect::<String>());
                return Err(ControlError::TaskHasNo { task: id, what });
            }
        };
        self.open_content(caller, BlobId { project, digest }).await
    }

    async fn readable_result(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<(TaskResult, Project), ControlError> {
        let permit = self.permit::<operation::ReadTaskOutput>(caller, &resource(id)).await?;
        let task = self.find_task(permit.project(), id).await?;
        Ok((result_of(task)?, permit.project().clone()))
    }

    pub(crate) async fn find_task(&self, project: &Project, id: TaskId) -> Result<TaskRecord, ControlError> {
        let found = self.parts.queue.task(project, id).await?;
        found.ok_or(ControlError::TaskNotFound(id))
    }

    /// Tells whoever watches or waits that a task changed its state.
    pub(crate) fn announce_task(&self, task: &TaskRecord) {
        let state = task.progress.state;
        if state.is_final() {
            self.runs.ended(task.id);
            self.handed_in.forget(task.id);
        }
        self.logs.tell(task);
        let change = Change::Task { id: task.id, state, updated: task.updated };
        self.feed.publish(Some(task.project.clone()), change);
    }
}

/// What the task's run gave, or which of the two reasons there is for there being nothing.
pub(crate) fn result_of(task: TaskRecord) -> Result<TaskResult, ControlError> {
    let ended = task.progress.state.is_final();
    match task.result {
        Some(result) => Ok(result),
        None if ended => Err(ControlError::TaskHasNo { task: task.id, what: "run".to_owned() }),
        None => Err(ControlError::TaskNotFinished(task.id)),
    }
}

pub(super) fn resource(id: TaskId) -> Resource {
    Resource::one("task", id)
}
