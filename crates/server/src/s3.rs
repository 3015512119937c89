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
mod checksums;
mod chunks;
mod content;
mod copies;
mod cors;
mod deletions;
mod error;
mod face;
mod lifecycle;
mod listing;
mod metadata;
mod objects;
mod protocol;
mod signature;
mod tags;
mod uploads;

use std::str::FromStr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use casemate_model::BucketName;
use http::{Method, header};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

pub use access::OPERATIONS;
use cors::Page;
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
        builder.set_host(domain.clone());
    }
    let answering = Answering { service: builder.build(), state: state.clone(), domain: domain.cloned() };
    Router::new()
        .fallback(answer)
        .with_state(answering)
        .layer(CatchPanicLayer::custom(|_| refusal(S3ErrorCode::InternalError)))
        .layer(from_fn_with_state(state, layers::around_s3))
}

/// A domain before which the host of a request may name a bucket, as in `builds.s3.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Domain(String);

impl S3Domain {
    /// The bucket before the domain in a host, whose port does not matter.
    fn bucket<'h>(&self, host: &'h str) -> Option<&'h str> {
        without_port(host).strip_suffix(&self.0)?.strip_suffix('.')
    }
}

impl S3Host for S3Domain {
    fn parse_host_header<'h>(&'h self, host: &'h str) -> S3Result<VirtualHost<'h>> {
        let host = without_port(host);
        match self.bucket(host) {
            Some(bucket) => Ok(VirtualHost::new(self.0.as_str()).with_bucket(bucket)),
            // Any other name of this node; buckets are in the path then.
            None => Ok(VirtualHost::new(host)),
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A text that is no name of DNS, or one with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a domain is a DNS name without a port")]
pub struct S3DomainError;

impl FromStr for S3Domain {
    type Err = S3DomainError;

    fn from_str(text: &str) -> Result<Self, S3DomainError> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name whose last label is a number is an address, before which there can be no name.
        let is_address =
            text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        // A bucket and a dot come before it, and a name has at most 253 characters.
        let fits = text.len() <= 253 - 64 && text.split('.').all(is_label) && !is_address;
        fits.then(|| Self(text.to_ascii_lowercase())).ok_or(S3DomainError)
    }
}

/// What answers requests.
#[derive(Clone)]
struct Answering {
    service: S3Service,
    state: AppState,
    domain: Option<S3Domain>,
}

async fn answer(State(answering): State<Answering>, request: Request) -> Response {
    let page = Page::of(&request, bucket_of(&request, answering.domain.as_ref()));
    if request.method() == Method::OPTIONS {
        let (parts, _) = request.into_parts();
        let answered = cors::preflight(&answering.state, &parts.headers, page.as_ref());
        return answered.await.unwrap_or_else(refused);
    }
    let (asked, prepared) = protocol::prepare(request).await;
    let mut response = match prepared {
        Err(error) => refused(error),
        Ok(request) => match answering.service.oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(?error, "a request to S3 could not be answered");
                refusal(S3ErrorCode::InternalError)
            }
        },
    };
    if let Some(page) = page {
        cors::decorate(&answering.state, &page, &mut response).await;
    }
    protocol::finish(asked, response).await
}

/// The bucket that a request names, in its path or before the domain.
fn bucket_of(request: &Request, domain: Option<&S3Domain>) -> Option<BucketName> {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(bucket) = domain.and_then(|domain| domain.bucket(host)) {
        return bucket.parse().ok();
    }
    request.uri().path().trim_start_matches('/').split('/').next()?.parse().ok()
}

/// Whether a request is signed, well or badly, by a header or in its address.
pub(crate) fn is_signed(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    request.headers().contains_key(header::AUTHORIZATION)
        // Names in percent codes are the same names; a request that hides one is charged as unsigned and refused later.
        || names.any(|name| name.eq_ignore_ascii_case("X-Amz-Signature") || name == "AWSAccessKeyId")
}

/// A refusal from outside the protocol's own code.
pub(crate) fn refusal(code: S3ErrorCode) -> Response {
    refused(S3Error::new(code))
}

fn refused(error: S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => response.map(Body::new).into_response(),
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::S3Domain;

    #[test]
    fn a_domain_is_a_dns_name_without_a_port() {
        let bucket = |domain: &str, host: &str| {
            let domain: S3Domain = domain.parse().unwrap();
            domain.bucket(host).map(str::to_owned)
        };
        assert_eq!(bucket("s3.example.org", "builds.s3.example.org:9000"), Some("builds".to_owned()));
        assert_eq!(bucket("S3.Example.org", "builds.s3.example.org"), Some("builds".to_owned()));
        assert_eq!(bucket("localhost", "builds.localhost"), Some("builds".to_owned()));
        assert_eq!(bucket("s3.example.org", "s3.example.org"), None);
        for text in [
            "",
            "a.b:99",
            "a.b:",
            ":99",
            "a..b",
            ".a",
            "a.",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a/b",
            "a b",
            "[::1]",
            "127.0.0.1",
            "*.a",
            "ä.b",
            "a.b?c",
            "http://a.b",
        ] {
            assert!(text.parse::<S3Domain>().is_err(), "{text:?}");
        }
        assert!(["a".repeat(64), ["abc"; 64].join(".")].iter().all(|text| text.parse::<S3Domain>().is_err()));
    }
}
