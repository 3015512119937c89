//! Names over DNS in HTTP (RFC 8484): `/dns-query`.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_dns::{Reply, Transport};
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::app::AppState;
use crate::json::refuse_encoded;
use crate::problem::Problem;

/// What messages of DNS are called.
const MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// Most bytes of a question.
const QUESTION_BYTES_MAX: usize = 4_096;

/// How long a client may take to send one.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

/// A question in the address.
pub(crate) async fn get(State(state): State<AppState>, uri: Uri) -> Result<Response, Problem> {
    let bad =
        || Problem::parameter_text("dns", "must be a message of DNS in base64url without padding".to_owned());
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut encoded = pairs.into_iter().filter(|(key, _)| key == "dns").map(|(_, value)| value);
    let (Some(encoded), None) = (encoded.next(), encoded.next()) else { return Err(bad()) };
    let question = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| bad())?;
    answer(&state, &question).await
}

/// A question in the body.
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/dns-message") {
        return Err(Problem::media_type("application/dns-message"));
    }
    refuse_encoded(&headers)?;
    // Said before it is sent, so that whoever waits for leave to send it hears why not.
    if body.size_hint().lower() > QUESTION_BYTES_MAX as u64 {
        return Err(Problem::body_too_large(QUESTION_BYTES_MAX));
    }
    let reading = tokio::time::timeout(QUESTION_TIMEOUT, Limited::new(body, QUESTION_BYTES_MAX).collect());
    let question = reading.await.map_err(|_| Problem::body_too_slow())?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::body_too_large(QUESTION_BYTES_MAX)
        } else {
            Problem::body_broken()
        }
    })?;
    answer(&state, &question.to_bytes()).await
}

async fn answer(state: &AppState, question: &[u8]) -> Result<Response, Problem> {
    let Some(dns) = &state.dns else { return Err(Problem::route_not_found()) };
    let refused =
        || Problem::parameter_text("dns", "must be a question of DNS that has one answer".to_owned());
    if question.len() > QUESTION_BYTES_MAX {
        return Err(refused());
    }
    // Whoever asks was counted like for every request; only datagrams are counted by DNS itself.
    let from = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    match dns.reply(question, from, Transport::Http).await {
        Reply::Message(message) => {
            // It says itself how long it holds.
            let headers = [
                (header::CONTENT_TYPE, MESSAGE),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            ];
            Ok((headers, message).into_response())
        }
        Reply::Silence | Reply::Transfer(_) => Err(refused()),
    }
}
