use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::NewUser;
use casemate_identity::{Password, UserKind};
use http::StatusCode;
use secrecy::SecretString;

use crate::app::AppState;
use crate::caller::{From, Newcomer};
use crate::convert::users as convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Make a user
///
/// The user gets a role in the caller's project, which can be no more than the caller's own.
#[utoipa::path(post, path = "/users", operation_id = "users_create", tag = "users", params(IdempotencyParams), request_body = wire::users::CreateUser,
    responses((status = 201, body = wire::users::UserDetails), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_user(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::users::CreateUser>,
) -> Result<Response, Problem> {
    let new = NewUser {
        name: body_field("/name", &create.name)?,
        kind: if create.service { UserKind::Service } else { UserKind::Person },
        password: create.password.map(|text| password("/password", text)).transpose()?,
        role: body_field("/role", &create.role)?,
    };
    let made = state.control.create_user(&caller, new).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::user_details(&made))).into_response())
}

/// List the node's users
#[utoipa::path(get, path = "/users", operation_id = "users_list", tag = "users", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::users::User>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_users(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::users::User>>, Problem> {
    let query = query.into_inner()?;
    let users = state.control.list_users(&caller, query.after()?, query.rows()?).await?;
    let users = users.iter().map(convert::user).collect();
    Ok(axum::Json(query.page(users, |user: &wire::users::User| user.id.clone())?))
}

/// Show a user with its roles
#[utoipa::path(get, path = "/users/{name}", operation_id = "users_show", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    responses((status = 200, body = wire::users::UserDetails), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_user(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<axum::Json<wire::users::UserDetails>, Problem> {
    let found = state.control.show_user(&caller, &path_parameter("name", &name)?).await?;
    Ok(axum::Json(convert::user_details(&found)))
}

/// Block a user
///
/// Its sessions end at once, and its keys are refused.
#[utoipa::path(post, path = "/users/{name}/block", operation_id = "users_block", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn block_user(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.block_user(&caller, &path_parameter("name", &name)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a blocked user in again
#[utoipa::path(post, path = "/users/{name}/unblock", operation_id = "users_unblock", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn unblock_user(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.block_user(&caller, &path_parameter("name", &name)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a user a new password
///
/// All its sessions end.
#[utoipa::path(put, path = "/users/{name}/password", operation_id = "users_reset_password", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    request_body = wire::users::ResetPassword,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn reset_password(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(reset): Json<wire::users::ResetPassword>,
) -> Result<StatusCode, Problem> {
    let new = password("/password", reset.password)?;
    state.control.reset_password(&caller, &path_parameter("name", &name)?, new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's own password
///
/// All other sessions of the user end.
#[utoipa::path(put, path = "/password", operation_id = "users_change_password", tag = "users",
    request_body = wire::users::ChangePassword,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn change_password(
    State(state): State<AppState>,
    From(caller): From,
    Json(change): Json<wire::users::ChangePassword>,
) -> Result<StatusCode, Problem> {
    let (former, new) = (password("/former", change.former)?, password("/new", change.new)?);
    state.control.change_password(&caller, former, new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Become a user
///
/// By an invitation, or without one where the node is open to all.
#[utoipa::path(post, path = "/auth/register", operation_id = "users_register", tag = "users",
    request_body = wire::users::Register,
    responses((status = 201, body = wire::users::UserDetails), (status = "default", body = wire::Problem)))]
pub(crate) async fn register(
    State(state): State<AppState>,
    Newcomer(caller): Newcomer,
    Json(register): Json<wire::users::Register>,
) -> Result<Response, Problem> {
    let name = body_field("/username", &register.username)?;
    let password = password("/password", register.password)?;
    let invitation = register.invitation.map(SecretString::from);
    let made = state.control.register(&caller, name, password, invitation.as_ref()).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::user_details(&made))).into_response())
}

/// Takes a password out of a body; one of the wrong length is told, and not repeated.
pub(super) fn password(pointer: &str, text: String) -> Result<Password, Problem> {
    Password::new(SecretString::from(text)).map_err(|error| Problem::field(pointer, error.to_string()))
}
