use std::net::IpAddr;

use axum::response::Response;
use casemate_limits::{Quota, TokenBuckets, Verdict};
use http::{HeaderName, HeaderValue, header};

use crate::app::AppState;
use crate::client_address::ClientAddress;

/// Header names of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Takes a token from the bucket of the caller's network before anything else is done for it. Callers on the private
/// socket are the operator's own and have no bucket.
pub(super) fn take(
    buckets: &TokenBuckets<IpAddr>,
    state: &AppState,
    client: ClientAddress,
) -> Option<Verdict> {
    let network = client.network()?;
    Some(buckets.take(network, 1, state.control.now()))
}

/// The quota as a header says it.
pub(crate) fn policy(quota: Quota) -> HeaderValue {
    let text = format!("\"network\";q={};w={}", quota.burst, quota.burst.div_ceil(quota.per_second));
    HeaderValue::try_from(text).expect("digits and ASCII")
}

/// Says in the answer how much is left.
pub(super) fn say(state: &AppState, verdict: &Verdict, response: &mut Response) {
    let left = format!("\"network\";r={};t={}", verdict.remaining, verdict.reset_after.as_secs());
    let headers = response.headers_mut();
    headers.insert(POLICY, state.rate_policy.clone());
    headers.insert(LIMIT, HeaderValue::try_from(left).expect("digits and ASCII"));
    if !verdict.allowed {
        let seconds = verdict.retry_after.as_secs() + 1;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}
