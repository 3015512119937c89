use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::KeyRequest;
use casemate_model::{Grant, KeyId, Scopes};
use http::StatusCode;
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Answer, Problem, body_field, path_parameter};

/// Make an API key
///
/// The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/keys", operation_id = "keys_create", tag = "keys", request_body = wire::keys::CreateKey,
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
    };
    let made = state.control.create_key(&caller, request).await?;
    let created = wire::keys::CreatedKey {
        key: convert::key(&made.record),
        secret: made.secret.expose_secret().to_owned(),
        s3_secret: made.s3_secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(created)).into_response())
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
    let keys = rows.iter().map(convert::key).collect();
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
