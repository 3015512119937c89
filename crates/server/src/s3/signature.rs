//! What a signature must cover. The library checks that it is right for what it covers, and leaves the rest to us.

use std::borrow::Cow;

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

/// The longest that an address may be signed for: seven days.
const PRESIGNED_SECONDS_MAX: u64 = 604_800;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Refuses a signature that is not of version 4, and one that leaves out what decides about the request: whoever holds an
/// address that was signed for him could otherwise have it mean something else by a header of his own.
pub(super) fn check(headers: &HeaderMap, query: Option<&str>) -> S3Result<()> {
    // As the library sees them: names in percent codes are the same names.
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        query.unwrap_or_default().split('&').map(decoded).collect();
    let named = |name: &str| {
        let mut found = pairs.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_ref())
    };
    let by_header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if named("AWSAccessKeyId").is_some() || by_header.is_some_and(|text| text.starts_with("AWS ")) {
        return Err(s3_error!(AccessDenied, "signatures of version 2 are not accepted; use version 4"));
    }
    let signed = match (by_header, named("X-Amz-Signature")) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => return Err(s3_error!(InvalidArgument, "a request is signed once")),
        (Some(text), None) => {
            if text.split_whitespace().next() != Some(ALGORITHM) {
                return Err(s3_error!(
                    AuthorizationHeaderMalformed,
                    "requests are signed by AWS4-HMAC-SHA256"
                ));
            }
            let fields = text.split([',', ' ']).filter_map(|field| field.split_once('='));
            let signed = fields.filter(|(name, _)| *name == "SignedHeaders").map(|(_, value)| value).next();
            signed
                .ok_or_else(|| s3_error!(AuthorizationHeaderMalformed, "the signed headers are not named"))?
        }
        (None, Some(_)) => {
            if named("X-Amz-Algorithm") != Some(ALGORITHM) {
                return Err(presigned("an address is signed by AWS4-HMAC-SHA256"));
            }
            let seconds = named("X-Amz-Expires").and_then(|text| text.parse::<u64>().ok());
            if seconds.is_none_or(|seconds| seconds > PRESIGNED_SECONDS_MAX) {
                return Err(presigned("an address is signed for seven days at most"));
            }
            named("X-Amz-SignedHeaders").unwrap_or_default()
        }
    };
    covers(signed, headers)
}

/// Whether the signed headers are all that S3 acts on.
fn covers(signed: &str, headers: &HeaderMap) -> S3Result<()> {
    let is_signed = |name: &str| signed.split(';').any(|signed| signed == name);
    let acted_on = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    match std::iter::once("host").chain(acted_on).find(|name| !is_signed(name)) {
        None => Ok(()),
        Some(name) => Err(s3_error!(AccessDenied, "the header {name} is not signed")),
    }
}

fn presigned(words: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::AuthorizationQueryParametersError, words);
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

fn decoded(pair: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (percent_decode_str(name).decode_utf8_lossy(), percent_decode_str(value).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2Fs3&X-Amz-Expires=60&\
        X-Amz-SignedHeaders=host%3Bx-amz-acl&X-Amz-Signature=00";
    const BY_HEADER: &str = "AWS4-HMAC-SHA256 Credential=k/s3, SignedHeaders=host;x-amz-date, Signature=00";

    #[test]
    fn a_header_that_was_not_signed_is_not_obeyed() {
        check(&headers(&[]), Some(PRESIGNED)).unwrap();
        check(&headers(&[("x-amz-acl", "private"), ("range", "bytes=0-1")]), Some(PRESIGNED)).unwrap();
        let copies = headers(&[("x-amz-copy-source", "/bucket/secret")]);
        let refused = check(&copies, Some(PRESIGNED)).unwrap_err();
        assert_eq!(refused.message(), Some("the header x-amz-copy-source is not signed"));
        let signed = ("authorization", BY_HEADER);
        check(&headers(&[signed, ("x-amz-date", "d")]), None).unwrap();
        check(&headers(&[signed, ("x-amz-tagging", "a=b")]), None).unwrap_err();
        check(&headers(&[]), Some(&PRESIGNED.replace("host%3B", ""))).unwrap_err();
    }

    #[test]
    fn other_signatures_are_refused_however_they_are_written() {
        for query in [
            "AWSAccessKeyId=k&Expires=9&Signature=s".to_owned(),
            "AWSAccessKeyI%64=k&Expires=9&Signature=s".to_owned(),
            "%41WSAccessKeyId=k".to_owned(),
            PRESIGNED.replace("Expires=60", "Expires=604801"),
            PRESIGNED.replace("Expires=60", "Expire%73=9999999"),
            PRESIGNED.replace("Expires=60", "Expires=%39999999"),
            PRESIGNED.replace("X-Amz-Expires=60&", ""),
            PRESIGNED.replace("HMAC-SHA256", "HMAC-SHA1"),
        ] {
            assert!(check(&headers(&[]), Some(&query)).is_err(), "{query}");
        }
        check(&headers(&[("authorization", "AWS k:s")]), None).unwrap_err();
        check(&headers(&[("authorization", BY_HEADER)]), Some(PRESIGNED)).unwrap_err();
        check(&headers(&[]), Some("list-type=2")).unwrap();
    }
}
