use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{CreatedWebhook, NewWebhook, WebhookChange};
use casemate_model::{DeliveryId, WebhookId};
use casemate_webhooks::{Delivery, DeliveryState, EventKinds, PauseReason, Webhook};
use http::StatusCode;
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::caller::From;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Make a webhook
///
/// The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/webhooks", operation_id = "webhooks_create", tag = "webhooks", params(IdempotencyParams),
    request_body = wire::webhooks::CreateWebhook,
    responses((status = 201, body = wire::webhooks::CreatedWebhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::webhooks::CreateWebhook>,
) -> Result<Response, Problem> {
    let wanted = NewWebhook {
        endpoint: body_field("/url", &create.url)?,
        events: events(&create.events)?,
        description: body_field("/description", &create.description)?,
    };
    let made = state.control.create_webhook(&caller, wanted).await?;
    Ok((StatusCode::CREATED, axum::Json(created(&state, &made))).into_response())
}

/// List the project's webhooks
#[utoipa::path(get, path = "/webhooks", operation_id = "webhooks_list", tag = "webhooks", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::webhooks::Webhook>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_webhooks(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::webhooks::Webhook>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_webhooks(&caller, query.after()?, query.rows()?).await?;
    let webhooks = rows.iter().map(|record| webhook(&state, record)).collect();
    Ok(axum::Json(query.page(webhooks, |webhook: &wire::webhooks::Webhook| webhook.id.clone())?))
}

/// Show a webhook
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "webhooks_show", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = wire::webhooks::Webhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::webhooks::Webhook>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let found = state.control.show_webhook(&caller, id).await?;
    Ok(axum::Json(webhook(&state, &found)))
}

/// Change where a webhook sends to, and what
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "webhooks_update", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")), request_body = wire::webhooks::UpdateWebhook,
    responses((status = 200, body = wire::webhooks::Webhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn update_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    Json(update): Json<wire::webhooks::UpdateWebhook>,
) -> Result<axum::Json<wire::webhooks::Webhook>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let change = WebhookChange {
        endpoint: update.url.as_deref().map(|text| body_field("/url", text)).transpose()?,
        events: update.events.as_deref().map(events).transpose()?,
        description: update
            .description
            .as_deref()
            .map(|text| body_field("/description", text))
            .transpose()?,
    };
    let changed = state.control.update_webhook(&caller, id, change).await?;
    Ok(axum::Json(webhook(&state, &changed)))
}

/// Remove a webhook
///
/// What it has not sent yet is not sent any more.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "webhooks_delete", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn delete_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    state.control.delete_webhook(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook another secret
///
/// The new secret is in this answer and nowhere else. Deliveries carry a signature of the former one too for as long as is
/// asked for.
#[utoipa::path(post, path = "/webhooks/{id}/rotate", operation_id = "webhooks_rotate", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id"), IdempotencyParams), request_body = wire::webhooks::RotateWebhook,
    responses((status = 200, body = wire::webhooks::CreatedWebhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn rotate_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    Json(rotate): Json<wire::webhooks::RotateWebhook>,
) -> Result<axum::Json<wire::webhooks::CreatedWebhook>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let overlap = Duration::from_secs(rotate.overlap_seconds);
    let made = state.control.rotate_webhook(&caller, id, overlap).await?;
    Ok(axum::Json(created(&state, &made)))
}

/// Pause a webhook
///
/// Nothing is sent until it is resumed. What happens meanwhile waits.
#[utoipa::path(post, path = "/webhooks/{id}/pause", operation_id = "webhooks_pause", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = wire::webhooks::Webhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn pause_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::webhooks::Webhook>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let paused = state.control.pause_webhook(&caller, id).await?;
    Ok(axum::Json(webhook(&state, &paused)))
}

/// Resume a webhook
#[utoipa::path(post, path = "/webhooks/{id}/resume", operation_id = "webhooks_resume", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = wire::webhooks::Webhook), (status = "default", body = wire::Problem)))]
pub(crate) async fn resume_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::webhooks::Webhook>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let resumed = state.control.resume_webhook(&caller, id).await?;
    Ok(axum::Json(webhook(&state, &resumed)))
}

/// Send a test event
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "webhooks_test", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id"), IdempotencyParams),
    responses((status = 202, body = wire::webhooks::Delivery), (status = "default", body = wire::Problem)))]
pub(crate) async fn test_webhook(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let made = state.control.test_webhook(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(delivery(&made))).into_response())
}

/// List what a webhook has sent and is to send
///
/// The newest first. Of what is over, the last thousand of a week are kept.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "webhooks_deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id"), PageQuery),
    responses((status = 200, body = wire::Page<wire::webhooks::Delivery>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_deliveries(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::webhooks::Delivery>>, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let query = query.into_inner()?;
    let rows = state.control.list_deliveries(&caller, id, query.after()?, query.rows()?).await?;
    let deliveries = rows.iter().map(delivery).collect();
    Ok(axum::Json(query.page(deliveries, |delivery: &wire::webhooks::Delivery| delivery.id.clone())?))
}

/// Send something once more
///
/// Under the id that it had, with all attempts before it. One that is under way is left as it is.
#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{delivery}/redeliver", operation_id = "webhooks_redeliver",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id"), ("delivery" = String, Path, description = "The delivery's id"), IdempotencyParams),
    responses((status = 202, body = wire::webhooks::Delivery), (status = "default", body = wire::Problem)))]
pub(crate) async fn redeliver(
    State(state): State<AppState>,
    From(caller): From,
    Path((id, of_delivery)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let id: WebhookId = path_parameter("id", &id)?;
    let of_delivery: DeliveryId = path_parameter("delivery", &of_delivery)?;
    let found = state.control.redeliver(&caller, id, of_delivery).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(delivery(&found))).into_response())
}

fn events(texts: impl AsRef<[String]>) -> Result<EventKinds, Problem> {
    let parsed = EventKinds::parse(texts.as_ref().iter().map(String::as_str));
    parsed.map_err(|error| Problem::field("/events", error.to_string()))
}

fn created(state: &AppState, made: &CreatedWebhook) -> wire::webhooks::CreatedWebhook {
    wire::webhooks::CreatedWebhook {
        webhook: webhook(state, &made.webhook),
        secret: made.secret.expose_secret().to_owned(),
    }
}

fn webhook(state: &AppState, record: &Webhook) -> wire::webhooks::Webhook {
    let now = state.control.now();
    let former = record.former.map(|(_, until)| until).filter(|until| now < *until);
    let reason = |reason| match reason {
        PauseReason::Asked => wire::webhooks::PauseReason::Asked,
        PauseReason::Gone => wire::webhooks::PauseReason::Gone,
        PauseReason::Failing => wire::webhooks::PauseReason::Failing,
    };
    wire::webhooks::Webhook {
        id: record.id.to_string(),
        url: record.endpoint.to_string(),
        events: record.events.iter().map(|kind| kind.to_string()).collect(),
        description: record.description.to_string(),
        paused: record.paused.map(|(why, _)| reason(why)),
        paused_since: record.paused.map(|(_, since)| since.to_string()),
        failing_since: record.failing.map(|since| since.to_string()),
        dropped: record.dropped,
        former_until: former.map(|until| until.to_string()),
        created: record.created.to_string(),
    }
}

fn delivery(record: &Delivery) -> wire::webhooks::Delivery {
    let (state, due) = match record.state {
        DeliveryState::Pending(due) => (wire::webhooks::DeliveryState::Pending, Some(due)),
        DeliveryState::Delivered => (wire::webhooks::DeliveryState::Delivered, None),
        DeliveryState::Failed => (wire::webhooks::DeliveryState::Failed, None),
    };
    wire::webhooks::Delivery {
        id: record.id.to_string(),
        event: record.kind.to_string(),
        state,
        attempts: record.attempts,
        due: due.map(|due| due.to_string()),
        attempted: record.attempted.map(|at| at.to_string()),
        status: record.status,
        error: record.error.clone(),
        created: record.created.to_string(),
    }
}
