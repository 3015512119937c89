//! Errors as RFC 9457 describes them.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the `code` says which problem it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status, which the code determines.
    pub status: u16,
    /// Which problem it is. Programs may rely on it.
    pub code: ProblemCode,
    /// What exactly is the matter, for people.
    pub detail: String,
    /// The way out, if there is one to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The JSON pointer of the part of the body that is wrong, or the name of the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/limits/fuel")]
    pub pointer: Option<String>,
    /// The id of the request, to find it in logs and in the audit log.
    #[schema(example = "req_01kg9ys7kv040g2081040g2081")]
    pub request: String,
}

impl Problem {
    /// The media type of problems.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem without hint and pointer; an answer on its way out still lacks the id of its request.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code,
            detail: detail.into(),
            hint: None,
            pointer: None,
            request: String::new(),
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds which part is wrong.
    #[must_use]
    pub fn with_pointer(self, pointer: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..self }
    }

    /// Adds the request's id.
    #[must_use]
    pub fn with_request(self, request: impl Into<String>) -> Self {
        Self { request: request.into(), ..self }
    }

    /// The status and the JSON body of the answer; its media type is [`Problem::MEDIA_TYPE`].
    pub fn into_parts(self) -> (StatusCode, Vec<u8>) {
        let body = serde_json::to_vec(&self).expect("texts and a number are JSON");
        (self.code.status(), body)
    }
}

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:ident, $title:literal;)+) => {
        /// Which problem it is. Codes are never renamed or given another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ProblemCode {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The HTTP status of such an answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The code in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

problem_codes! {
    /// The body is not the JSON that the operation takes.
    InvalidBody = "invalid_body", BAD_REQUEST, "the body is not what the operation takes";
    /// A parameter of the path, the query or a header is not what it should be.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "a parameter is not what it should be";
    /// The body's digest is not the one that was announced.
    DigestMismatch = "digest_mismatch", BAD_REQUEST, "the body is not the one that was announced";
    /// The upload ended before its end.
    UploadBroken = "upload_broken", BAD_REQUEST, "the upload broke off";
    /// No credential was sent, or one that is not good.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "a valid credential is needed";
    /// The password is right, and a code of the user's authenticator app is wanted beside it.
    SecondFactorRequired = "second_factor_required", UNAUTHORIZED, "a code is needed beside the password";
    /// The password is right, and the code is not.
    SecondFactorWrong = "second_factor_wrong", UNAUTHORIZED, "the code is not accepted";
    /// The caller may not do that.
    Denied = "denied", FORBIDDEN, "not allowed";
    /// A change rides on a cookie and does not come from the console's own pages.
    CrossOrigin = "cross_origin", FORBIDDEN, "the request comes from another site";
    /// The name belongs to another project.
    NotOwner = "not_owner", FORBIDDEN, "somebody else owns it";
    /// The project holds as much as it may; nothing was stored.
    QuotaExceeded = "quota_exceeded", FORBIDDEN, "the project's quota is used up";
    /// There is no such thing, or none that the caller may know of.
    NotFound = "not_found", NOT_FOUND, "not found";
    /// No content with the digest is stored in the project.
    BlobMissing = "blob_missing", NOT_FOUND, "no such content is stored";
    /// The address exists, but not for this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "the address does not take this method";
    /// Somebody holds the name already.
    NameTaken = "name_taken", CONFLICT, "the name is taken";
    /// The name is held, and may not be used now.
    NameStopped = "name_stopped", CONFLICT, "the name may not be used";
    /// Whoever has to sign a change did not.
    SignatureRequired = "signature_required", FORBIDDEN, "a signature is missing, or is another's";
    /// The task has not ended, so there is nothing of the kind yet.
    NotFinished = "not_finished", CONFLICT, "the task has not ended yet";
    /// A request with this idempotency key is being carried out.
    IdempotencyInFlight = "idempotency_in_flight", CONFLICT, "the request is being carried out";
    /// What is asked for does not fit what is there.
    Conflict = "conflict", CONFLICT, "it does not fit what is there";
    /// The name was changed since the caller looked.
    StaleSequence = "stale_sequence", PRECONDITION_FAILED, "it was changed in the meantime";
    /// The body is larger than allowed.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "the body is too large";
    /// The part that is asked for is not part of the content.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "there is no such part of it";
    /// What a node names is not held by it, or not any more.
    LeaseLost = "lease_lost", CONFLICT, "the lease is lost";
    /// The body is not of a media type that the operation takes.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "the media type is not taken";
    /// The idempotency key was used for another request.
    IdempotencyMismatch = "idempotency_mismatch", UNPROCESSABLE_ENTITY, "the idempotency key was used for another request";
    /// `If-Match` is missing.
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED, "the change needs If-Match";
    /// The caller's network asks too often.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "too many requests";
    /// The project has as many open tasks as it may have.
    QueueFull = "queue_full", TOO_MANY_REQUESTS, "too many open tasks";
    /// Something failed that the caller is not to blame for.
    Internal = "internal", INTERNAL_SERVER_ERROR, "the node failed";
    /// The stored content is damaged and was not served.
    CorruptObject = "corrupt_object", INTERNAL_SERVER_ERROR, "the stored content is damaged";
    /// The store was lost while it committed: look whether the change happened.
    OutcomeUnknown = "outcome_unknown", INTERNAL_SERVER_ERROR, "it is not known whether the change happened";
    /// The function gave no answer.
    FunctionFailed = "function_failed", BAD_GATEWAY, "the function gave no answer";
    /// The function gave no answer in time.
    FunctionTimedOut = "function_timed_out", GATEWAY_TIMEOUT, "the function gave no answer in time";
    /// The audit entry could not be made durable, so nothing was changed.
    AuditUnavailable = "audit_unavailable", SERVICE_UNAVAILABLE, "the audit log cannot record the change";
    /// The signed log does not cover the entry yet; it will within a second.
    ProofPending = "proof_pending", SERVICE_UNAVAILABLE, "the proof is not ready yet";
    /// The node cannot do that now; nothing was changed.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "the node cannot do that now";
    /// The disk is full; nothing was changed.
    StorageFull = "storage_full", INSUFFICIENT_STORAGE, "no space is left";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unlike_and_status_is_an_error() {
        let texts: std::collections::BTreeSet<_> =
            ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ProblemCode::ALL.len());
        for code in ProblemCode::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
        }
    }

    #[test]
    fn a_problem_on_the_wire() {
        let problem = Problem::new(ProblemCode::StaleSequence, "the name `a.b` is at version 3, not 2")
            .with_hint("read it again")
            .with_request("req_1");
        let (status, body) = problem.clone().into_parts();
        assert_eq!(status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(
            String::from_utf8(body.clone()).unwrap(),
            "{\"type\":\"about:blank\",\"title\":\"it was changed in the meantime\",\"status\":412,\
             \"code\":\"stale_sequence\",\"detail\":\"the name `a.b` is at version 3, not 2\",\
             \"hint\":\"read it again\",\"request\":\"req_1\"}"
        );
        assert_eq!(serde_json::from_slice::<Problem>(&body).unwrap(), problem);
    }
}
