use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use casemate_api as wire;
use casemate_control::Check;
use http::{StatusCode, header};

use crate::app::AppState;
use crate::caller::From;
use crate::problem::Problem;
use crate::{convert, metrics_listener};

/// Tell whether the node runs
///
/// Answers as long as the process does; what it needs is not looked at.
#[utoipa::path(get, path = "/health/live", operation_id = "node_live", tag = "node",
    responses((status = 200, body = wire::health::Live), (status = "default", body = wire::Problem)))]
pub(crate) async fn live() -> axum::Json<wire::health::Live> {
    axum::Json(wire::health::Live { version: wire::VERSION.to_owned() })
}

/// Tell whether requests may be sent here
///
/// What the node needs is tried every second: a change of the state, a block on the disk of the objects, a worker.
/// The answer is 503 with what is wrong from at most 5 seconds after a failure until it is over, and until the first look.
#[utoipa::path(get, path = "/health/ready", operation_id = "node_ready", tag = "node",
    responses((status = 200, body = wire::health::Health), (status = 503, body = wire::health::Health)))]
pub(crate) async fn ready(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    Ok(said(&state.control.readiness(&caller).await?))
}

/// Tell whether the node works
#[utoipa::path(get, path = "/health", operation_id = "node_health", tag = "node",
    responses((status = 200, body = wire::health::Health), (status = 503, body = wire::health::Health)))]
pub(crate) async fn health(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    Ok(said(&state.control.health(&caller).await?))
}

fn said(checks: &[Check]) -> Response {
    let health = convert::health(checks);
    let status = match health.status {
        wire::health::HealthStatus::Ok | wire::health::HealthStatus::Degraded => StatusCode::OK,
        wire::health::HealthStatus::Failing => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, axum::Json(health)).into_response()
}

/// Read the figures of the overview
#[utoipa::path(get, path = "/overview", operation_id = "node_overview", tag = "node",
    responses((status = 200, body = wire::health::Overview), (status = "default", body = wire::Problem)))]
pub(crate) async fn overview(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::health::Overview>, Problem> {
    Ok(axum::Json(convert::overview(&state.control.overview(&caller).await?)))
}

/// Answers the metrics in the text format of Prometheus.
pub(crate) async fn metrics(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    state.control.read_metrics(&caller).await?;
    Ok(metrics_listener::render(State(state)).await.into_response())
}

/// Answers the API's description, which is public and made once.
pub(crate) fn document(text: String) -> MethodRouter<AppState> {
    let text = bytes::Bytes::from(text);
    get(async move || ([(header::CONTENT_TYPE, "application/json")], text.clone()))
}
