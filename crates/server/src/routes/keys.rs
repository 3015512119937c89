use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{CreatedKey, KeyRequest};
use casemate_model::{Grant, KeyId, RequestLimit, Scopes};
use http::StatusCode;
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Make an API key
///
/// The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/keys", operation_id = "keys_create", tag = "keys", params(IdempotencyParams), request_body = wire::keys::CreateKey,
    responses((status = 201, body = wire::keys::CreatedKey), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_key(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::keys::CreateKey>,
) -> Result<Response, Problem> {
    let request = KeyRequest {
        label: body_field("/label", &create.label)?,
        role: body_field("/role", &create.role)?,
        scopes: scopes(&create.scopes)?,
        expires: create.expires.as_deref().map(|text| body_field("/expires", text)).transpose()?,
        owner: create.user.as_deref().map(|text| body_field("/user", text)).transpose()?,
        networks: body_field("/networks", &create.networks.join(" "))?,
        limit: create.limit.map(limit).transpose()?,
    };
    let made = state.control.create_key(&caller, request).await?;
    Ok((StatusCode::CREATED, axum::Json(created(&state, &made))).into_response())
}

fn limit(limit: wire::keys::KeyLimit) -> Result<RequestLimit, Problem> {
    RequestLimit::new(limit.per_second, limit.burst)
        .map_err(|error| Problem::field("/limit", error.to_string()))
}

fn created(state: &AppState, made: &CreatedKey) -> wire::keys::CreatedKey {
    wire::keys::CreatedKey {
        key: convert::key(&made.record, state.control.now()),
        secret: made.secret.expose_secret().to_owned(),
        s3_secret: made.s3_secret.expose_secret().to_owned(),
    }
}

/// Give an API key another secret
///
/// The new secret is in this answer and nowhere else. The former one still fits for as long as is asked for.
#[utoipa::path(post, path = "/keys/{id}/rotate", operation_id = "keys_rotate", tag = "keys",
    params(("id" = String, Path, description = "The key's id"), IdempotencyParams), request_body = wire::keys::RotateKey,
    responses((status = 200, body = wire::keys::CreatedKey), (status = "default", body = wire::Problem)))]
pub(crate) async fn rotate_key(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    Json(rotate): Json<wire::keys::RotateKey>,
) -> Result<axum::Json<wire::keys::CreatedKey>, Problem> {
    let id: KeyId = path_parameter("id", &id)?;
    let overlap = Duration::from_secs(rotate.overlap_seconds);
    let made = state.control.rotate_key(&caller, id, overlap).await?;
    Ok(axum::Json(created(&state, &made)))
}

pub(super) fn scopes(texts: &[String]) -> Result<Scopes, Problem> {
    let mut grants: Vec<Grant> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        grants.push(body_field(&format!("/scopes/{index}"), text)?);
    }
    Scopes::new(grants).map_err(|error| Problem::field("/scopes", error.to_string()))
}

/// List the project's API keys
#[utoipa::path(get, path = "/keys", operation_id = "keys_list", tag = "keys", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::keys::Key>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_keys(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::keys::Key>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_keys(&caller, query.after()?, query.rows()?).await?;
    let now = state.control.now();
    let keys = rows.iter().map(|record| convert::key(record, now)).collect();
    Ok(axum::Json(query.page(keys, |key: &wire::keys::Key| key.id.clone())?))
}

/// Revoke an API key
#[utoipa::path(delete, path = "/keys/{id}", operation_id = "keys_revoke", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn revoke_key(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: KeyId = path_parameter("id", &id)?;
    state.control.revoke_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
