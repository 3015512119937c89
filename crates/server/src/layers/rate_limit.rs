//! Who is charged for a request, and in what order that is decided:
//!
//! ```text
//!   client's network -> has it presented too many bad credentials? ──── yes ──> 429, nothing is looked up
//!        │ no
//!   credential verified? ── no ──> the network is charged (a bad credential also counts against the network)
//!        │ yes
//!   the credential is charged
//! ```
//!
//! Naming somebody's credential is not having it: nothing is taken from a credential before it is verified, so nobody can
//! use up what is another's. The price of it is that a credential is looked up before the request is charged, which the
//! first question bounds: by network, and on this node only. Requests under way at the same time are answered by one
//! state of it, so a network may present as many bad credentials more as it may have connections.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casemate_api::ProblemCode;
use casemate_control::Caller;
use casemate_limits::Quota;
use casemate_model::{KeyLimit, Principal, PrincipalKind};
use casemate_throttle::{Charge, Subject};
use http::{HeaderName, HeaderValue, header};

use crate::app::AppState;
use crate::caller::{Recognised, presents_credential, recognise};
use crate::client_address::ClientAddress;
use crate::problem::Problem;
use crate::tiers::{Price, UNSIGNED, price};

/// Header names of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Charges a request, and returns it with its caller, if it has been recognised. Callers on the private socket are the
/// operator's own and are charged nothing.
pub(super) async fn charge(
    state: &AppState,
    client: ClientAddress,
    mut request: Request,
) -> (Request, Option<Charge>) {
    let Some(network) = client.network() else { return (request, None) };
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let price = price(request.method(), template);
    let mut payer = Payer::network(network);
    if price.by_credential && presents_credential(&request) {
        if let Err(refused) = state.control.throttle().may_present(network, state.control.now()) {
            return (request, Some(refused));
        }
        let (mut parts, body) = request.into_parts();
        let recognised = recognise(&parts, state).await;
        match &recognised {
            Ok(principal) => payer = Payer::of(principal, network),
            Err(problem) if problem.code() == ProblemCode::Unauthenticated => {
                state.control.throttle().presented_badly(network, state.control.now());
            }
            // The store failed, or a page of somebody else's sent it: the credential itself may be good.
            Err(_) => {}
        }
        parts.extensions.insert(Recognised(recognised));
        request = Request::from_parts(parts, body);
    }
    let charge = take(state, payer, price).await;
    (request, Some(charge))
}

/// Charges whoever deployed a function for what it asks of the node. Those on the private socket are charged nothing, here as there.
pub(crate) async fn charge_maker(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Caller>().map(|caller| caller.principal.clone());
    let pays = principal.filter(|principal| !matches!(principal.kind, PrincipalKind::Node));
    if let Some(principal) = pays {
        let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let charge = take(&state, Payer::holder(&principal), price(request.method(), template)).await;
        if charge.refused {
            return refusal(&charge).into_response();
        }
    }
    next.run(request).await
}

/// What is to be charged for a request to S3, whose signature is verified far inside.
#[derive(Clone, Default)]
pub(crate) struct S3Charge(Arc<OnceLock<Charge>>);

impl S3Charge {
    /// Charges the holder of a signature that was verified; `true` if the request is to be refused.
    pub(crate) async fn verified(&self, state: &AppState, principal: &Principal, price: Price) -> bool {
        let charge = take(state, Payer::holder(principal), price).await;
        self.0.get_or_init(|| charge).refused
    }
}

/// Charges a request to S3 that is not signed, or asks whether the network's signatures are looked at. The second part is
/// for the request.
pub(super) async fn charge_s3(
    state: &AppState,
    client: ClientAddress,
    signed: bool,
) -> (Option<Charge>, S3Charge) {
    let charge = match client.network() {
        Some(network) if signed => state.control.throttle().may_present(network, state.control.now()).err(),
        Some(network) => Some(take(state, Payer::network(network), UNSIGNED).await),
        None => None,
    };
    (charge, S3Charge::default())
}

/// What a signed request came to: what its holder was charged; its network, if nobody was found to be the holder.
pub(super) async fn settle_s3(state: &AppState, client: ClientAddress, later: &S3Charge) -> Option<Charge> {
    if let Some(charge) = later.0.get() {
        return Some(*charge);
    }
    let network = client.network()?;
    state.control.throttle().presented_badly(network, state.control.now());
    let charge = take(state, Payer::network(network), UNSIGNED).await;
    // It has been answered already.
    Some(Charge { refused: false, ..charge })
}

/// Who is charged.
#[derive(Clone, Copy)]
struct Payer {
    subject: Subject,
    /// The limit of the key in use.
    own: Option<KeyLimit>,
}

impl Payer {
    fn network(network: IpAddr) -> Self {
        Self { subject: Subject::Network(network), own: None }
    }

    fn holder(principal: &Principal) -> Self {
        Self { subject: Subject::Credential(principal.kind), own: principal.limit }
    }

    fn of(principal: &Principal, network: IpAddr) -> Self {
        if *principal == Principal::anonymous() { Self::network(network) } else { Self::holder(principal) }
    }
}

/// Charges the limit of the key, if it has one, and the tier; the answer tells of what is nearer to its end. What a key's
/// limit refuses is not charged to the tier.
async fn take(state: &AppState, payer: Payer, price: Price) -> Charge {
    let (throttle, now) = (state.control.throttle(), state.control.now());
    let own = match payer.own {
        Some(own) => Some(throttle.charge_key(own, price.cost, now).await),
        None => None,
    };
    if let Some(refused) = own.filter(|own| own.refused) {
        return refused;
    }
    let charge = throttle.charge(price.tier, payer.subject, price.cost, now).await;
    match own {
        Some(own) if !charge.refused && own.verdict.remaining < charge.verdict.remaining => own,
        Some(_) | None => charge,
    }
}

/// The answer to a request that is one too many.
pub(super) fn refusal(charge: &Charge) -> Problem {
    Problem::rate_limited(charge.policy, seconds(charge.verdict.retry_after))
}

/// Says in the answer what the tier allows, how much is left, and when to come back.
pub(super) fn say(charge: &Charge, response: &mut Response) {
    let (policy, Quota { per_second, burst }) = (charge.policy, charge.quota);
    let whole = format!("\"{policy}\";q={burst};w={}", burst.div_ceil(per_second));
    let left =
        format!("\"{policy}\";r={};t={}", charge.verdict.remaining, seconds(charge.verdict.reset_after));
    let headers = response.headers_mut();
    headers.insert(POLICY, HeaderValue::try_from(whole).expect("digits and ASCII"));
    headers.insert(LIMIT, HeaderValue::try_from(left).expect("digits and ASCII"));
    if charge.refused {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(charge.verdict.retry_after)));
    }
}

/// Whole seconds, none too few.
fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_as_told_waits_long_enough_and_no_second_more() {
        for (millis, told) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            assert_eq!(seconds(Duration::from_millis(millis)), told);
        }
    }
}
