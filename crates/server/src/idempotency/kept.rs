//! An answer as bytes.
//!
//! ```text
//! status u16 · count of headers u16 · for each: length u16, name, length u16, value · body        (big-endian)
//! ```

use axum::body::Body;
use axum::response::Response;
use casemate_api::Problem;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) fn encode(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let kept: Vec<_> = headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH).collect();
    let mut bytes = status.as_u16().to_be_bytes().to_vec();
    bytes.extend_from_slice(&length(kept.len()));
    for (name, value) in kept {
        for text in [name.as_str().as_bytes(), value.as_bytes()] {
            bytes.extend_from_slice(&length(text.len()));
            bytes.extend_from_slice(text);
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn of_problem(problem: Problem) -> Vec<u8> {
    let (status, body) = problem.into_parts();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    encode(status, &headers, &body)
}

/// The answer again, marked as such; none if the bytes are no answer.
pub(super) fn replay(bytes: &[u8]) -> Option<Response> {
    let mut rest = bytes;
    let status = StatusCode::from_u16(number(&mut rest)?).ok()?;
    let count = number(&mut rest)?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let (name, value) = (text(&mut rest)?, text(&mut rest)?);
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    let mut response = Response::new(Body::from(rest.to_vec()));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Some(response)
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("our own headers are short").to_be_bytes()
}

fn number(rest: &mut &[u8]) -> Option<u16> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_be_bytes(*number))
}

fn text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::from(number(rest)?);
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_again_byte_by_byte() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/api/v1/tasks/1"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("4"));
        let bytes = encode(StatusCode::CREATED, &headers, b"{} \xff");
        let replayed = replay(&bytes).expect("an answer");
        assert_eq!(replayed.status(), StatusCode::CREATED);
        assert_eq!(replayed.headers()["location"], "/api/v1/tasks/1");
        assert_eq!(replayed.headers()["idempotency-replayed"], "true");
        assert_eq!(replayed.headers().len(), 2);
        let body = replayed.into_body().collect().await.expect("bytes in memory").to_bytes();
        assert_eq!(&body[..], b"{} \xff");
        for cut in 0..bytes.len() - 4 {
            assert!(replay(&bytes[..cut]).is_none(), "{cut} bytes");
        }
    }
}
