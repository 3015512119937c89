use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casemate_limits::Verdict;
use http::{HeaderName, HeaderValue, header};

use crate::app::AppState;
use crate::listen::Peer;
use crate::problem::Problem;

/// Header names of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Takes a token from the bucket of the caller's network before anything else is done for it. Callers on the private
/// socket are the operator's own and have no bucket.
pub(crate) async fn rate_limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let network = request.extensions().get::<Peer>().copied().and_then(Peer::network);
    let Some(network) = network else {
        return next.run(request).await;
    };
    let verdict = state.buckets.take(network, 1, state.control.now());
    let mut response =
        if verdict.allowed { next.run(request).await } else { Problem::rate_limited().into_response() };
    set_headers(&state, &verdict, &mut response);
    response
}

fn set_headers(state: &AppState, verdict: &Verdict, response: &mut Response) {
    let quota = state.buckets.quota();
    let policy = format!("\"network\";q={};w={}", quota.burst, quota.burst.div_ceil(quota.per_second));
    let left = format!("\"network\";r={};t={}", verdict.remaining, verdict.reset_after.as_secs());
    let headers = response.headers_mut();
    headers.insert(POLICY, HeaderValue::try_from(policy).expect("digits and ASCII"));
    headers.insert(LIMIT, HeaderValue::try_from(left).expect("digits and ASCII"));
    if !verdict.allowed {
        let seconds = verdict.retry_after.as_secs() + 1;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}
