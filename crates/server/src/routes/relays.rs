use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control as control;
use casemate_model::{RelayId, Timestamp};
use casemate_relays::{Destinations, HEARD_WITHIN, RelaySession, RelayState};
use http::StatusCode;
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::caller::From;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// What a session carries that asks for nothing.
const BYTES_DEFAULT: u64 = 1 << 30;

/// Start a relay session
///
/// It leads over TLS to a node of the project that relays, which is an HTTP proxy for `CONNECT`, and from there to the
/// destinations that are named, as far as the node lets it: names are looked up there, and private addresses are refused. It ends
/// by itself when nothing is heard of its requester for a minute.
#[utoipa::path(post, path = "/connect-sessions/start", operation_id = "relays_start", tag = "relays", params(IdempotencyParams),
    request_body = wire::relays::StartRelay,
    responses((status = 201, body = wire::relays::StartedRelay), (status = "default", body = wire::Problem)))]
pub(crate) async fn start_relay(
    State(state): State<AppState>,
    From(caller): From,
    Json(start): Json<wire::relays::StartRelay>,
) -> Result<Response, Problem> {
    let destinations = Destinations::parse(start.destinations.iter().map(String::as_str));
    let wanted = control::StartRelay {
        task: start.task_id.as_deref().map(|text| body_field("/task_id", text)).transpose()?,
        node: start.node_id.as_deref().map(|text| body_field("/node_id", text)).transpose()?,
        destinations: destinations.map_err(|error| Problem::field("/destinations", error.to_string()))?,
        duration: Duration::from_secs(start.duration_seconds),
        bytes_max: start.bytes_max.unwrap_or(BYTES_DEFAULT),
    };
    let started = state.control.start_relay(&caller, wanted).await?;
    let started = wire::relays::StartedRelay {
        session: session(&started.session),
        session_token: started.token.expose_secret().to_owned(),
        address: started.offer.address,
        certificate: started.offer.certificate,
    };
    Ok((StatusCode::CREATED, axum::Json(started)).into_response())
}

/// List the project's relay sessions, newest first
#[utoipa::path(get, path = "/connect-sessions", operation_id = "relays_list", tag = "relays", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::relays::RelaySession>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_relays(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::relays::RelaySession>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_relays(&caller, query.after()?, query.rows()?).await?;
    let sessions = rows.iter().map(session).collect();
    Ok(axum::Json(query.page(sessions, |session: &wire::relays::RelaySession| session.session_id.clone())?))
}

/// Show a relay session
#[utoipa::path(get, path = "/connect-sessions/{id}", operation_id = "relays_show", tag = "relays",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = wire::relays::RelaySession), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_relay(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::relays::RelaySession>, Problem> {
    Ok(axum::Json(session(&state.control.show_relay(&caller, relay_id(&id)?).await?)))
}

/// Keep a relay session open
#[utoipa::path(post, path = "/connect-sessions/{id}/heartbeat", operation_id = "relays_heartbeat", tag = "relays",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = wire::relays::RelaySession), (status = "default", body = wire::Problem)))]
pub(crate) async fn hear_relay(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::relays::RelaySession>, Problem> {
    Ok(axum::Json(session(&state.control.hear_relay(&caller, relay_id(&id)?).await?)))
}

/// End a relay session
#[utoipa::path(post, path = "/connect-sessions/{id}/stop", operation_id = "relays_stop", tag = "relays",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = wire::relays::RelaySession), (status = "default", body = wire::Problem)))]
pub(crate) async fn stop_relay(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::relays::RelaySession>, Problem> {
    Ok(axum::Json(session(&state.control.stop_relay(&caller, relay_id(&id)?).await?)))
}

fn relay_id(text: &str) -> Result<RelayId, Problem> {
    path_parameter("id", text)
}

fn session(record: &RelaySession) -> wire::relays::RelaySession {
    wire::relays::RelaySession {
        session_id: record.id.to_string(),
        task_id: record.task.map(|task| task.to_string()),
        node_id: record.node.to_string(),
        tunnel_protocol: "tls".to_owned(),
        status: match record.state {
            RelayState::Open => wire::relays::RelayStatus::Open,
            RelayState::Stopped => wire::relays::RelayStatus::Stopped,
            RelayState::Expired => wire::relays::RelayStatus::Expired,
            RelayState::Exhausted => wire::relays::RelayStatus::Exhausted,
        },
        allowed_destinations: record.destinations.texts(),
        bytes_max: record.bytes_max,
        bytes_out: record.bytes_out,
        bytes_in: record.bytes_in,
        requester_id: record.actor.clone(),
        created_at: record.created.to_string(),
        last_heartbeat: record.heard.to_string(),
        expires_at: record.expires.to_string(),
    }
}

/// What a node is told of a session.
pub(super) fn order(order: &control::RelayOrder, now: Timestamp) -> wire::relays::RelayOrder {
    let session = &order.session;
    let until = session.expires.min(session.heard.saturating_add(HEARD_WITHIN));
    wire::relays::RelayOrder {
        session: session.id.to_string(),
        token: order.token.to_string(),
        destinations: session.destinations.texts(),
        bytes_max: session.bytes_max,
        bytes_out: session.bytes_out,
        bytes_in: session.bytes_in,
        remaining_ms: u64::try_from(until.saturating_since(now).as_millis()).unwrap_or(u64::MAX),
    }
}
