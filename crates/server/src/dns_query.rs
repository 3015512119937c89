//! Names over DNS in HTTP (RFC 8484): `/dns-query`.

use std::net::{Ipv6Addr, SocketAddr};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use casemate_dns::{Reply, Transport};
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, Uri, header};

use crate::app::AppState;
use crate::problem::Problem;

/// What messages of DNS are called.
const MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// Most bytes of a question.
const QUESTION_BYTES_MAX: usize = 4_096;

/// A question in the address.
pub(crate) async fn get(State(state): State<AppState>, uri: Uri) -> Result<Response, Problem> {
    let bad =
        || Problem::parameter_text("dns", "must be a message of DNS in base64url without padding".to_owned());
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let encoded = pairs.into_iter().find(|(key, _)| key == "dns").map(|(_, value)| value).ok_or_else(bad)?;
    let question = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| bad())?;
    answer(&state, &question).await
}

/// A question in the body.
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if headers.get(header::CONTENT_TYPE) != Some(&MESSAGE) {
        return Err(Problem::parameter_text("content-type", "must be application/dns-message".to_owned()));
    }
    answer(&state, &body).await
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
