//! Bounds what a server of others may answer, and makes one line of what it says is wrong.
//!
//! The library below reads answers to their end, however long they are, and puts them into its messages as they come.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use serde::Deserialize;

use super::settings::REQUEST_TIME_MAX;
use crate::{Cause, ServerFault};

/// Connects to servers of whom nothing good is expected.
#[derive(Debug, Default)]
pub(super) struct WaryConnector;

impl HttpConnector for WaryConnector {
    /// Redirects are not followed: a server that redirects would have the request, with the session's token in it, go where
    /// it likes, and have what it finds there pass for an object.
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!plain)
            .user_agent(concat!("casemate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(REQUEST_TIME_MAX);
        let client = client
            .build()
            .map_err(|source| object_store::Error::Generic { store: "HTTP", source: Box::new(source) })?;
        Ok(HttpClient::new(WaryService(HttpClient::new(client))))
    }
}

/// How long it may take to reach a server.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct WaryService(HttpClient);

#[async_trait]
impl HttpService for WaryService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // The content of an object arrives as a stream, whose reader knows how long it may be.
        let is_content = request.method() == Method::GET && request.uri().query().is_none();
        let is_head = request.method() == Method::HEAD;
        let (mut parts, body) = self.0.execute(request).await?.into_parts();
        make_text(&mut parts.headers);
        if is_head || (is_content && parts.status.is_success()) {
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let body = if parts.status.is_success() {
            read(body, ANSWER_BYTES_MAX).await?
        } else {
            let said = read_some(body, ERROR_BYTES_MAX).await?;
            let place = parts.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
            let reason = reason_of(parts.status, &said, place);
            parts.headers.remove(header::CONTENT_LENGTH);
            Bytes::from(reason)
        };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

/// Reads an answer to its end, which must come soon.
async fn read(body: HttpResponseBody, bytes_max: usize) -> Result<Bytes, HttpError> {
    let (bytes, is_whole) = collect(body, bytes_max).await?;
    if is_whole {
        return Ok(bytes);
    }
    // Of the one kind that is not tried again.
    Err(HttpError::new(HttpErrorKind::Decode, ServerFault::AnswerTooLong { bytes_max }))
}

/// Reads the beginning of an answer.
async fn read_some(body: HttpResponseBody, bytes_max: usize) -> Result<Bytes, HttpError> {
    Ok(collect(body, bytes_max).await?.0)
}

async fn collect(body: HttpResponseBody, bytes_max: usize) -> Result<(Bytes, bool), HttpError> {
    let (mut pieces, mut bytes) = (body.bytes_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ok((bytes.into(), false));
        }
    }
    Ok((bytes.into(), true))
}

/// Headers that are no ASCII end the library's work on a whole bucket, and anybody may attach such to an object.
fn make_text(headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        if value.to_str().is_err() {
            let text: Vec<u8> = value
                .as_bytes()
                .iter()
                .map(|byte| if byte.is_ascii_graphic() { *byte } else { b'?' })
                .collect();
            *value = HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""));
        }
    }
}

/// What an answer that is no success says, in a line.
fn reason_of(status: StatusCode, said: &[u8], place: Option<&str>) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Said {
        code: Option<String>,
        message: Option<String>,
        endpoint: Option<String>,
    }
    let text = String::from_utf8_lossy(said);
    let reason = match quick_xml::de::from_str::<Said>(&text) {
        Ok(Said { code: Some(code), message, endpoint }) => {
            let endpoint = endpoint.map(|endpoint| format!(" ({endpoint})"));
            format!("{code}: {}{}", message.unwrap_or_default(), endpoint.unwrap_or_default())
        }
        Ok(_) | Err(_) if is_page(&text) => "a web page".to_owned(),
        Ok(_) | Err(_) => text.into_owned(),
    };
    let place = place.map(|place| format!(" to {place}")).unwrap_or_default();
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason: String = format!("{reason}{place}").chars().take(REASON_CHARS_MAX).collect();
    if reason.is_empty() { status.to_string() } else { reason }
}

/// What an answer that is no success means, of a bucket.
pub(super) fn fault_of(status: StatusCode, reason: String) -> ServerFault {
    match status {
        StatusCode::NOT_FOUND => ServerFault::NoBucket { reason },
        status if status.is_redirection() => ServerFault::Elsewhere { reason },
        _ => ServerFault::Refused { reason },
    }
}

/// What lies at the bottom of an error of the library, which says the same again on each of its layers.
pub(super) fn cause_of(error: &(dyn Error + 'static)) -> Cause {
    let (mut deepest, mut is_unreachable) = (error.to_string(), false);
    let mut at = Some(error);
    while let Some(layer) = at {
        if let Some(fault) = layer.downcast_ref::<ServerFault>() {
            return fault.clone().into();
        }
        if let Some(error) = layer.downcast_ref::<HttpError>() {
            is_unreachable |= matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
        }
        deepest = layer.to_string();
        at = layer.source();
    }
    let reason = deepest.trim_end_matches([':', ' ']).to_owned();
    if let Some(reason) = reason.strip_prefix(NOT_SUCCESS) {
        let status = reason.get(..3).and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return fault_of(status, reason.to_owned()).into();
    }
    if is_unreachable {
        return ServerFault::Unreachable { reason }.into();
    }
    reason.into()
}

/// How the library says which status an answer had.
const NOT_SUCCESS: &str = "Server returned non-2xx status code: ";

/// Whether it is made for browsers.
pub(super) fn is_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// More than a page of a list takes whose thousand keys are all as long as S3 allows, and escaped.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How much is read of an answer that says what is wrong, and how much of it is told on.
const ERROR_BYTES_MAX: usize = 64 << 10;
const REASON_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        let reason = |said: &str| reason_of(StatusCode::FORBIDDEN, said.as_bytes(), None);
        assert_eq!(
            reason(
                "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\n<Message>No\n way</Message></Error>"
            ),
            "AccessDenied: No way"
        );
        assert_eq!(reason("<!DOCTYPE html><html>…"), "a web page");
        assert_eq!(reason("<HTML><body>no</body>"), "a web page");
        assert_eq!(reason(""), "403 Forbidden");
        assert_eq!(reason(&"x".repeat(10_000)).len(), REASON_CHARS_MAX);
        let moved = reason_of(StatusCode::MOVED_PERMANENTLY, b"moved", Some("http://elsewhere/"));
        assert_eq!(moved, "moved to http://elsewhere/");
    }

    #[test]
    fn headers_become_text() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-a", HeaderValue::from_bytes("grün".as_bytes()).unwrap());
        headers.insert("x-amz-meta-b", HeaderValue::from_static("b"));
        make_text(&mut headers);
        assert_eq!(
            (&headers["x-amz-meta-a"], &headers["x-amz-meta-b"]),
            (&"gr??n".parse().unwrap(), &"b".parse().unwrap())
        );
    }
}
