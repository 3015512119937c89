//! The S3 face: buckets and objects as any S3 client knows them.
//!
//! ```text
//!   request -> signature (s3s, with the secret of an API key) -> operation on the list (access) -> control -> XML
//! ```
//!
//! Access key ids are those of API keys, so a client may do here what its key may do elsewhere.

mod access;
mod body;
mod buckets;
mod content;
mod copies;
mod deletions;
mod error;
mod face;
mod listing;
mod metadata;
mod objects;
mod tags;
mod uploads;

use std::str::FromStr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use s3s::S3ErrorCode;
use s3s::host::{DomainError, SingleDomain};
use s3s::service::{S3Service, S3ServiceBuilder};
use tower::ServiceExt;

pub use access::OPERATIONS;
use face::Face;

use crate::app::AppState;
use crate::layers;

/// The routes of the S3 face, which has one: the protocol tells operations apart by more than paths. With a domain,
/// buckets may also be named before it in the host.
pub(crate) fn router(state: AppState, domain: Option<&S3Domain>) -> Router {
    let mut builder = S3ServiceBuilder::new(Face { state: state.clone() });
    builder.set_auth(access::Secrets { state: state.clone() });
    builder.set_access(access::Listed { state: state.clone() });
    if let Some(domain) = domain {
        builder.set_host(domain.host());
    }
    let service = builder.build();
    Router::new().fallback(answer).with_state(service).layer(from_fn_with_state(state, layers::around_s3))
}

/// A domain before which the host of a request may name a bucket, as in `builds.s3.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Domain(String);

impl S3Domain {
    fn host(&self) -> SingleDomain {
        SingleDomain::new(&self.0).expect("it was one when it was read")
    }
}

impl FromStr for S3Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        SingleDomain::new(text).map(|_| Self(text.to_owned()))
    }
}

async fn answer(State(service): State<S3Service>, request: Request) -> Response {
    match service.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "a request to S3 could not be answered");
            refusal(S3ErrorCode::InternalError)
        }
    }
}

/// A refusal from outside the protocol's own code.
pub(crate) fn refusal(code: S3ErrorCode) -> Response {
    let error = s3s::S3Error::new(code);
    match error.to_http_response() {
        Ok(response) => response.map(Body::new).into_response(),
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
