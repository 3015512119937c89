//! What every request passes on its way in and every answer on its way out, one duty a file.

mod cors;
mod drain;
mod measure;
mod rate_limit;
mod request_id;
mod security_headers;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use casemate_limits::Verdict;
use s3s::S3ErrorCode;

use crate::app::AppState;
use crate::client_address;
use crate::problem::Problem;

pub use cors::{Origin, OriginError};
pub(crate) use rate_limit::policy;
pub(crate) use security_headers::SecurityHeaders;

/// All of it around one request. It is one layer, because each layer copies everything inside of it per request.
pub(crate) async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let client = client_address::assign(&state.trusted_proxies, &mut request);
    let verdict = rate_limit::take(&state.buckets, &state, client);
    let page = cors::Page::of(&state.cors_origins, &request);
    let refuse = || Problem::rate_limited().into_response();
    let known = page.as_ref().and_then(cors::Page::preflight);
    let mut response = answer(state, (request, next), verdict, refuse, known).await;
    if let Some(page) = page {
        page.say(&mut response);
    }
    response
}

/// The same around a request to S3, which has its own quota and its own way of refusing.
pub(crate) async fn around_s3(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let client = client_address::assign(&state.trusted_proxies, &mut request);
    let verdict = rate_limit::take(&state.s3_buckets, &state, client);
    let refuse = || crate::s3::refusal(S3ErrorCode::SlowDown);
    answer(state, (request, next), verdict, refuse, None).await
}

/// Answers with what is `known` already, or by asking further in.
async fn answer(
    state: AppState,
    (mut request, next): (Request, Next),
    verdict: Option<Verdict>,
    refuse: impl FnOnce() -> Response,
    known: Option<Response>,
) -> Response {
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let mut response = match &verdict {
        Some(verdict) if !verdict.allowed => refuse(),
        Some(_) | None => match known {
            Some(response) => response,
            None => drain::run(request, next).await,
        },
    };
    if let Some(verdict) = &verdict {
        rate_limit::say(&state, verdict, &mut response);
    }
    measure.end(id, &response);
    request_id::say(id, &mut response);
    response
}
