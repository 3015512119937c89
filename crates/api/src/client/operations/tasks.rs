use std::time::Duration;

use http::Method;

use super::PageRequest;
use crate::client::TaskEvents;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::tasks::{SubmitTask, Task, TaskState, TaskStatistics, TaskTypes};
use crate::{Client, ClientError, Download, Page};

/// Which of a task's outputs is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStream<'a> {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file of `/out`, by its path there.
    File(&'a str),
}

impl Client {
    /// `tasks.submit`: accepts a task and waits up to `wait` (at most 60 s, whole seconds) for its end.
    pub async fn tasks_submit(&self, task: &SubmitTask, wait: Duration) -> Result<Task, ClientError> {
        self.create(Call::new("tasks.submit", Method::POST, Path::new("/tasks")).json(task).wait(wait)).await
    }

    /// `tasks.list`: the project's tasks, newest first, perhaps only those in one state.
    pub async fn tasks_list(
        &self,
        state: Option<TaskState>,
        page: &PageRequest,
    ) -> Result<Page<Task>, ClientError> {
        let path = page.apply(Path::new("/tasks").maybe("state", state.map(TaskState::as_str)));
        self.json(Call::new("tasks.list", Method::GET, path)).await
    }

    /// `tasks.show`: a task, after waiting up to `wait` (at most 60 s, whole seconds) for its end.
    pub async fn tasks_show(&self, id: &str, wait: Duration) -> Result<Task, ClientError> {
        self.json(Call::new("tasks.show", Method::GET, task(id)).wait(wait)).await
    }

    /// `tasks.cancel`: asks for a task to be cancelled; its guest is killed.
    pub async fn tasks_cancel(&self, id: &str) -> Result<Task, ClientError> {
        self.json(Call::new("tasks.cancel", Method::POST, task(id).then("/cancel"))).await
    }

    /// `tasks.requeue`: submits once more what a task that is over was to do.
    pub async fn tasks_requeue(&self, id: &str) -> Result<Task, ClientError> {
        self.create(Call::new("tasks.requeue", Method::POST, task(id).then("/requeue"))).await
    }

    /// `tasks.output`: downloads an output of a task.
    pub async fn tasks_output(&self, id: &str, stream: TaskStream<'_>) -> Result<Download, ClientError> {
        let path = match stream {
            TaskStream::Stdout => task(id).then("/stdout"),
            TaskStream::Stderr => task(id).then("/stderr"),
            TaskStream::File(path) => task(id).then("/outputs").rest(path),
        };
        let (parts, body) = self.send(Call::new("tasks.output", Method::GET, path)).await?.into_parts();
        Ok(Download::new(self.address(), &parts.headers, body))
    }

    /// `tasks.logs`: follows what a task writes, and how far it is, to its end.
    pub async fn tasks_logs(&self, id: &str) -> Result<TaskEvents, ClientError> {
        let call = Call::new("tasks.logs", Method::GET, task(id).then("/logs"));
        let (parts, body) = self.send(call).await?.into_parts();
        Ok(TaskEvents::new(Download::new(self.address(), &parts.headers, body)))
    }

    /// `tasks.statistics`: what came of tasks in the last `hours`, 1 to 840.
    pub async fn tasks_statistics(&self, hours: u32) -> Result<TaskStatistics, ClientError> {
        let path = Path::new("/tasks/statistics").query("hours", &hours.to_string());
        self.json(Call::new("tasks.statistics", Method::GET, path)).await
    }

    /// `tasks.types`: types of tasks, and what they may hold.
    pub async fn tasks_types(&self) -> Result<TaskTypes, ClientError> {
        self.json(Call::new("tasks.types", Method::GET, Path::new("/task-types"))).await
    }

    /// `tasks.receipt`: the task's receipt with everything that is needed to verify it offline. Until the signed log
    /// covers it, which takes up to a second, the problem is `proof_pending`.
    pub async fn tasks_receipt(&self, id: &str) -> Result<String, ClientError> {
        self.text(Call::new("tasks.receipt", Method::GET, task(id).then("/receipt"))).await
    }
}

fn task(id: &str) -> Path {
    Path::new("/tasks").segment(id)
}
