mod follow;
mod submit;

pub(crate) use follow::*;
pub(crate) use submit::{decode, module_source, run_limits};

use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_model::TaskId;
use casemate_tasks::{TaskRecord, TaskState};
use http::{StatusCode, header};
use serde::Deserialize;

use super::objects::download;
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, path_parameter};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Seconds to wait for the task to end, at most 60; the answer comes earlier if it does.
    #[serde(default)]
    wait: u64,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TasksQuery {
    /// Only tasks in this state.
    state: Option<String>,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl WaitQuery {
    fn duration(&self, state: &AppState) -> Option<Duration> {
        (self.wait > 0).then(|| Duration::from_secs(self.wait).min(state.task_wait_max))
    }
}

/// Submit a task
#[utoipa::path(post, path = "/tasks", operation_id = "tasks_submit", tag = "tasks", params(WaitQuery, IdempotencyParams),
    request_body = wire::tasks::SubmitTask,
    responses((status = 200, body = wire::tasks::Task, description = "There is an open task of this key"),
        (status = 201, body = wire::tasks::Task, description = "The task is durable and has ended"),
        (status = 202, body = wire::tasks::Task, description = "The task is durable and will run"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn submit_task(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<WaitQuery>>,
    Json(body): Json<wire::tasks::SubmitTask>,
) -> Result<Response, Problem> {
    let wait = query.into_inner()?.duration(&state);
    let mut task = state.control.submit_task(&caller, decode(body)?).await?;
    let existed = task.request != caller.request;
    if wait.is_some() {
        task = state.control.await_task(&caller, task.id, wait).await?;
    }
    let status = match (existed, task.progress.state.is_final()) {
        (true, _) => StatusCode::OK,
        (false, true) => StatusCode::CREATED,
        (false, false) => StatusCode::ACCEPTED,
    };
    Ok(submitted(status, &task))
}

/// Submit once more what a task that is over was to do
#[utoipa::path(post, path = "/tasks/{id}/requeue", operation_id = "tasks_requeue", tag = "tasks",
    params(("id" = String, Path, description = "The task's id"), IdempotencyParams),
    responses((status = 200, body = wire::tasks::Task, description = "There is an open task of this key"),
        (status = 202, body = wire::tasks::Task, description = "The new task is durable and will run"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn requeue_task(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let task = state.control.requeue_task(&caller, task_id(&id)?).await?;
    let existed = task.request != caller.request;
    Ok(submitted(if existed { StatusCode::OK } else { StatusCode::ACCEPTED }, &task))
}

/// A task with how far its run says it is.
fn shown(state: &AppState, task: &TaskRecord) -> wire::tasks::Task {
    let progress = state.control.progress_of(task).as_ref().map(shown_progress);
    wire::tasks::Task { progress, ..convert::task(task) }
}

fn submitted(status: StatusCode, task: &TaskRecord) -> Response {
    let location = [(header::LOCATION, format!("/api/v1/tasks/{}", task.id))];
    (status, location, axum::Json(convert::task(task))).into_response()
}

/// List the project's tasks, newest first
#[utoipa::path(get, path = "/tasks", operation_id = "tasks_list", tag = "tasks", params(TasksQuery),
    responses((status = 200, body = wire::Page<wire::tasks::Task>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_tasks(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<TasksQuery>>,
) -> Result<axum::Json<wire::Page<wire::tasks::Task>>, Problem> {
    let TasksQuery { state: wanted, limit, after } = query.into_inner()?;
    let wanted: Option<TaskState> =
        wanted.as_deref().map(|text| path_parameter("state", text)).transpose()?;
    let page = PageQuery::new(limit, after);
    let rows = state.control.list_tasks(&caller, wanted, page.after()?, page.rows()?).await?;
    let tasks = rows.iter().map(|task| shown(&state, task)).collect();
    Ok(axum::Json(page.page(tasks, |task: &wire::tasks::Task| task.id.clone())?))
}

/// Show a task
#[utoipa::path(get, path = "/tasks/{id}", operation_id = "tasks_show", tag = "tasks",
    params(("id" = String, Path, description = "The task's id"), WaitQuery),
    responses((status = 200, body = wire::tasks::Task), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_task(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    query: Answer<Query<WaitQuery>>,
) -> Result<axum::Json<wire::tasks::Task>, Problem> {
    let wait = query.into_inner()?.duration(&state);
    let task = state.control.await_task(&caller, task_id(&id)?, wait).await?;
    Ok(axum::Json(shown(&state, &task)))
}

/// Cancel a task
#[utoipa::path(post, path = "/tasks/{id}/cancel", operation_id = "tasks_cancel", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = wire::tasks::Task), (status = "default", body = wire::Problem)))]
pub(crate) async fn cancel_task(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::tasks::Task>, Problem> {
    let task = state.control.cancel_task(&caller, task_id(&id)?).await?;
    Ok(axum::Json(convert::task(&task)))
}

/// Read what a task wrote to standard output
#[utoipa::path(get, path = "/tasks/{id}/stdout", operation_id = "tasks_output_stdout", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn task_stdout(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let place = state.transfer()?;
    let blob = state.control.task_stream(&caller, task_id(&id)?, false).await?;
    Ok(download((&state.control, &caller), blob, "application/octet-stream", place))
}

/// Read what a task wrote to standard error
#[utoipa::path(get, path = "/tasks/{id}/stderr", operation_id = "tasks_output_stderr", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn task_stderr(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let place = state.transfer()?;
    let blob = state.control.task_stream(&caller, task_id(&id)?, true).await?;
    Ok(download((&state.control, &caller), blob, "application/octet-stream", place))
}

/// Read a file that a task left in its output directory
#[utoipa::path(get, path = "/tasks/{id}/outputs/{*path}", operation_id = "tasks_output", tag = "tasks",
    params(("id" = String, Path, description = "The task's id"), ("path" = String, Path, description = "The file")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn task_output(
    State(state): State<AppState>,
    From(caller): From,
    Path((id, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let place = state.transfer()?;
    let blob = state.control.task_output(&caller, task_id(&id)?, &path).await?;
    Ok(download((&state.control, &caller), blob, "application/octet-stream", place))
}

/// Fetch what proves a task's run offline
///
/// The answer is a bundle: the signed receipt, the audit entry that records it, the proof that the entry is in the
/// log, and the log's signed checkpoint. `casemate verify` checks it without node or network. Of a task with a quorum the
/// answer has a bundle of each replica that agrees, one behind the other.
#[utoipa::path(get, path = "/tasks/{id}/receipt", operation_id = "tasks_receipt", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", body = wire::Problem)))]
pub(crate) async fn task_receipt(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let bundles = state.control.task_receipt(&caller, task_id(&id)?).await?;
    let text: String = bundles.iter().map(ToString::to_string).collect();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

fn task_id(text: &str) -> Result<TaskId, Problem> {
    path_parameter("id", text)
}
