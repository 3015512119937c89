use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use casemate_api as wire;
use http::{StatusCode, header};

use crate::app::AppState;
use crate::caller::From;
use crate::problem::Problem;
use crate::{convert, metrics_listener};

/// Tell whether the node works
#[utoipa::path(get, path = "/health", operation_id = "node_health", tag = "node",
    responses((status = 200, body = wire::health::Health), (status = 503, body = wire::health::Health)))]
pub(crate) async fn health(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    let health = convert::health(&state.control.health(&caller).await?);
    let status = match health.status {
        wire::health::HealthStatus::Ok | wire::health::HealthStatus::Degraded => StatusCode::OK,
        wire::health::HealthStatus::Failing => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((status, axum::Json(health)).into_response())
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
