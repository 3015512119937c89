//! Requests that must not be carried out twice (draft-ietf-httpapi-idempotency-key-header).
//!
//! Routes that make something are marked with [`IdempotencyParams`] in their description. A request to one of them with
//! the header is carried out once for its caller, project and key; whoever sends it again gets the first answer, byte by
//! byte. What changed nothing keeps nothing: after a refusal the key is free.

mod kept;

use std::panic::{AssertUnwindSafe, resume_unwind};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{Begun, Underway};
use casemate_model::{Digest, Hasher, PrincipalKind};
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::{BodyExt, Limited};

use crate::app::AppState;
use crate::caller::From;
use crate::json;
use crate::problem::Problem;

/// The header that makes a request one that is carried out once.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Most characters of a key.
const KEY_CHARS_MAX: usize = 255;

/// Most bytes of an answer that is kept. The largest that a route gives repeats what a body held.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The mark of a route that makes something.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes a header that is read before any route")]
pub(crate) struct IdempotencyParams {
    /// Carries the request out once, however often it is sent: 1 to 255 printable characters of ASCII, quoted or not.
    /// The same key with another request is refused with 422, and with 409 while the first is under way; otherwise the
    /// first answer comes again, with `Idempotency-Replayed: true`. Answers are kept for a day.
    #[param(rename = "idempotency-key", min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// Carries a request to a marked route out once, if it asks for that.
pub(crate) async fn run(state: AppState, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = key(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let From(caller) = From::from_request_parts(&mut parts, &state).await?;
    if caller.principal.kind == PrincipalKind::Anonymous {
        // Nobody in particular has no keys of its own, and makes nothing that lasts.
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let body = json::read(body, state.json_budget).await?;
    match state.control.begin_once(&caller, &key, fingerprint(&parts, &body)).await? {
        Begun::Fresh(underway) => {
            parts.extensions.insert(caller);
            let request = Request::from_parts(parts, Body::from(body));
            // Carried out to its end also when its sender goes away, so that the answer is there when it comes back.
            let work = state.control.clone().run_to_end(carry_out(state, underway, request, next));
            // A panic goes on where all others end.
            work.await.map_err(|error| {
                error.try_into_panic().map_or_else(|_| Problem::internal(), |panic| resume_unwind(panic))
            })
        }
        Begun::InFlight => Err(Problem::idempotency_in_flight()),
        Begun::OtherRequest => Err(Problem::idempotency_mismatch()),
        Begun::TooMany => Err(Problem::too_many_in_flight()),
        Begun::Answered(kept) => kept::replay(&kept).ok_or_else(Problem::internal),
    }
}

/// The key, which is a string of structured fields or the bare text that most clients send.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let plain = key.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
    if !plain || key.trim().is_empty() || key.len() > KEY_CHARS_MAX || given.next().is_some() {
        let detail = format!("must be one text of 1 to {KEY_CHARS_MAX} printable characters of ASCII");
        return Err(Problem::parameter_text(IDEMPOTENCY_KEY.as_str(), detail));
    }
    Ok(Some(key.to_owned()))
}

/// What the request asks for.
fn fingerprint(parts: &Parts, body: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    // Neither a method nor an address holds a line feed, so no two requests have one text.
    hasher.update(format!("{}\n{target}\n", parts.method).as_bytes());
    hasher.update(body);
    hasher.finish()
}

async fn carry_out(state: AppState, underway: Underway, request: Request, next: Next) -> Response {
    let id = *request.extensions().get().expect("the request id layer is outermost");
    let response = tokio::select! {
        response = AssertUnwindSafe(next.run(request)).catch_unwind() => response,
        never = state.control.keep_underway(&underway) => match never {},
    };
    let response = match response {
        Ok(response) => response,
        Err(panic) => {
            let failed = Problem::internal().into_response();
            if let (_, Err(error)) = settle(&state, &underway, failed, id).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "that a request failed is not kept"
                );
            }
            resume_unwind(panic)
        }
    };
    let (response, settled) = settle(&state, &underway, response, id).await;
    if let Err(error) = settled {
        // The answer still goes out; the key is held until its lease is over.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "what came of an idempotency key was not kept"
        );
    }
    response
}

/// Keeps the answer, or frees the key of a request that changed nothing.
async fn settle(
    state: &AppState,
    underway: &Underway,
    response: Response,
    id: casemate_model::RequestId,
) -> (Response, Result<(), casemate_control::ControlError>) {
    let status = response.status();
    if status.is_success() {
        let (parts, body) = response.into_parts();
        let Ok(body) = Limited::new(body, ANSWER_BYTES_MAX).collect().await else {
            let problem = wire::Problem::new(
                wire::ProblemCode::Conflict,
                "it was done, and the answer is too long to be kept: look for what it made",
            );
            let kept = kept::of_problem(problem.with_request(id.to_string()));
            return (Problem::internal().into_response(), state.control.answer_once(underway, &kept).await);
        };
        let body = body.to_bytes();
        let kept = kept::encode(parts.status, &parts.headers, &body);
        let settled = state.control.answer_once(underway, &kept).await;
        return (Response::from_parts(parts, Body::from(body)), settled);
    }
    if status != StatusCode::INTERNAL_SERVER_ERROR {
        return (response, state.control.release_once(underway).await);
    }
    // It is not known what was changed, so it is not done again.
    let problem = response.extensions().get::<wire::Problem>().cloned();
    let problem =
        problem.unwrap_or_else(|| wire::Problem::new(wire::ProblemCode::OutcomeUnknown, "the node failed"));
    let kept = kept::of_problem(problem.with_request(id.to_string()));
    (response, state.control.answer_once(underway, &kept).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().expect("a header value"));
        }
        key(&headers).expect("a good key")
    }

    #[test]
    fn a_key_is_quoted_or_not() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["\"8e03978e-40d5\""]), Some("8e03978e-40d5".to_owned()));
        assert_eq!(read(&["8e03978e-40d5"]), Some("8e03978e-40d5".to_owned()));
    }

    #[test]
    fn other_keys_are_refused_by_name() {
        let long = "x".repeat(256);
        for values in [&["\"\""][..], &[" "], &["a\"b"], &["a\\b"], &["a", "b"], &["\u{e9}"], &[&long]] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers
                    .append(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes(value.as_bytes()).expect("bytes"));
            }
            let refused = key(&headers).expect_err("a bad key");
            assert_eq!(refused.pointer(), Some("idempotency-key"), "{values:?}");
        }
    }
}
