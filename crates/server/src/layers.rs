//! What every request passes on its way in and every answer on its way out, one duty a file.

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
use crate::problem::Problem;

pub(crate) use rate_limit::policy;

/// All of it around one request. It is one layer, because each layer copies everything inside of it per request.
pub(crate) async fn around(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let verdict = rate_limit::take(&state.buckets, &state, &request);
    let encrypted = state.encrypted;
    let refuse = || Problem::rate_limited().into_response();
    let mut response = answer(state, (request, next), verdict, refuse).await;
    security_headers::set(&mut response, encrypted);
    response
}

/// The same around a request to S3, which has its own quota and its own way of refusing.
pub(crate) async fn around_s3(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let verdict = rate_limit::take(&state.s3_buckets, &state, &request);
    let encrypted = state.encrypted;
    let refuse = || crate::s3::refusal(S3ErrorCode::SlowDown);
    let mut response = answer(state, (request, next), verdict, refuse).await;
    security_headers::set_s3(&mut response, encrypted);
    response
}

async fn answer(
    state: AppState,
    (mut request, next): (Request, Next),
    verdict: Option<Verdict>,
    refuse: impl FnOnce() -> Response,
) -> Response {
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let mut response = match &verdict {
        Some(verdict) if !verdict.allowed => refuse(),
        Some(_) | None => drain::run(request, next).await,
    };
    if let Some(verdict) = &verdict {
        rate_limit::say(&state, verdict, &mut response);
    }
    measure.end(id, &response);
    request_id::say(id, &mut response);
    response
}
