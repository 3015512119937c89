use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_model::InvitationId;
use http::StatusCode;
use secrecy::ExposeSecret;

use super::keys::scopes;
use crate::app::AppState;
use crate::caller::From;
use crate::convert::users as convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// List who has a role in the project
#[utoipa::path(get, path = "/members", operation_id = "members_list", tag = "users", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::users::Member>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_members(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::users::Member>>, Problem> {
    let query = query.into_inner()?;
    let members = state.control.list_members(&caller, query.after()?, query.rows()?).await?;
    let members = members.iter().map(|(user, member)| convert::member(user, member)).collect();
    Ok(axum::Json(query.page(members, |member: &wire::users::Member| member.user.id.clone())?))
}

/// Give a user a role in the project
///
/// It takes the place of any other. It can be no more than the caller's own.
#[utoipa::path(put, path = "/members/{name}", operation_id = "members_set", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    request_body = wire::users::GiveRole,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn set_member(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(give): Json<wire::users::GiveRole>,
) -> Result<StatusCode, Problem> {
    let (name, role) = (path_parameter("name", &name)?, body_field("/role", &give.role)?);
    state.control.set_member(&caller, &name, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a user's role in the project away
///
/// Its sessions there end at once.
#[utoipa::path(delete, path = "/members/{name}", operation_id = "members_remove", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_member(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.remove_member(&caller, &path_parameter("name", &name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the roles that there are in the project
#[utoipa::path(get, path = "/roles", operation_id = "roles_list", tag = "users",
    responses((status = 200, body = wire::users::Roles), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_roles(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::users::Roles>, Problem> {
    let roles = state.control.list_roles(&caller).await?;
    Ok(axum::Json(wire::users::Roles { items: roles.iter().map(convert::role).collect() }))
}

/// Make a role in the project, or change what it stands for
#[utoipa::path(put, path = "/roles/{role}", operation_id = "roles_put", tag = "users",
    params(("role" = String, Path, description = "The role's name")),
    request_body = wire::users::PutRole,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn put_role(
    State(state): State<AppState>,
    From(caller): From,
    Path(role): Path<String>,
    Json(put): Json<wire::users::PutRole>,
) -> Result<StatusCode, Problem> {
    state.control.put_role(&caller, &path_parameter("role", &role)?, scopes(&put.scopes)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a role of the project that nobody has
#[utoipa::path(delete, path = "/roles/{role}", operation_id = "roles_remove", tag = "users",
    params(("role" = String, Path, description = "The role's name")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_role(
    State(state): State<AppState>,
    From(caller): From,
    Path(role): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.remove_role(&caller, &path_parameter("role", &role)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invite somebody to become a user with a role in the project
///
/// The token is in this answer and nowhere else.
#[utoipa::path(post, path = "/invitations", operation_id = "invitations_create", tag = "users", params(IdempotencyParams),
    request_body = wire::users::GiveRole,
    responses((status = 201, body = wire::users::CreatedInvitation), (status = "default", body = wire::Problem)))]
pub(crate) async fn invite(
    State(state): State<AppState>,
    From(caller): From,
    Json(give): Json<wire::users::GiveRole>,
) -> Result<Response, Problem> {
    let (record, token) = state.control.invite(&caller, body_field("/role", &give.role)?).await?;
    let token = token.expose_secret().to_owned();
    // In the fragment, as in login links.
    let url = format!("{}/#/join?token={token}", state.console_url);
    let created = wire::users::CreatedInvitation { invitation: convert::invitation(&record), token, url };
    Ok((StatusCode::CREATED, axum::Json(created)).into_response())
}

/// List invitations that were not used yet
#[utoipa::path(get, path = "/invitations", operation_id = "invitations_list", tag = "users", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::users::Invitation>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_invitations(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::users::Invitation>>, Problem> {
    let query = query.into_inner()?;
    let found = state.control.list_invitations(&caller, query.after()?, query.rows()?).await?;
    let found = found.iter().map(convert::invitation).collect();
    Ok(axum::Json(query.page(found, |invitation: &wire::users::Invitation| invitation.id.clone())?))
}

/// Take an invitation back
#[utoipa::path(delete, path = "/invitations/{id}", operation_id = "invitations_withdraw", tag = "users",
    params(("id" = String, Path, description = "The invitation's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn withdraw_invitation(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: InvitationId = path_parameter("id", &id)?;
    state.control.withdraw_invitation(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
