use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::SignIn;
use casemate_model::{Principal, PrincipalKind};
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use crate::app::AppState;
use crate::caller::{From, SESSION_COOKIE};
use crate::convert;
use crate::json::Json;
use crate::problem::Problem;

/// Sign in to the console
///
/// Takes the token of a one-time login link, or an API key, and sets the session's cookie.
#[utoipa::path(post, path = "/session", operation_id = "sessions_sign_in", tag = "sessions",
    request_body = wire::session::SignIn,
    responses((status = 201, body = wire::session::Principal), (status = "default", body = wire::Problem)))]
pub(crate) async fn sign_in(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::session::SignIn>,
) -> Result<Response, Problem> {
    let sign_in = match body {
        wire::session::SignIn::Link(link) => SignIn::Link(SecretString::from(link.link_token)),
        wire::session::SignIn::Key(key) => SignIn::Key(SecretString::from(key.api_key)),
    };
    let opened = state.control.sign_in(&caller, &sign_in).await?;
    let session = opened.session;
    let seconds = session.expires.saturating_since(session.created).as_secs();
    let cookie = cookie(opened.cookie.expose_secret(), seconds, state.encrypted);
    let principal = Principal {
        kind: PrincipalKind::Session(session.id),
        project: session.project,
        role: session.role,
        scopes: session.scopes,
    };
    let body = axum::Json(convert::principal(&principal, Some(session.expires)));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], body).into_response())
}

/// Show who the caller is
#[utoipa::path(get, path = "/session", operation_id = "sessions_whoami", tag = "sessions",
    responses((status = 200, body = wire::session::Principal), (status = "default", body = wire::Problem)))]
pub(crate) async fn who_am_i(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::session::Principal>, Problem> {
    let principal = state.control.who_am_i(&caller).await?;
    Ok(axum::Json(convert::principal(&principal, None)))
}

/// End the session in use
#[utoipa::path(delete, path = "/session", operation_id = "sessions_sign_out", tag = "sessions",
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn sign_out(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    state.control.sign_out(&caller).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie("", 0, state.encrypted))]).into_response())
}

/// Make a one-time login link for the console
#[utoipa::path(post, path = "/login-links", operation_id = "sessions_link", tag = "sessions",
    responses((status = 201, body = wire::session::LoginLink), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_login_link(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<Response, Problem> {
    let (token, expires) = state.control.create_login_link(&caller).await?;
    // The token stands in the fragment, which browsers send to nobody, so that no log on the way has it.
    let url = format!("{}/#/login?token={}", state.console_url, token.expose_secret());
    let link = wire::session::LoginLink { url, expires: expires.to_string() };
    Ok((StatusCode::CREATED, axum::Json(link)).into_response())
}

/// Out of reach of scripts, and not sent along from other sites. `Secure` only where the node speaks TLS, as browsers
/// would not send it back over plain HTTP.
fn cookie(value: &str, seconds: u64, encrypted: bool) -> HeaderValue {
    let secure = if encrypted { "; Secure" } else { "" };
    let text =
        format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).expect("tokens are ASCII")
}
