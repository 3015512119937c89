//! What tasks write while they run, and figures of what came of them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use casemate_api as wire;
use casemate_control::{FollowEvent, Followed};
use casemate_tasks::{HOURS_MAX, HourFigures, LogPiece, LogStream, RunProgress, TaskState, TaskType};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};

use super::task_id;
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::problem::Problem;
use crate::routes::events::changed;

/// How often an idle stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HoursQuery {
    /// How many hours back, 1 to 840; 24 unless given.
    #[param(minimum = 1, maximum = 840)]
    hours: Option<u32>,
}

/// Follow what a task writes
///
/// Server-sent events `state`, `log`, `progress` and `end`, the last one. They inform: what was written in a burst may be left
/// out, which offsets show, and what counts is in `stdout` and `stderr` when the task is over. Of a task that a node runs what is
/// written comes by way of the server that the node talks to.
#[utoipa::path(get, path = "/tasks/{id}/logs", operation_id = "tasks_logs", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = wire::Problem)))]
pub(crate) async fn task_logs(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let followed = state.control.follow_task(&caller, task_id(&id)?).await?;
    let follower = state.followers.enter(caller.principal.kind).ok_or_else(Problem::too_many_followers)?;
    let events = stream::unfold(followed, next_event);
    let events = events.take_until(state.stopping.clone().cancelled_owned());
    let events = events.take_until(changed(state.control.clone(), caller.principal));
    let events = events.map(move |event| {
        // The place is given back when the stream is dropped.
        let _open = &follower;
        Ok(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A follower that cannot be told any more loses the stream, and may come again.
async fn next_event(mut followed: Followed) -> Option<(Event, Followed)> {
    match followed.next().await {
        Ok(event) => event.map(|event| (encoded(&event), followed)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a task is not followed any more");
            None
        }
    }
}

fn encoded(event: &FollowEvent) -> Event {
    let (kind, data) = match event {
        FollowEvent::State(state, attempt) => {
            let state = convert::task_state(*state);
            ("state", json(&wire::tasks::FollowedState { state, attempt: *attempt }))
        }
        FollowEvent::Log(LogPiece { attempt, stream, offset, bytes, text }) => {
            let stream = match stream {
                LogStream::Stdout => wire::tasks::LogStream::Stdout,
                LogStream::Stderr => wire::tasks::LogStream::Stderr,
            };
            let (attempt, offset, bytes, text) = (*attempt, *offset, *bytes, text.clone());
            ("log", json(&wire::tasks::LogPiece { attempt, stream, offset, bytes, text }))
        }
        FollowEvent::Progress(progress) => ("progress", json(&shown_progress(progress))),
        FollowEvent::End(state) => {
            ("end", json(&wire::tasks::FollowedEnd { state: convert::task_state(*state) }))
        }
    };
    Event::default().event(kind).data(data)
}

pub(super) fn shown_progress(progress: &RunProgress) -> wire::tasks::TaskProgress {
    let RunProgress { done, total, text } = progress;
    wire::tasks::TaskProgress { done: *done, total: *total, text: text.clone() }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}

/// Read figures of tasks by the hour
#[utoipa::path(get, path = "/tasks/statistics", operation_id = "tasks_statistics", tag = "tasks", params(HoursQuery),
    responses((status = 200, body = wire::tasks::TaskStatistics), (status = "default", body = wire::Problem)))]
pub(crate) async fn task_statistics(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<HoursQuery>>,
) -> Result<axum::Json<wire::tasks::TaskStatistics>, Problem> {
    let hours = query.into_inner()?.hours.unwrap_or(24);
    if !(1..=HOURS_MAX).contains(&hours) {
        return Err(Problem::parameter_text("hours", format!("must be from 1 to {HOURS_MAX}, not {hours}")));
    }
    let (states, figures) = state.control.task_statistics(&caller, hours).await?;
    let states = states.into_iter().map(|(state, count)| (convert::task_state(state), count)).collect();
    Ok(axum::Json(wire::tasks::TaskStatistics { states, hours: by_hour(&figures) }))
}

fn by_hour(figures: &[HourFigures]) -> Vec<wire::tasks::TaskHour> {
    let mut hours: BTreeMap<_, wire::tasks::TaskHour> = BTreeMap::new();
    for figures in figures {
        let hour = hours.entry(figures.hour).or_default();
        hour.hour = figures.hour.to_string();
        hour.runs += figures.runs;
        hour.queue_ms += figures.queue_ms;
        hour.run_ms += figures.run_ms;
        hour.fuel = hour.fuel.saturating_add(figures.fuel);
        let count = match figures.state {
            TaskState::Succeeded => &mut hour.succeeded,
            TaskState::Failed => &mut hour.failed,
            TaskState::Cancelled => &mut hour.cancelled,
            TaskState::TimedOut => &mut hour.timed_out,
            TaskState::Dead => &mut hour.dead,
            // Only what is over is counted.
            TaskState::Queued | TaskState::Leased | TaskState::Running | TaskState::RetryWait => continue,
        };
        *count += figures.tasks;
    }
    hours.into_values().collect()
}

/// List types of tasks, and what they may hold
#[utoipa::path(get, path = "/task-types", operation_id = "tasks_types", tag = "tasks",
    responses((status = 200, body = wire::tasks::TaskTypes), (status = "default", body = wire::Problem)))]
pub(crate) async fn task_types(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::tasks::TaskTypes>, Problem> {
    let ceiling = state.control.task_types(&caller).await?;
    let details = |kind: TaskType| {
        let limits = kind.limits();
        let count = |number: usize| number as u64;
        wire::tasks::TaskTypeDetails {
            name: kind.to_string(),
            description: kind.description().to_owned(),
            module_bytes_max: limits.module_bytes,
            input_bytes_max: limits.input_bytes,
            input_files_max: count(limits.input_files),
            texts_max: count(limits.texts),
            text_bytes_max: count(limits.text_bytes),
            needs_max: count(limits.needs),
            limits_default: convert::limits(&limits.default),
            limits_max: convert::limits(&ceiling),
        }
    };
    Ok(axum::Json(wire::tasks::TaskTypes { types: TaskType::ALL.into_iter().map(details).collect() }))
}
