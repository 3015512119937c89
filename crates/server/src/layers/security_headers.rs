use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Nothing from elsewhere, nothing inline, nothing evaluated; frames and forms are not used at all.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const OTHERS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
    ),
];

/// For two years no browser speaks to this name unencrypted. Names below it are their own affair.
const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Content of users is never shown as a page, whatever it claims to be.
const S3_CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Sets what protects browsers on answers of S3, whose content says itself how long it may be kept.
pub(super) fn set_s3(response: &mut Response, encrypted: bool) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, S3_CONTENT_SECURITY_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
}

/// Sets the headers that protect browsers, on every answer. A route may set a stricter content policy itself.
pub(super) fn set(response: &mut Response, encrypted: bool) {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_SECURITY_POLICY);
    for (name, value) in OTHERS {
        headers.insert(name, value);
    }
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
    // Answers hold a project's data, so nothing in between may keep them; console files say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
