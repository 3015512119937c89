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
use s3s::S3ErrorCode;

use crate::app::AppState;
use crate::client_address;
use crate::contract::Kind;
use crate::idempotency;

pub use cors::{Origin, OriginError};
pub(crate) use measure::Measures;
pub(crate) use rate_limit::{S3Charge, charge_maker};
pub(crate) use request_id::say as say_request_id;
pub(crate) use security_headers::SecurityHeaders;

/// Refuses what the API's description does not have, and carries out once what it says may be asked for once.
pub(crate) async fn hold_contract(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let done = match state.contract.check(&request) {
        Ok(Kind::Once) => idempotency::run(state, request, next).await,
        Ok(Kind::Plain) => Ok(next.run(request).await),
        Err(problem) => Err(problem),
    };
    done.unwrap_or_else(IntoResponse::into_response)
}

/// All of it around one request. It is one layer, because each layer copies everything inside of it per request.
pub(crate) async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let client = client_address::assign(&state.trusted_proxies, &mut request);
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let page = cors::Page::of(&state.cors_origins, &request);
    let preflight = page.as_ref().and_then(cors::Page::preflight);
    let (request, charge) = rate_limit::charge(&state, client, request).await;
    let mut response = match (charge, preflight) {
        (Some(charge), _) if charge.refused => rate_limit::refusal(&charge).into_response(),
        (_, Some(response)) => response,
        (_, None) => drain::run(request, next).await,
    };
    if let Some(page) = page {
        page.say(&mut response);
    }
    if let Some(charge) = &charge {
        rate_limit::say(charge, &mut response);
    }
    measure.end(&state.measures, id, &response);
    request_id::say(id, &mut response);
    response
}

/// What is left of it for a scraper on an address of its own, who is not limited.
pub(crate) async fn around_metrics(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let mut response = next.run(request).await;
    measure.end(&state.measures, id, &response);
    request_id::say(id, &mut response);
    response
}

/// The same around a request to S3, which has its own tier and its own way of refusing.
pub(crate) async fn around_s3(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let client = client_address::assign(&state.trusted_proxies, &mut request);
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let signed = crate::s3::is_signed(&request);
    let (mut charge, later) = rate_limit::charge_s3(&state, client, signed).await;
    let mut response = if charge.is_some_and(|charge| charge.refused) {
        crate::s3::refusal(S3ErrorCode::SlowDown)
    } else {
        request.extensions_mut().insert(later.clone());
        let response = drain::run(request, next).await;
        if signed {
            charge = rate_limit::settle_s3(&state, client, &later).await;
        }
        response
    };
    if let Some(charge) = &charge {
        rate_limit::say(charge, &mut response);
    }
    measure.end(&state.measures, id, &response);
    request_id::say(id, &mut response);
    response
}
