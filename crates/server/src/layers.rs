//! What every request passes on its way in and every answer on its way out, one duty a file.

mod drain;
mod measure;
mod rate_limit;
mod request_id;
mod security_headers;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::problem::Problem;

pub(crate) use rate_limit::policy;

/// All of it around one request. It is one layer, because each layer copies everything inside of it per request.
pub(crate) async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = request_id::assign(&state, &mut request);
    let measure = measure::begin(&request);
    let verdict = rate_limit::take(&state, &request);
    let mut response = match &verdict {
        Some(verdict) if !verdict.allowed => Problem::rate_limited().into_response(),
        Some(_) | None => drain::run(request, next).await,
    };
    if let Some(verdict) = &verdict {
        rate_limit::say(&state, verdict, &mut response);
    }
    security_headers::set(&mut response);
    measure.end(id, &response);
    request_id::say(id, &mut response);
    response
}
