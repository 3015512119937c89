//! What nodes that have joined do: take tasks, read what those read, and hand in what came of them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::Response;
use casemate_api as wire;
use casemate_control::RelayReport;
use casemate_ledger::Receipt;
use casemate_model::{Digest, TaskId, Timestamp, WorkerId};
use casemate_relays::{RelayOffer, SESSIONS_MAX};
use casemate_tasks::{Held, LogStream, TaskRecord};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use super::nodes::{joined_node, node_state};
use super::objects::download;
use super::relays::order;
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::json::Json;
use crate::problem::{Problem, body_field, path_parameter};
use crate::transfer::IDLE_MAX;

/// Most leases that a heartbeat names.
const HELD_MAX: usize = 1_024;

/// The longest that a node may take to send what a run gave.
const SEND_MAX: Duration = Duration::from_secs(10 * 60);

/// Most bytes of a receipt with its signature.
const RECEIPT_BYTES_MAX: u64 = Receipt::BYTES_MAX as u64 + 1_024;

/// Most bytes of what a run has written that are handed on at once.
const LOG_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The fencing token of the lease.
    fence: u64,
    /// `stdout` or `stderr`.
    stream: String,
    /// Where it begins in its stream, in bytes.
    offset: u64,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FenceQuery {
    /// The fencing token of the lease.
    fence: u64,
}

/// Take tasks
///
/// Of the node's project, those that want no other labels than it has.
#[utoipa::path(post, path = "/nodes/self/claims", operation_id = "nodes_work", tag = "nodes",
    request_body = wire::nodes::ClaimTasks,
    responses((status = 200, body = wire::nodes::Claimed), (status = "default", body = wire::Problem)))]
pub(crate) async fn claim(
    State(state): State<AppState>,
    From(caller): From,
    Json(claim): Json<wire::nodes::ClaimTasks>,
) -> Result<axum::Json<wire::nodes::Claimed>, Problem> {
    let worker: WorkerId = body_field("/worker", &claim.worker)?;
    if !(1..=64).contains(&claim.slots) {
        return Err(Problem::field("/slots", "must be from 1 to 64"));
    }
    let wait = Duration::from_secs(claim.wait_seconds).min(state.task_wait_max);
    let taken = state.control.claim_tasks(&caller, worker, claim.slots, wait).await?;
    let now = state.control.now();
    let assignments = taken.iter().map(|task| assignment(task, now)).collect();
    Ok(axum::Json(wire::nodes::Claimed { assignments }))
}

/// Say that the node is there, and what it works on
///
/// Extends the leases that are named, and tells which runs are to end. A node that says nothing for ten seconds loses what it
/// holds to others.
#[utoipa::path(post, path = "/nodes/self/heartbeats", operation_id = "nodes_work_beat", tag = "nodes",
    request_body = wire::nodes::Heartbeat,
    responses((status = 200, body = wire::nodes::HeartbeatAnswer), (status = "default", body = wire::Problem)))]
pub(crate) async fn beat(
    State(state): State<AppState>,
    From(caller): From,
    Json(beat): Json<wire::nodes::Heartbeat>,
) -> Result<axum::Json<wire::nodes::HeartbeatAnswer>, Problem> {
    let worker: WorkerId = body_field("/worker", &beat.worker)?;
    if beat.held.len() > HELD_MAX {
        return Err(Problem::field("/held", format!("at most {HELD_MAX} leases")));
    }
    let mut held = Vec::with_capacity(beat.held.len());
    for (index, lease) in beat.held.iter().enumerate() {
        let task: TaskId = body_field(&format!("/held/{index}/task"), &lease.task)?;
        held.push(Held { task, fence: lease.fence });
    }
    let heard =
        state.control.hear_node(&caller, worker, &held, relaying(beat.relaying, &beat.relayed)?).await?;
    let leases = |leases: &[Held]| {
        let all = leases
            .iter()
            .map(|held| wire::nodes::HeldLease { task: held.task.to_string(), fence: held.fence });
        all.collect()
    };
    Ok(axum::Json(wire::nodes::HeartbeatAnswer {
        cancelled: leases(&heard.leases.cancelled),
        lost: leases(&heard.leases.lost),
        state: node_state(heard.state),
        lease_ms: u64::try_from(casemate_control::LEASE.as_millis()).expect("seconds"),
        relays: heard.relays.iter().map(|relay| order(relay, state.control.now())).collect(),
    }))
}

/// What a node says of relaying.
fn relaying(
    offer: Option<wire::relays::RelayOffer>,
    relayed: &[wire::relays::Relayed],
) -> Result<RelayReport, Problem> {
    if relayed.len() > SESSIONS_MAX as usize {
        return Err(Problem::field("/relayed", format!("at most {SESSIONS_MAX} sessions")));
    }
    let counts = relayed.iter().enumerate().map(|(index, one)| {
        let id = body_field(&format!("/relayed/{index}/session"), &one.session)?;
        Ok((id, (one.bytes_out, one.bytes_in)))
    });
    let offer =
        offer.map(|wire::relays::RelayOffer { address, certificate }| RelayOffer { address, certificate });
    Ok(RelayReport { offer, relayed: counts.collect::<Result<_, Problem>>()? })
}

/// Get another certificate
///
/// If the request is signed with another key, receipts are to be signed with that from now on.
#[utoipa::path(post, path = "/nodes/self/certificates", operation_id = "nodes_rotate", tag = "nodes",
    request_body = wire::nodes::RotateNode,
    responses((status = 200, body = wire::nodes::JoinedNode), (status = "default", body = wire::Problem)))]
pub(crate) async fn certificate(
    State(state): State<AppState>,
    From(caller): From,
    Json(rotate): Json<wire::nodes::RotateNode>,
) -> Result<axum::Json<wire::nodes::JoinedNode>, Problem> {
    let joined = state.control.rotate_node(&caller, &rotate.request).await?;
    Ok(axum::Json(joined_node(&joined, state.control.now())))
}

/// Read what a task reads
#[utoipa::path(get, path = "/nodes/self/tasks/{task}/content/{digest}", operation_id = "nodes_work_content", tag = "nodes",
    params(("task" = String, Path, description = "The task's id"), ("digest" = String, Path, description = "What to read"),
        FenceQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn content(
    State(state): State<AppState>,
    From(caller): From,
    Path((task, digest)): Path<(String, String)>,
    query: Answer<Query<FenceQuery>>,
) -> Result<Response, Problem> {
    let (held, digest) = (held(&task, query.into_inner()?)?, path_parameter::<Digest>("digest", &digest)?);
    let place = state.transfer()?;
    let blob = state.control.open_assigned(&caller, held, digest).await?;
    Ok(download((&state.control, &caller), blob, "application/octet-stream", place))
}

/// Store what a run gave
///
/// A stream or a file of it, with its Content-Length. Storing it again changes nothing. Content that no receipt names is removed
/// after a while.
#[utoipa::path(put, path = "/nodes/self/tasks/{task}/content/{digest}", operation_id = "nodes_work_store", tag = "nodes",
    params(("task" = String, Path, description = "The task's id"), ("digest" = String, Path, description = "What it is"),
        FenceQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200), (status = "default", body = wire::Problem)))]
pub(crate) async fn store(
    State(state): State<AppState>,
    From(caller): From,
    Path((task, digest)): Path<(String, String)>,
    query: Answer<Query<FenceQuery>>,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<()>, Problem> {
    let (held, digest) = (held(&task, query.into_inner()?)?, path_parameter::<Digest>("digest", &digest)?);
    let _place = state.transfer()?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length: u64 = length.ok_or_else(Problem::length_missing)?;
    state.control.store_for_task(&caller, held, (digest, length), super::objects::flowing(body)).await?;
    Ok(axum::Json(()))
}

/// Hand on what a run has written next
///
/// For whoever follows the task; nothing of it counts. What is there already is passed over. At most 64 KiB at once.
#[utoipa::path(put, path = "/nodes/self/tasks/{task}/log", operation_id = "nodes_work_log", tag = "nodes",
    params(("task" = String, Path, description = "The task's id"), LogQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200), (status = "default", body = wire::Problem)))]
pub(crate) async fn log(
    State(state): State<AppState>,
    From(caller): From,
    Path(task): Path<String>,
    query: Answer<Query<LogQuery>>,
    body: Body,
) -> Result<axum::Json<()>, Problem> {
    let LogQuery { fence, stream, offset } = query.into_inner()?;
    let held = held(&task, FenceQuery { fence })?;
    let stream = match stream.as_str() {
        "stdout" => LogStream::Stdout,
        "stderr" => LogStream::Stderr,
        _ => return Err(Problem::parameter_text("stream", "must be stdout or stderr".to_owned())),
    };
    let _place = state.transfer()?;
    state.control.check_works(&caller).await?;
    let bytes = collect(body, LOG_BYTES_MAX).await?;
    state.control.note_log(&caller, held, (stream, offset), &bytes).await?;
    Ok(axum::Json(()))
}

/// Hand in the receipt of a run
///
/// It is signed with the node's key, names everything that the run gave, which was stored before, and is of exactly what the
/// task was to do. Handing the same in again is answered as if it was the first time.
#[utoipa::path(put, path = "/nodes/self/tasks/{task}/receipt", operation_id = "nodes_work_hand_in", tag = "nodes",
    params(("task" = String, Path, description = "The task's id"), FenceQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = wire::tasks::Task), (status = "default", body = wire::Problem)))]
pub(crate) async fn hand_in(
    State(state): State<AppState>,
    From(caller): From,
    Path(task): Path<String>,
    query: Answer<Query<FenceQuery>>,
    body: Body,
) -> Result<axum::Json<wire::tasks::Task>, Problem> {
    let held = held(&task, query.into_inner()?)?;
    let _place = state.transfer()?;
    state.control.check_works(&caller).await?;
    let receipt = collect(body, RECEIPT_BYTES_MAX).await?;
    let task = state.control.hand_in_receipt(&caller, held, &receipt).await?;
    Ok(axum::Json(convert::task(&task)))
}

/// Give a task back
///
/// Another node takes it, and the attempt does not count.
#[utoipa::path(delete, path = "/nodes/self/tasks/{task}/lease", operation_id = "nodes_work_return", tag = "nodes",
    params(("task" = String, Path, description = "The task's id"), FenceQuery),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn give_back(
    State(state): State<AppState>,
    From(caller): From,
    Path(task): Path<String>,
    query: Answer<Query<FenceQuery>>,
) -> Result<StatusCode, Problem> {
    state.control.return_task(&caller, held(&task, query.into_inner()?)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn held(task: &str, query: FenceQuery) -> Result<Held, Problem> {
    Ok(Held { task: path_parameter("task", task)?, fence: query.fence })
}

/// Reads a body of at most `bytes_max` bytes into memory. It may not stand still, nor take for ever.
async fn collect(body: Body, bytes_max: u64) -> Result<Bytes, Problem> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let flowing = Body::from_stream(super::objects::flowing(body));
    let collecting = tokio::time::timeout(SEND_MAX.max(IDLE_MAX), Limited::new(flowing, bytes_max).collect());
    match collecting.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_much_for_task()),
        Ok(Err(_)) => Err(Problem::body_broken()),
        Err(_) => Err(Problem::body_too_slow()),
    }
}

fn assignment(task: &TaskRecord, now: Timestamp) -> wire::nodes::Assignment {
    let spec = &task.spec;
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let inputs = spec
        .inputs
        .iter()
        .map(|(path, digest)| wire::tasks::InputFile { path: path.clone(), digest: digest.to_string() });
    wire::nodes::Assignment {
        task: task.id.to_string(),
        project: task.project.to_string(),
        attempt: task.progress.attempt,
        fence: task.progress.fence,
        module: spec.module.to_string(),
        args: spec.args.clone(),
        env: spec.env.iter().cloned().collect(),
        stdin: spec.stdin.map(|digest| digest.to_string()),
        inputs: inputs.collect(),
        output_directory: spec.output_directory,
        limits: convert::limits(&spec.limits),
        profile: convert::profile(spec.deterministic),
        remaining_ms: millis(task.deadline_of_attempt(now).saturating_since(now)),
        waited_ms: millis(now.saturating_since(task.available())),
    }
}
