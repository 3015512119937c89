//! Pages of other origins and the API (Fetch standard, section 3.2). Only origins that the operator lists are let in,
//! and only with a key in a header: cookies are never allowed, so a page elsewhere acts with its own rights alone.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

/// What a page may send. The mark that a cookie needs is not among it.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, x-api-key, content-type, if-match, if-none-match, range, idempotency-key, last-event-id, x-casemate-digest",
);

/// What it may read beside what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, location, content-range, x-request-id, x-casemate-digest, ratelimit, ratelimit-policy, retry-after",
);

/// How long a browser may remember the answer, in seconds. It still asks with every request whether it may read.
const AGE_SECONDS_MAX: HeaderValue = HeaderValue::from_static("600");

/// The paths that pages elsewhere may ask for.
const API: &str = "/api/";

/// An origin as browsers write it: scheme, host, and the port if it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that no browser would send as an origin, or that stands for more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme, a host and perhaps a port")]
pub struct OriginError;

impl Origin {
    /// Whether nobody between the page and its reader can change it: by TLS, or because it never leaves the machine.
    pub fn is_trustworthy(&self) -> bool {
        let text = self.to_string();
        let uri: Uri = text.parse().expect("it was one when it was read");
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let own = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        uri.scheme_str() == Some("https") || host == "localhost" || own
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().expect("it was made of text"))
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.parse().map_err(|_| OriginError)?;
        let authority = uri.authority().ok_or(OriginError)?;
        let (scheme, own_port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(OriginError),
        };
        // Written once more and compared, so that nothing is accepted that a browser writes in another way.
        let port = match authority.port_u16() {
            Some(port) if port == own_port => return Err(OriginError),
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        let host = authority.host().to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) || format!("{scheme}://{host}{port}") != text {
            return Err(OriginError);
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| OriginError)
    }
}

/// What is to be said to the page that a request comes from.
#[derive(Debug)]
pub(super) struct Page {
    /// Its origin, if that is listed.
    allowed: Option<HeaderValue>,
    preflight: bool,
}

impl Page {
    /// Looks at a request; nothing if no page elsewhere could be concerned.
    pub(super) fn of(origins: &[Origin], request: &Request) -> Option<Self> {
        if origins.is_empty() || !request.uri().path().starts_with(API) {
            return None;
        }
        let headers = request.headers();
        let origin = one(headers, &header::ORIGIN);
        let allowed = origin.filter(|origin| origins.iter().any(|listed| listed.0 == *origin)).cloned();
        let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(Self { preflight: allowed.is_some() && asks && request.method() == Method::OPTIONS, allowed })
    }

    /// The answer to the question that a browser asks before it sends, if it is that.
    pub(super) fn preflight(&self) -> Option<Response> {
        if !self.preflight {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, AGE_SECONDS_MAX);
        Some(response)
    }

    /// Says in the answer whether the page may read it.
    pub(super) fn say(self, response: &mut Response) {
        let headers = response.headers_mut();
        // Also where no origin is allowed: what is kept for one page must not be given to another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// The value of a header that may come once.
fn one<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for text in
            ["https://a.example", "http://localhost:8080", "https://[2001:db8::1]:8443", "http://10.0.0.1"]
        {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "a.example",
            "https://*.example",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example:443",
            "http://a.example:80",
            "https://A.example",
            "HTTPS://a.example",
            "https://u@a.example",
            "ftp://a.example",
            "https://",
            "https://a.example,https://b.example",
            "https://ä.example",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_travels_unencrypted_is_not_trustworthy() {
        let trustworthy = |text: &str| text.parse::<Origin>().unwrap().is_trustworthy();
        for text in ["https://a.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:80080"] {
            assert!(text.parse::<Origin>().is_err() || trustworthy(text), "{text}");
        }
        assert!(trustworthy("http://[::1]:8080"));
        assert!(!trustworthy("http://a.example") && !trustworthy("http://localhost.example"));
    }

    fn page(headers: &[(&'static str, &'static str)], method: Method, path: &str) -> Option<Page> {
        let origins = ["https://a.example".parse().unwrap(), "http://localhost:8080".parse().unwrap()];
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        Page::of(&origins, &request)
    }

    #[test]
    fn only_a_listed_origin_is_told_that_it_may_read() {
        let allowed = |origin| page(&[("origin", origin)], Method::GET, "/api/v1/names").unwrap().allowed;
        assert_eq!(allowed("https://a.example").unwrap(), "https://a.example");
        for origin in
            ["null", "*", "https://a.example.evil", "http://a.example", "https://a.example:444", "https://b"]
        {
            assert_eq!(allowed(origin), None, "{origin}");
        }
        let twice = [("origin", "https://a.example"), ("origin", "https://evil.example")];
        assert_eq!(page(&twice, Method::GET, "/api/v1/names").unwrap().allowed, None);
        assert!(
            page(&[("origin", "https://a.example")], Method::GET, "/").is_none(),
            "the console is for nobody else"
        );
    }

    #[test]
    fn a_preflight_allows_keys_and_never_cookies() {
        let asking = [("origin", "https://a.example"), ("access-control-request-method", "PUT")];
        let page_asking = page(&asking, Method::OPTIONS, "/api/v1/names").unwrap();
        let mut response = page_asking.preflight().unwrap();
        page_asking.say(&mut response);
        let headers = response.headers();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(headers[header::VARY], "Origin");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(!HEADERS.to_str().unwrap().contains("csrf") && !HEADERS.to_str().unwrap().contains("cookie"));
        assert!(page(&asking, Method::GET, "/api/v1/names").unwrap().preflight().is_none());
        assert!(page(&asking[..1], Method::OPTIONS, "/api/v1/names").unwrap().preflight().is_none());
        let evil = [("origin", "https://evil.example"), asking[1]];
        assert!(page(&evil, Method::OPTIONS, "/api/v1/names").unwrap().preflight().is_none());
    }
}
