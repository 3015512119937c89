use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_identity::{CredentialId, Registration};
use data_encoding::BASE64URL_NOPAD;
use http::StatusCode;
use secrecy::SecretString;

use super::users::password;
use crate::app::AppState;
use crate::caller::{From, Newcomer};
use crate::convert::factors as convert;
use crate::extract::Path;
use crate::json::Json;
use crate::problem::{Problem, body_field, path_parameter};

/// Show one's own second factors
#[utoipa::path(get, path = "/factors", operation_id = "factors_list", tag = "factors",
    responses((status = 200, body = wire::factors::Factors), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_factors(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::factors::Factors>, Problem> {
    Ok(axum::Json(convert::factors(&state.control.list_factors(&caller).await?)))
}

/// Begin with codes of an authenticator app
///
/// Answers a secret for the app. It counts when a code of it was shown.
#[utoipa::path(post, path = "/factors/app", operation_id = "factors_begin_totp", tag = "factors",
    request_body = wire::factors::WithPassword,
    responses((status = 200, body = wire::factors::NewApp), (status = "default", body = wire::Problem)))]
pub(crate) async fn begin_totp(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::factors::WithPassword>,
) -> Result<axum::Json<wire::factors::NewApp>, Problem> {
    let password = password("/password", body.password)?;
    let made = state.control.begin_totp(&caller, password).await?;
    convert::new_app(&made).map(axum::Json).ok_or_else(Problem::internal)
}

/// Confirm the authenticator app by a first code
///
/// Answers recovery codes, which are shown this once.
#[utoipa::path(post, path = "/factors/app/confirm", operation_id = "factors_confirm_totp", tag = "factors",
    request_body = wire::factors::ConfirmApp,
    responses((status = 200, body = wire::factors::RecoveryCodes), (status = "default", body = wire::Problem)))]
pub(crate) async fn confirm_totp(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::factors::ConfirmApp>,
) -> Result<axum::Json<wire::factors::RecoveryCodes>, Problem> {
    let codes = state.control.confirm_totp(&caller, body_field("/code", &body.code)?).await?;
    Ok(axum::Json(convert::recovery_codes(&codes)))
}

/// Remove the authenticator app
///
/// With the recovery codes. All other sessions of the user end.
#[utoipa::path(post, path = "/factors/app/remove", operation_id = "factors_remove_totp", tag = "factors",
    request_body = wire::factors::WithPasswordAndCode,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_totp(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::factors::WithPasswordAndCode>,
) -> Result<StatusCode, Problem> {
    let password = password("/password", body.password)?;
    state.control.remove_totp(&caller, password, &SecretString::from(body.code)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove all factors of a user but the password
///
/// For who has lost them. All sessions of the user end.
#[utoipa::path(post, path = "/users/{name}/reset-factors", operation_id = "users_reset_factors", tag = "users",
    params(("name" = String, Path, description = "What the user signs in as")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn reset_factors(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.reset_factors(&caller, &path_parameter("name", &name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say what a passkey is to sign
///
/// For signing in to the console. Nothing is stored until it is answered.
#[utoipa::path(post, path = "/auth/passkey-options", operation_id = "sessions_passkey_options", tag = "sessions",
    responses((status = 200, body = wire::factors::PasskeyOptions), (status = "default", body = wire::Problem)))]
pub(crate) async fn passkey_options(
    State(state): State<AppState>,
    Newcomer(caller): Newcomer,
) -> Result<axum::Json<wire::factors::PasskeyOptions>, Problem> {
    Ok(axum::Json(convert::options(&state.control.passkey_sign_in_options(&caller).await?)))
}

/// Begin with a new passkey
#[utoipa::path(post, path = "/passkeys/options", operation_id = "passkeys_begin", tag = "factors",
    request_body = wire::factors::WithPassword,
    responses((status = 200, body = wire::factors::NewPasskeyOptions), (status = "default", body = wire::Problem)))]
pub(crate) async fn begin_passkey(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::factors::WithPassword>,
) -> Result<axum::Json<wire::factors::NewPasskeyOptions>, Problem> {
    let password = password("/password", body.password)?;
    Ok(axum::Json(convert::new_options(&state.control.begin_passkey(&caller, password).await?)))
}

/// Add a passkey
#[utoipa::path(post, path = "/passkeys", operation_id = "passkeys_add", tag = "factors",
    request_body = wire::factors::AddPasskey,
    responses((status = 201, body = wire::factors::Passkey), (status = "default", body = wire::Problem)))]
pub(crate) async fn add_passkey(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::factors::AddPasskey>,
) -> Result<Response, Problem> {
    let registration = Registration {
        client_data: bytes("/client_data", &body.client_data)?,
        authenticator_data: bytes("/authenticator_data", &body.authenticator_data)?,
    };
    let made = state.control.add_passkey(&caller, body_field("/label", &body.label)?, registration).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::passkey(&made))).into_response())
}

/// Give a passkey another label
#[utoipa::path(patch, path = "/passkeys/{id}", operation_id = "passkeys_rename", tag = "factors",
    params(("id" = String, Path, description = "The passkey's id")), request_body = wire::factors::RenamePasskey,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn rename_passkey(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    Json(body): Json<wire::factors::RenamePasskey>,
) -> Result<StatusCode, Problem> {
    let id: CredentialId = path_parameter("id", &id)?;
    state.control.rename_passkey(&caller, &id, body_field("/label", &body.label)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a passkey
///
/// In a session in which two factors were shown. All other sessions of the user end.
#[utoipa::path(post, path = "/passkeys/{id}/remove", operation_id = "passkeys_remove", tag = "factors",
    params(("id" = String, Path, description = "The passkey's id")), request_body = wire::factors::WithPassword,
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_passkey(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
    Json(body): Json<wire::factors::WithPassword>,
) -> Result<StatusCode, Problem> {
    let id: CredentialId = path_parameter("id", &id)?;
    let password = password("/password", body.password)?;
    state.control.remove_passkey(&caller, &id, password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes bytes of a passkey out of a body.
pub(super) fn bytes(pointer: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let decoded = BASE64URL_NOPAD.decode(text.as_bytes());
    decoded.map_err(|_| Problem::field(pointer, "this is not base64url without padding"))
}
