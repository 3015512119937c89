use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::serving::OutboundError;

/// The most requests that one run sends to others, and how many of them at once.
pub(crate) const FETCHES_MAX: u32 = 64;
pub(crate) const FETCHES_AT_ONCE: usize = 8;
/// The most headers of an answer.
const HEADERS_MAX: usize = 512;
/// The most bytes of the body of such a request.
pub(crate) const FETCH_BYTES_MAX: usize = 8 << 20;

/// Names and values of headers. Values are bytes; each is the character of its number here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Headers(Vec<(String, String)>);

/// The head of a request: one to a guest, or one of a guest to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    /// Scheme, authority, path and query.
    pub(crate) uri: String,
    pub(crate) headers: Headers,
}

/// The head of an answer: a guest's, or one for a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
}

/// A request of a guest to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fetch {
    /// Counts from 0.
    pub(crate) id: u32,
    pub(crate) head: RequestHead,
}

/// What came of a [`Fetch`]; its body rides along as a descriptor if it has any bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fetched {
    pub(crate) id: u32,
    pub(crate) answer: Result<ResponseHead, OutboundError>,
    pub(crate) body_bytes: u64,
}

impl Headers {
    fn of(map: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        Self(map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
    }

    fn into_map(self) -> Option<HeaderMap> {
        let mut map = HeaderMap::try_with_capacity(self.0.len()).ok()?;
        for (name, value) in self.0 {
            let bytes: Option<Vec<u8>> = value.chars().map(|char| u8::try_from(char).ok()).collect();
            let name = HeaderName::try_from(name).ok()?;
            map.try_append(name, HeaderValue::try_from(bytes?).ok()?).ok()?;
        }
        Some(map)
    }
}

impl RequestHead {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().as_str().to_owned(),
            uri: request.uri().to_string(),
            headers: Headers::of(request.headers()),
        }
    }

    /// The request; nothing if it is none.
    pub(crate) fn with_body<B>(self, body: B) -> Option<Request<B>> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).ok()?;
        *request.uri_mut() = Uri::try_from(self.uri).ok()?;
        *request.headers_mut() = self.headers.into_map()?;
        Some(request)
    }
}

impl ResponseHead {
    pub(crate) fn of<B>(response: &Response<B>) -> Self {
        Self { status: response.status().as_u16(), headers: Headers::of(response.headers()) }
    }

    /// Whether it is an answer: what is only on the way (1xx) and what is in no list is none, and one with more headers than
    /// anybody reads is none either.
    pub(crate) fn is_answer(&self) -> bool {
        (200..600).contains(&self.status) && self.headers.0.len() <= HEADERS_MAX
    }

    /// The answer; nothing if it is none.
    pub(crate) fn with_body<B>(self, body: B) -> Option<Response<B>> {
        let mut response = Response::new(body);
        if !self.is_answer() {
            return None;
        }
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        *response.headers_mut() = self.headers.into_map()?;
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_any_bytes_come_back_as_they_were() {
        let mut map = HeaderMap::new();
        map.append("x-a", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        map.append("x-a", HeaderValue::from_static("b"));
        assert_eq!(Headers::of(&map).into_map(), Some(map));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let head = |status, name: &str, value: &str| ResponseHead {
            status,
            headers: Headers(vec![(name.to_owned(), value.to_owned())]),
        };
        assert!(head(200, "x-a", "b").with_body(()).is_some());
        for bad in [head(99, "a", "b"), head(101, "a", "b"), head(600, "a", "b")] {
            assert!(bad.with_body(()).is_none());
        }
        for (name, value) in [("a b", "c"), ("a", "b\r\nx: y"), ("a", "\u{100}"), ("", "b")] {
            assert!(head(200, name, value).with_body(()).is_none(), "{name:?}: {value:?}");
        }
    }
}
