use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{SignIn, SignInAs};
use casemate_identity::Assertion;
use casemate_model::{SessionId, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use super::factors::bytes;
use super::users::password;
use crate::app::AppState;
use crate::caller::{From, Newcomer, SESSION_COOKIE};
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Most characters of what a client calls itself that are kept.
const CLIENT_CHARS_MAX: usize = 120;

/// Sign in to the console
///
/// Takes a user's name and password (and a code, where the user has an app), a passkey, the token of a one-time login link,
/// or an API key, and sets the session's cookie.
#[utoipa::path(post, path = "/session", operation_id = "sessions_sign_in", tag = "sessions",
    request_body = wire::session::SignIn,
    responses((status = 201, body = wire::session::Principal), (status = "default", body = wire::Problem)))]
pub(crate) async fn sign_in(
    State(state): State<AppState>,
    Newcomer(caller): Newcomer,
    headers: HeaderMap,
    Json(body): Json<wire::session::SignIn>,
) -> Result<Response, Problem> {
    let sign_in = match body {
        wire::session::SignIn::Password(log_in) => by_password(log_in)?,
        wire::session::SignIn::Link(link) => SignIn::Link(SecretString::from(link.link_token)),
        wire::session::SignIn::Key(key) => SignIn::Key(SecretString::from(key.api_key)),
        wire::session::SignIn::Passkey(used) => SignIn::Passkey(assertion(&used)?),
    };
    let how = SignInAs { refreshed: false, client: client(&headers) };
    let opened = state.control.sign_in(&caller, sign_in, how).await?;
    let session = opened.new.session;
    let seconds = session.expires.saturating_since(session.created).as_secs();
    let cookie = cookie(opened.new.cookie.expose_secret(), seconds, state.encrypted);
    let body = axum::Json(convert::principal(&opened.principal, opened.user.as_ref(), Some(session.expires)));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], body).into_response())
}

/// Sign in as a user, for programs
///
/// Answers an access token, which is good for ten minutes, and a refresh token, which gives the next pair.
#[utoipa::path(post, path = "/auth/login", operation_id = "sessions_log_in", tag = "sessions",
    request_body = wire::users::LogIn,
    responses((status = 200, body = wire::users::Tokens), (status = "default", body = wire::Problem)))]
pub(crate) async fn log_in(
    State(state): State<AppState>,
    Newcomer(caller): Newcomer,
    headers: HeaderMap,
    Json(body): Json<wire::users::LogIn>,
) -> Result<axum::Json<wire::users::Tokens>, Problem> {
    let how = SignInAs { refreshed: true, client: client(&headers) };
    let opened = state.control.sign_in(&caller, by_password(body)?, how).await?;
    let (Some(access_token), Some(refresh_token)) = (opened.access_token, opened.new.refresh_token) else {
        return Err(Problem::internal());
    };
    Ok(axum::Json(tokens(&state, &access_token, &refresh_token)))
}

/// Go on with a session
///
/// A refresh token is good once. Whoever did not get the answer may ask again for half a minute and gets the same; a later
/// use means that two hold the token, and ends the session.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "sessions_refresh", tag = "sessions",
    request_body = wire::users::RefreshSession,
    responses((status = 200, body = wire::users::Tokens), (status = "default", body = wire::Problem)))]
pub(crate) async fn refresh(
    State(state): State<AppState>,
    Newcomer(caller): Newcomer,
    Json(body): Json<wire::users::RefreshSession>,
) -> Result<axum::Json<wire::users::Tokens>, Problem> {
    let token = SecretString::from(body.refresh_token);
    let refreshed = state.control.refresh(&caller, &token).await?;
    Ok(axum::Json(tokens(&state, &refreshed.access_token, &refreshed.refresh_token)))
}

/// Read the public keys of access tokens
#[utoipa::path(get, path = "/auth/keys", operation_id = "sessions_keys", tag = "sessions",
    responses((status = 200, body = wire::users::TokenKeys), (status = "default", body = wire::Problem)))]
pub(crate) async fn token_keys(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::users::TokenKeys>, Problem> {
    let keys = state.control.token_keys(&caller).await?;
    Ok(axum::Json(wire::users::TokenKeys { keys: keys.into_iter().map(convert::users::token_key).collect() }))
}

/// List one's own sessions
#[utoipa::path(get, path = "/sessions", operation_id = "sessions_list", tag = "sessions", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::users::Session>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_sessions(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::users::Session>>, Problem> {
    let query = query.into_inner()?;
    let sessions = state.control.list_sessions(&caller, query.after()?, query.rows()?).await?;
    let in_use = caller.principal.session;
    let sessions = sessions.iter().map(|session| convert::users::session(session, in_use)).collect();
    Ok(axum::Json(query.page(sessions, |session: &wire::users::Session| session.id.clone())?))
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/sessions/{id}", operation_id = "sessions_end", tag = "sessions",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn end_session(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: SessionId = path_parameter("id", &id)?;
    state.control.end_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show who the caller is
#[utoipa::path(get, path = "/session", operation_id = "sessions_whoami", tag = "sessions",
    responses((status = 200, body = wire::session::Principal), (status = "default", body = wire::Problem)))]
pub(crate) async fn who_am_i(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::session::Principal>, Problem> {
    let (principal, user) = state.control.who_am_i(&caller).await?;
    Ok(axum::Json(convert::principal(&principal, user.as_ref(), None)))
}

/// End the session in use
#[utoipa::path(delete, path = "/session", operation_id = "sessions_sign_out", tag = "sessions",
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn sign_out(State(state): State<AppState>, From(caller): From) -> Result<Response, Problem> {
    state.control.sign_out(&caller).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie("", 0, state.encrypted))]).into_response())
}

/// Make a one-time login link for the console
#[utoipa::path(post, path = "/login-links", operation_id = "sessions_link", tag = "sessions", params(IdempotencyParams),
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

/// A name that cannot be one is nobody's, and is answered like one that nobody has.
fn by_password(body: wire::users::LogIn) -> Result<SignIn, Problem> {
    Ok(SignIn::Password {
        name: body.username.parse().ok(),
        password: password("/password", body.password)?,
        code: body.code.map(SecretString::from),
        project: body.project.map(|project| body_field("/project", &project)).transpose()?,
    })
}

fn assertion(used: &wire::factors::SignInByPasskey) -> Result<Assertion, Problem> {
    Ok(Assertion {
        id: body_field("/passkey_id", &used.passkey_id)?,
        user_handle: bytes("/user_handle", &used.user_handle)?,
        client_data: bytes("/client_data", &used.client_data)?,
        authenticator_data: bytes("/authenticator_data", &used.authenticator_data)?,
        signature: bytes("/signature", &used.signature)?,
    })
}

/// What a client calls itself, without what would spoil a list.
fn client(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = casemate_identity::redacted(agent);
    agent.chars().filter(|character| !character.is_control()).take(CLIENT_CHARS_MAX).collect()
}

fn tokens(
    state: &AppState,
    (access_token, expires): &(SecretString, Timestamp),
    refresh_token: &SecretString,
) -> wire::users::Tokens {
    wire::users::Tokens {
        access_token: access_token.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: expires.saturating_since(state.control.now()).as_secs(),
        refresh_token: refresh_token.expose_secret().to_owned(),
    }
}

/// Out of reach of scripts, and not sent along from other sites. `Secure` only where the node speaks TLS, as browsers
/// would not send it back over plain HTTP.
fn cookie(value: &str, seconds: u64, encrypted: bool) -> HeaderValue {
    let secure = if encrypted { "; Secure" } else { "" };
    let text =
        format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).expect("tokens are ASCII")
}
