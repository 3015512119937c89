use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{ControlError, InputSource, ModuleSource, NewSchedule, SubmitTask, TaskInput};
use casemate_model::ScheduleId;
use casemate_tasks::{Overlap, Schedule, ScheduleState, Timetable, TimetableError};
use http::StatusCode;

use super::nodes::maker_text;
use super::tasks::decode;
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Have a task submitted again and again
///
/// In the name of the caller, with what it may do then: when that may not submit such a task any more, the schedule is halted.
/// Times that are missed while no server runs are made up for by one. What is submitted is checked now, too.
#[utoipa::path(post, path = "/schedules", operation_id = "schedules_create", tag = "schedules", params(IdempotencyParams),
    request_body = wire::schedules::CreateSchedule,
    responses((status = 201, body = wire::schedules::Schedule), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_schedule(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::schedules::CreateSchedule>,
) -> Result<Response, Problem> {
    let timetable = Timetable::new(&create.cron, &create.zone).map_err(|error| {
        let pointer = if matches!(error, TimetableError::Zone(_)) { "/zone" } else { "/cron" };
        Problem::field(pointer, error.to_string())
    })?;
    let wanted = NewSchedule {
        name: body_field("/name", &create.name)?,
        timetable,
        overlap: match create.overlap {
            wire::schedules::Overlap::Skip => Overlap::Skip,
            wire::schedules::Overlap::Allow => Overlap::Allow,
        },
        task: decode(create.task).map_err(|problem| problem.below("/task"))?,
    };
    let made = state.control.create_schedule(&caller, wanted).await.map_err(|error| match error {
        ControlError::Schedule(_) => Problem::from(error),
        other => Problem::from(other).below("/task"),
    })?;
    Ok((StatusCode::CREATED, axum::Json(schedule(&made))).into_response())
}

/// List the project's schedules
#[utoipa::path(get, path = "/schedules", operation_id = "schedules_list", tag = "schedules", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::schedules::Schedule>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_schedules(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::schedules::Schedule>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_schedules(&caller, query.after()?, query.rows()?).await?;
    let schedules = rows.iter().map(schedule).collect();
    Ok(axum::Json(query.page(schedules, |schedule: &wire::schedules::Schedule| schedule.id.clone())?))
}

/// Show a schedule
#[utoipa::path(get, path = "/schedules/{id}", operation_id = "schedules_show", tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id")),
    responses((status = 200, body = wire::schedules::Schedule), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_schedule(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::schedules::Schedule>, Problem> {
    let found = state.control.show_schedule(&caller, schedule_id(&id)?).await?;
    Ok(axum::Json(schedule(&found)))
}

/// Have a schedule submit nothing for a while
#[utoipa::path(post, path = "/schedules/{id}/pause", operation_id = "schedules_pause", tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id")),
    responses((status = 200, body = wire::schedules::Schedule), (status = "default", body = wire::Problem)))]
pub(crate) async fn pause_schedule(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::schedules::Schedule>, Problem> {
    let paused = state.control.pause_schedule(&caller, schedule_id(&id)?).await?;
    Ok(axum::Json(schedule(&paused)))
}

/// Have a schedule go on
#[utoipa::path(post, path = "/schedules/{id}/resume", operation_id = "schedules_resume", tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id")),
    responses((status = 200, body = wire::schedules::Schedule), (status = "default", body = wire::Problem)))]
pub(crate) async fn resume_schedule(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::schedules::Schedule>, Problem> {
    let resumed = state.control.resume_schedule(&caller, schedule_id(&id)?).await?;
    Ok(axum::Json(schedule(&resumed)))
}

/// Remove a schedule
///
/// Tasks that it has submitted stay.
#[utoipa::path(delete, path = "/schedules/{id}", operation_id = "schedules_remove", tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_schedule(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.remove_schedule(&caller, schedule_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn schedule_id(text: &str) -> Result<ScheduleId, Problem> {
    path_parameter("id", text)
}

fn schedule(record: &Schedule) -> wire::schedules::Schedule {
    let actor = record.maker.parse().map_or_else(|_| record.maker.clone(), maker_text);
    wire::schedules::Schedule {
        id: record.id.to_string(),
        name: record.name.to_string(),
        cron: record.timetable.pattern().to_owned(),
        zone: record.timetable.zone().to_owned(),
        overlap: match record.overlap {
            Overlap::Skip => wire::schedules::Overlap::Skip,
            Overlap::Allow => wire::schedules::Overlap::Allow,
        },
        state: match record.state {
            ScheduleState::Active => wire::schedules::ScheduleState::Active,
            ScheduleState::Paused => wire::schedules::ScheduleState::Paused,
            ScheduleState::Halted => wire::schedules::ScheduleState::Halted,
        },
        reason: record.reason.clone(),
        next: record.next.map(|time| time.to_string()),
        last: record.last.map(|time| time.to_string()),
        last_task: record.last_task.map(|task| task.to_string()),
        task: task(&record.task),
        actor,
        created: record.created.to_string(),
    }
}

/// A submission as it was asked for, with every default filled in.
fn task(task: &SubmitTask) -> wire::tasks::SubmitTask {
    let inputs = task
        .inputs
        .iter()
        .map(|(path, input)| wire::tasks::TaskInput { path: path.clone(), source: content(input) });
    let limits = convert::limits(&task.limits);
    wire::tasks::SubmitTask {
        kind: wire::tasks::TaskType::Wasm,
        module: match &task.module {
            ModuleSource::Name(name) => {
                wire::tasks::ModuleSource::Name(wire::tasks::NameRef { name: name.to_string() })
            }
            ModuleSource::Content(InputSource::Digest(digest)) => {
                wire::tasks::ModuleSource::Digest(digest.to_string())
            }
            ModuleSource::Content(InputSource::Object(bucket, key)) => {
                let (bucket, key) = (bucket.to_string(), key.to_string());
                wire::tasks::ModuleSource::Object(wire::objects::ObjectRef { bucket, key })
            }
        },
        args: task.args.clone(),
        env: task.env.iter().cloned().collect(),
        stdin: task.stdin.as_ref().map(content),
        inputs: inputs.collect(),
        after: task.after.iter().map(ToString::to_string).collect(),
        output_directory: task.output_directory,
        limits: wire::tasks::LimitsRequest {
            wall_ms: Some(limits.wall_ms),
            fuel: Some(limits.fuel),
            memory_bytes: Some(limits.memory_bytes),
            table_elements: Some(limits.table_elements),
            instances: Some(limits.instances),
            stack_bytes: Some(limits.stack_bytes),
            output_bytes: Some(limits.output_bytes),
            log_bytes: Some(limits.log_bytes),
            compile_ms: Some(limits.compile_ms),
            compile_memory_bytes: Some(limits.compile_memory_bytes),
        },
        profile: convert::profile(task.deterministic),
        plan: convert::plan_request(&task.plan),
        quorum: task.quorum.map(|(agree, of)| wire::tasks::QuorumRequest { agree, of }),
    }
}

fn content(input: &TaskInput) -> wire::tasks::ContentSource {
    match input {
        TaskInput::Content(InputSource::Digest(digest)) => {
            wire::tasks::ContentSource::Digest(digest.to_string())
        }
        TaskInput::Content(InputSource::Object(bucket, key)) => {
            let (bucket, key) = (bucket.to_string(), key.to_string());
            wire::tasks::ContentSource::Object(wire::objects::ObjectRef { bucket, key })
        }
        TaskInput::Output(task, file) => {
            let (task, file) = (task.to_string(), file.clone());
            wire::tasks::ContentSource::Output(wire::tasks::OutputRef { task, file })
        }
    }
}
