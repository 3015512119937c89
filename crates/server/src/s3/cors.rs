//! Pages of other origins: what a bucket's rules let a browser do for them (Fetch standard, section 3.2).
//!
//! A browser asks before it sends, without a signature, so it is not known whose bucket is meant. The rules of all buckets
//! of that name count: they only let a page send and read what it can sign for itself.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use casemate_model::BucketName;
use casemate_objects::CorsRule;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use s3s::{S3Result, s3_error};

use super::error::refuse;
use super::protocol::custom;
use crate::app::AppState;

/// Most headers that one preflight may name. Nobody signs it, and each name is compared with each of each rule.
const NAMES_ASKED_MAX: usize = 64;

/// What a request says of the page that it comes from.
pub(super) struct Page {
    origin: String,
    bucket: Option<BucketName>,
    method: Method,
}

impl Page {
    /// The page that a request comes from, if it comes from one.
    pub(super) fn of(request: &Request, bucket: Option<BucketName>) -> Option<Self> {
        let origin = text(request.headers(), &header::ORIGIN)?.to_owned();
        Some(Self { origin, bucket, method: request.method().clone() })
    }
}

/// Answers the question that a browser asks before it sends.
pub(super) async fn preflight(
    state: &AppState,
    headers: &HeaderMap,
    page: Option<&Page>,
) -> S3Result<Response> {
    let page = page.ok_or_else(|| s3_error!(InvalidRequest, "a preflight names its origin"))?;
    let method = text(headers, &header::ACCESS_CONTROL_REQUEST_METHOD);
    let method = method.ok_or_else(|| s3_error!(InvalidRequest, "a preflight names its method"))?;
    let asked = text(headers, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    if asked.split(',').count() > NAMES_ASKED_MAX {
        return Err(s3_error!(InvalidRequest, "a preflight names at most 64 headers"));
    }
    let asked: Vec<_> = asked.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    let rules = rules(state, page).await?;
    let rule = rules.iter().find(|rule| {
        let takes = |name: &String| {
            name.is_empty() || rule.headers.iter().any(|known| fits(&known.to_ascii_lowercase(), name))
        };
        allows(rule, page, method) && asked.iter().all(takes)
    });
    let forbidden = "no rule of the bucket lets that page do this";
    let rule = rule.ok_or_else(|| custom("AccessForbidden", StatusCode::FORBIDDEN, forbidden))?;
    let mut response = Response::new(Body::empty());
    say(rule, page, response.headers_mut());
    set(response.headers_mut(), header::ACCESS_CONTROL_ALLOW_METHODS, &rule.methods.join(", "));
    set(response.headers_mut(), header::ACCESS_CONTROL_ALLOW_HEADERS, &asked.join(", "));
    if let Some(seconds) = rule.age_seconds_max {
        set(response.headers_mut(), header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    Ok(response)
}

/// Says in an answer whether the page may read it.
pub(super) async fn decorate(state: &AppState, page: &Page, response: &mut Response) {
    let Ok(rules) = rules(state, page).await else { return };
    if let Some(rule) = rules.iter().find(|rule| allows(rule, page, page.method.as_str())) {
        say(rule, page, response.headers_mut());
    }
}

async fn rules(state: &AppState, page: &Page) -> S3Result<Vec<CorsRule>> {
    match &page.bucket {
        Some(bucket) => state.control.cors_rules(bucket).await.map_err(refuse),
        None => Ok(Vec::new()),
    }
}

fn allows(rule: &CorsRule, page: &Page, method: &str) -> bool {
    rule.origins.iter().any(|known| fits(known, &page.origin))
        && rule.methods.iter().any(|known| known == method)
}

fn say(rule: &CorsRule, page: &Page, headers: &mut HeaderMap) {
    let any = rule.origins.iter().any(|origin| origin == "*");
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, if any { "*" } else { &page.origin });
    set(headers, header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    if !rule.exposed.is_empty() {
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &rule.exposed.join(", "));
    }
}

/// Whether a text is what a pattern with one `*` at most stands for.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((front, back)) => {
            text.len() >= front.len() + back.len() && text.starts_with(front) && text.ends_with(back)
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_has_one_star_at_most() {
        for (pattern, text, fit) in [
            ("*", "http://a", true),
            ("http://*.example", "http://a.example", true),
            ("http://*.example", "http://example", false),
            ("http://a", "http://a", true),
            ("http://a", "http://a.evil", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
