use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Nothing from elsewhere, nothing inline, nothing evaluated; frames and forms are not used at all.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Content of users is never shown as a page, whatever it claims to be.
const S3_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// On every answer.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// On those of API and console. Objects are another matter: pages elsewhere may show a picture by its signed address.
const OWN_ORIGIN_ONLY: [(HeaderName, HeaderValue); 2] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// With TLS. For two years no browser speaks to this name unencrypted; names below it are their own affair.
/// `Expect-CT` is obeyed by no browser any more, and asked for by scanners.
const ENCRYPTED: [(HeaderName, HeaderValue); 2] = [
    (STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000")),
    (HeaderName::from_static("expect-ct"), HeaderValue::from_static("max-age=86400, enforce")),
];

/// What protects browsers on the answers of one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecurityHeaders {
    /// Whether it serves S3 rather than API and console.
    pub(crate) s3: bool,
    /// Whether it speaks TLS.
    pub(crate) encrypted: bool,
}

impl SecurityHeaders {
    /// Sets what is needed on the answer of a function, which decides about the rest itself: what a page of it may load, who may
    /// frame it, and how long it is kept.
    pub(crate) fn set_on_function(self, headers: &mut HeaderMap) {
        headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
        if self.encrypted {
            for (name, value) in ENCRYPTED {
                headers.insert(name, value);
            }
        }
    }

    /// Sets the headers. A route may set a content policy itself, which must be a stricter one.
    pub(crate) fn set(self, headers: &mut HeaderMap) {
        for (name, value) in ALWAYS {
            headers.insert(name, value);
        }
        if self.encrypted {
            for (name, value) in ENCRYPTED {
                headers.insert(name, value);
            }
        }
        if self.s3 {
            headers.insert(CONTENT_SECURITY_POLICY, S3_POLICY);
            return;
        }
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        for (name, value) in OWN_ORIGIN_ONLY {
            headers.insert(name, value);
        }
        // Answers hold a project's data, so nothing in between may keep them; console files say otherwise themselves.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}
