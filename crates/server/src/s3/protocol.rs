//! What S3 clients rely on at the edge of the protocol, and the library behind this face leaves to us.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use casemate_model::RequestId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use md5::{Digest as _, Md5};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Most bytes of a document that a client may send, and of an error that is completed.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// What an answer must know of its request.
pub(super) struct Asked {
    id: Option<RequestId>,
    path: String,
    method: Method,
    /// The client waits for `100 Continue` before it sends the body.
    expects: bool,
    empty: bool,
}

/// Looks at a request before the protocol does. What it refuses was not read any further. It changes no header, as any may
/// be signed.
pub(super) async fn prepare(request: Request) -> (Asked, S3Result<Request>) {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let asked = Asked {
        id: request.extensions().get::<RequestId>().copied(),
        path: request.uri().path().to_owned(),
        method: request.method().clone(),
        expects: headers.contains_key(header::EXPECT),
        empty: length == Some("0"),
    };
    (asked, check(request).await)
}

async fn check(request: Request) -> S3Result<Request> {
    refuse_what_is_not_done(request.headers())?;
    check_words(&request)?;
    super::signature::check(request.headers(), request.uri().query())?;
    if is_document(&request) {
        return check_document(request).await;
    }
    Ok(super::chunks::guard(request))
}

/// Grants, locks and keys of others are not done here; to take them and do nothing would be a lie.
fn refuse_what_is_not_done(headers: &HeaderMap) -> S3Result<()> {
    for name in headers.keys() {
        let name = name.as_str();
        if name.starts_with("x-amz-grant-") {
            return Err(s3_error!(
                AccessControlListNotSupported,
                "access is decided by keys and their scopes"
            ));
        }
        if name.starts_with("x-amz-object-lock-") {
            return Err(s3_error!(NotImplemented, "this node has no object lock"));
        }
        if name.starts_with("x-amz-server-side-encryption") {
            return Err(s3_error!(
                NotImplemented,
                "encryption is the node's own affair and cannot be asked for"
            ));
        }
    }
    Ok(())
}

fn check_words(request: &Request) -> S3Result<()> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("authorization") == Some("") {
        return Err(s3_error!(AccessDenied, "the request is not signed"));
    }
    if text("content-md5") == Some("") {
        return Err(s3_error!(InvalidDigest));
    }
    if text("x-amz-metadata-directive").is_some_and(|word| !matches!(word, "COPY" | "REPLACE")) {
        return Err(s3_error!(InvalidArgument, "the metadata directive is COPY or REPLACE"));
    }
    let known = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];
    if text("x-amz-sdk-checksum-algorithm")
        .is_some_and(|word| !known.contains(&word.to_ascii_uppercase().as_str()))
    {
        return Err(s3_error!(InvalidRequest, "there is no such checksum algorithm"));
    }
    let sized =
        headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    let parts = request.uri().path().trim_matches('/').split('/').count();
    let content = parts > 1 && !is_document(request) && !headers.contains_key("x-amz-copy-source");
    if request.method() == Method::PUT && content && !sized {
        return Err(s3_error!(MissingContentLength));
    }
    Ok(())
}

fn query(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    let pairs = request.uri().query().unwrap_or_default().split('&');
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether the body is a document of the protocol and not content.
fn is_document(request: &Request) -> bool {
    let named = |names: &[&str]| query(request).any(|(name, _)| names.contains(&name));
    match *request.method() {
        Method::POST => named(&["delete", "uploadId"]),
        Method::PUT => named(&["tagging", "cors", "versioning", "acl", "lifecycle", "policy"]),
        _ => false,
    }
}

/// Bounds a document, and compares it with its MD5, which the library does not.
async fn check_document(request: Request) -> S3Result<Request> {
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(CONTENT_MD5).and_then(|value| value.to_str().ok());
    let announced = announced.map(|announced| super::objects::md5(Some(announced))).transpose()?.flatten();
    let collected = Limited::new(body, DOCUMENT_BYTES_MAX).collect().await;
    let bytes = collected.map_err(|_| s3_error!(MaxMessageLengthExceeded))?.to_bytes();
    let found: [u8; 16] = Md5::digest(&bytes).into();
    if announced.is_some_and(|announced| announced != found) {
        return Err(s3_error!(BadDigest));
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Completes an answer.
pub(super) async fn finish(asked: Asked, mut response: Response) -> Response {
    if response.status() == StatusCode::OK && response.headers().contains_key(header::CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    // Who waits for `100 Continue` and gets an answer without it cannot use the connection again: some clients take the
    // next answer for the end of this one.
    if asked.expects && (asked.empty || !response.status().is_success()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let Some(id) = asked.id.map(|id| id.to_string()) else { return response };
    response.headers_mut().insert(REQUEST_ID, HeaderValue::try_from(&id).expect("ids are ASCII"));
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if failed && asked.method != Method::HEAD {
        complete_error(response, &asked.path, &id).await
    } else {
        response
    }
}

/// Says in an error which request it was and about what.
async fn complete_error(response: Response, path: &str, id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = Limited::new(body, DOCUMENT_BYTES_MAX).collect().await else {
        return Response::from_parts(parts, Body::empty());
    };
    let bytes = completed(&collected.to_bytes(), path, id);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Response::from_parts(parts, Body::from(bytes))
}

fn completed(error: &Bytes, path: &str, id: &str) -> Bytes {
    let Some(front) = std::str::from_utf8(error).ok().and_then(|text| text.strip_suffix("</Error>")) else {
        return error.clone();
    };
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    format!("{front}<Resource>{escaped}</Resource><RequestId>{id}</RequestId></Error>").into()
}

/// A code that the library does not know.
pub(super) fn custom(code: &'static str, status: StatusCode, message: impl Into<String>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message.into());
    error.set_status_code(status);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_which_request_it_was() {
        let error = Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>");
        assert_eq!(
            completed(&error, "/a/<b>&", "req_1"),
            "<Error><Code>NoSuchKey</Code><Resource>/a/&lt;b&gt;&amp;</Resource><RequestId>req_1</RequestId></Error>"
        );
        assert_eq!(completed(&Bytes::from_static(b"no XML"), "/", "req_1"), "no XML");
    }

    #[test]
    fn what_would_be_a_lie_is_refused() {
        for name in ["x-amz-grant-read", "x-amz-object-lock-mode", "x-amz-server-side-encryption"] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("x"));
            assert!(refuse_what_is_not_done(&headers).is_err(), "{name}");
        }
    }
}
