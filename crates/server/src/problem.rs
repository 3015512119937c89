//! How refusals and failures look to clients. Every variant of every error has its place here, so that a new one
//! must be given one; what only an operator should know goes to the log and not into the answer.

mod discreet;
mod factors;
mod functions;
mod names;
mod nodes;
mod objects;
mod proofs;
mod schedules;
mod tasks;

use std::error::Error;

use axum::response::{IntoResponse, Response};
use casemate_api::ProblemCode as Code;
use casemate_control::{ControlError, WebhookError};
use casemate_identity::Rejected;
use casemate_limits::{JsonFault, JsonPlace, JsonRefused};
use casemate_model::StoreError;
use casemate_model::{BucketName, ObjectKey};
use casemate_objects::ObjectsError;
use casemate_policy::{Denied, DeniedReason};
use casemate_throttle::OverrideError;
use http::{HeaderValue, header};

/// A problem on its way out; the request id layer adds the id and writes the body.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    inner: Box<casemate_api::Problem>,
    retry_after_seconds: Option<u64>,
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        discreet::make(&mut self.inner);
        let mut response = self.inner.code.status().into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(*self.inner);
        response
    }
}

/// Reads a part of the path.
pub(crate) fn path_parameter<T: std::str::FromStr<Err: Error>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::parameter(name, &error))
}

/// Reads a number that something is counted with: one that no store can hold is none.
pub(crate) fn counting_number(name: &str, number: u64) -> Result<u64, Problem> {
    if i64::try_from(number).is_ok() {
        return Ok(number);
    }
    Err(Problem::parameter_text(name, format!("must be at most {}", i64::MAX)))
}

/// Reads a field of the body, which `pointer` names.
pub(crate) fn body_field<T: std::str::FromStr<Err: Error>>(pointer: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::field(pointer, error.to_string()))
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { inner: Box::new(casemate_api::Problem::new(code, detail)), retry_after_seconds: None }
    }

    /// The part of the body that is wrong, or the parameter.
    #[cfg(test)]
    pub(crate) fn pointer(&self) -> Option<&str> {
        self.inner.pointer.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.inner.detail
    }

    /// The same of what is a part of the body, at `pointer`.
    pub(crate) fn below(self, pointer: &str) -> Self {
        let below = self.inner.pointer.as_deref().filter(|inner| inner.starts_with('/'));
        match below.map(|inner| format!("{pointer}{inner}")) {
            Some(pointer) => Self { inner: Box::new(self.inner.with_pointer(pointer)), ..self },
            None => self,
        }
    }

    fn hint(self, hint: &str) -> Self {
        Self { inner: Box::new(self.inner.with_hint(hint)), ..self }
    }

    /// The same as a header and in words.
    fn try_again_in(self, seconds: u64) -> Self {
        self.hint(&format!("try again in {seconds} s")).retry(seconds)
    }

    fn retry(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    pub(crate) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        let problem = Self::new(Code::InvalidBody, detail);
        Self { inner: Box::new(problem.inner.with_pointer(pointer)), ..problem }
    }

    pub(crate) fn parameter(name: &str, error: &dyn Error) -> Self {
        Self::parameter_text(name, error.to_string())
    }

    pub(crate) fn parameter_text(name: &str, detail: String) -> Self {
        let problem = Self::new(Code::InvalidParameter, detail);
        Self { inner: Box::new(problem.inner.with_pointer(name)), ..problem }
    }

    pub(crate) fn route_not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing at this address")
            .hint("the API is described at /api/v1/openapi.json")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(Code::MethodNotAllowed, "the address exists, but does not take this method")
    }

    /// Which problem it is.
    pub(crate) fn code(&self) -> Code {
        self.inner.code
    }

    pub(crate) fn rate_limited(policy: &str, seconds: u64) -> Self {
        Self::new(Code::RateLimited, format!("requests come faster than the limit `{policy}` allows"))
            .try_again_in(seconds)
    }

    pub(crate) fn too_many_transfers() -> Self {
        Self::new(Code::Unavailable, "as many uploads and downloads are under way as the node takes").retry(1)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "the node failed while it worked on this; the log has more under the request's id",
        )
    }

    pub(crate) fn not_json() -> Self {
        Self::media_type("application/json")
    }

    pub(crate) fn media_type(expected: &str) -> Self {
        Self::new(Code::UnsupportedMediaType, format!("the body must be sent as {expected}"))
    }

    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        Self::new(Code::BodyTooLarge, format!("the body has more than {bytes_max} bytes"))
    }

    pub(crate) fn body_broken() -> Self {
        Self::new(Code::UploadBroken, "the body ended before its end")
    }

    pub(crate) fn length_missing() -> Self {
        Self::new(Code::InvalidBody, "the body comes without a Content-Length")
    }

    pub(crate) fn body_too_slow() -> Self {
        Self::new(Code::UploadBroken, "the body did not arrive in time")
    }

    /// A body that holds too much, or something twice.
    pub(crate) fn json_refused(refused: &JsonRefused) -> Self {
        match refused.fault {
            JsonFault::TooMuch { of: JsonPlace::Bytes, .. } => {
                Self::new(Code::BodyTooLarge, refused.to_string())
            }
            JsonFault::TooMuch { .. } | JsonFault::KeyTwice => {
                Self::field(&refused.pointer, refused.to_string())
            }
        }
    }

    pub(crate) fn encoded() -> Self {
        let detail = "the body must be sent as it is, without a content coding".to_owned();
        let problem = Self::new(Code::UnsupportedMediaType, detail);
        Self { inner: Box::new(problem.inner.with_pointer("content-encoding")), ..problem }
    }

    pub(crate) fn idempotency_in_flight() -> Self {
        let detail = "a request with this idempotency key is being carried out";
        Self::new(Code::IdempotencyInFlight, detail).hint("ask again in a moment, with the same key").retry(1)
    }

    pub(crate) fn idempotency_mismatch() -> Self {
        Self::new(
            Code::IdempotencyMismatch,
            "the idempotency key was used for another method, address or body",
        )
        .hint("take a new key for another request")
    }

    pub(crate) fn too_many_followers() -> Self {
        let detail = "as many streams of events are open as one caller, or all together, may have";
        Self::new(Code::RateLimited, detail).hint("close one of them").retry(5)
    }

    pub(crate) fn too_many_in_flight() -> Self {
        let detail = "as many requests with idempotency keys are under way as may be";
        Self::new(Code::RateLimited, detail).retry(1)
    }

    pub(crate) fn cross_origin() -> Self {
        Self::new(
            Code::CrossOrigin,
            "a change that rides on a session cookie must come from the console itself",
        )
        .hint("programs use an API key instead")
    }

    pub(crate) fn if_match_required() -> Self {
        Self::new(Code::PreconditionRequired, "an update must say which version it replaces")
            .hint("read the name and send its ETag as If-Match")
    }

    pub(crate) fn rejected(rejected: Rejected) -> Self {
        Self::new(Code::Unauthenticated, rejected.to_string())
    }

    pub(crate) fn store(error: &StoreError) -> Self {
        tracing::error!(error = error as &dyn Error, "the store failed");
        match error {
            StoreError::Unavailable { .. } => {
                Self::new(Code::Unavailable, "the store does not answer; nothing was changed").retry(1)
            }
            StoreError::Full { .. } => {
                Self::new(Code::StorageFull, "no space is left for the database; nothing was changed")
                    .hint("free some space on the node's disk, then try again")
            }
            StoreError::AuditTimeout { .. } => Self::new(Code::AuditUnavailable, error.to_string()).retry(1),
            StoreError::OutcomeUnknown { .. } => Self::new(Code::OutcomeUnknown, error.to_string()),
            StoreError::Damaged { .. } => Self::new(Code::Internal, "the store holds something damaged"),
        }
    }

    fn denied(denied: &Denied) -> Self {
        match denied.reason {
            DeniedReason::Unauthenticated => Self::new(Code::Unauthenticated, denied.to_string())
                .hint("send an API key as X-API-Key, or sign in to the console"),
            DeniedReason::ScopeMissing { .. } | DeniedReason::OtherProject => {
                Self::new(Code::Denied, denied.to_string())
            }
        }
    }

    pub(crate) fn object_not_found(bucket: &BucketName, key: &ObjectKey) -> Self {
        Self::objects(&ObjectsError::NotFound { bucket: bucket.to_string(), key: key.to_string() })
    }

    pub(crate) fn version_not_found(bucket: &BucketName, key: &ObjectKey) -> Self {
        Self::objects(&ObjectsError::VersionNotFound { bucket: bucket.to_string(), key: key.to_string() })
    }

    pub(crate) fn parts_missing(found: u64, wanted: u64) -> Self {
        Self::new(
            Code::Conflict,
            format!("the parts that are stored have {found} bytes together, not {wanted}"),
        )
        .hint("list the parts, and store those that are missing")
    }

    pub(crate) fn no_such_range(size_bytes: u64) -> Self {
        Self::new(Code::RangeNotSatisfiable, format!("the content has {size_bytes} bytes"))
    }

    pub(crate) fn bucket_exists(bucket: &BucketName) -> Self {
        Self::new(Code::Conflict, format!("the bucket `{bucket}` is there already"))
    }

    fn webhook(error: &WebhookError) -> Self {
        let text = error.to_string();
        match error {
            WebhookError::NotFound(_) | WebhookError::DeliveryNotFound(_) => Self::new(Code::NotFound, text),
            WebhookError::TooMany => {
                Self::new(Code::Conflict, text).hint("remove some with `casemate webhook rm`")
            }
            WebhookError::Endpoint(_) => Self::field("/url", text)
                .hint("an operator can let webhooks into a network with `webhooks.allow_networks`"),
            WebhookError::ExceedsMaker(_) => Self::new(Code::Denied, text),
            WebhookError::Overlap => Self::field("/overlap_seconds", text),
            WebhookError::Changed(_) => Self::new(Code::Conflict, text).hint("read it again and decide anew"),
        }
    }

    fn limit_override(error: OverrideError) -> Self {
        let pointer = match error {
            OverrideError::Rate => "/per_second",
            OverrideError::Burst { .. } => "/burst",
            OverrideError::Expired => "/expires",
        };
        Self::field(pointer, error.to_string())
    }

    fn storage_full(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "no space is left");
        Self::new(Code::StorageFull, "no space is left on the node; nothing was stored")
            .hint("free some space, then send it again")
    }

    fn service_has_password(text: String) -> Self {
        Self::new(Code::Conflict, text).hint("`casemate key create` makes it a key")
    }

    fn no_user(text: String) -> Self {
        Self::new(Code::Denied, text)
            .hint("sign in to the console, or send the access token of POST /api/v1/auth/login as the key")
    }

    fn no_key(text: String) -> Self {
        Self::new(Code::Denied, text).hint("make a key with `casemate key create`, and ask with it")
    }

    fn registration_off(text: String) -> Self {
        let hint = "ask an administrator for an account, or for an invitation where those are taken";
        Self::new(Code::Denied, text).hint(hint)
    }

    fn busy(text: String) -> Self {
        Self::new(Code::Unavailable, text).retry(5)
    }

    /// A failure whose cause is for the operator's eyes.
    fn failed(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        Self::internal()
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let text = error.to_string();
        match &error {
            ControlError::Denied(denied) => Self::denied(denied),
            ControlError::Rejected(rejected) => Self::rejected(*rejected),
            ControlError::KeyExceedsMaker
            | ControlError::UserOutranks
            | ControlError::Oneself
            | ControlError::RoleExceedsGiver => Self::new(Code::Denied, text),
            ControlError::Peers(error) => Self::peers(error),
            ControlError::Proofs(error) => Self::proofs(error),
            ControlError::Schedule(error) => Self::schedule(error),
            ControlError::Webhook(error) => Self::webhook(error),
            ControlError::NoUser => Self::no_user(text),
            ControlError::NoKey => Self::no_key(text),
            ControlError::RegistrationOff => Self::registration_off(text),
            ControlError::WrongPassword => Self::new(Code::Unauthenticated, text),
            ControlError::Factor(error) => Self::factor(*error),
            ControlError::TooManyAttempts { retry_after } => {
                Self::new(Code::RateLimited, text).try_again_in(retry_after.as_secs() + 1)
            }
            ControlError::ServiceHasPassword => Self::service_has_password(text),
            ControlError::UserNameTaken(_)
            | ControlError::UserChanged(_)
            | ControlError::InvitationGone
            | ControlError::RoleBuiltIn(_)
            | ControlError::RoleInUse(_) => Self::new(Code::Conflict, text),
            ControlError::CertificateRequest(_) => Self::field("/request", text),
            ControlError::ReasonTooLong { .. } => Self::field("/reason", text),
            ControlError::KeyOverlap => Self::field("/overlap_seconds", text),
            ControlError::KeyLabel(_) => Self::field("/label", text),
            ControlError::KeyExpiresInPast => Self::field("/expires", text),
            ControlError::ShareLifetime => Self::field("/seconds", text),
            ControlError::ShareRefused
            | ControlError::KeyNotFound(_)
            | ControlError::RoleNotFound(_)
            | ControlError::UserNotFound(_)
            | ControlError::InvitationNotFound(_)
            | ControlError::SessionNotFound(_)
            | ControlError::TaskNotFound(_)
            | ControlError::EntryNotFound { .. }
            | ControlError::TaskHasNo { .. }
            | ControlError::TileNotFound { .. }
            | ControlError::OverrideNotFound { .. } => Self::new(Code::NotFound, text),
            ControlError::Objects(error) => Self::objects(error),
            ControlError::Names(error) => Self::names(error),
            ControlError::Limit(limit) => Self::field(&format!("/limits/{}", limit.field), text),
            ControlError::Task(error) => Self::task(error),
            ControlError::Node(error) => Self::node(error),
            ControlError::Function(error) => Self::function(error),
            ControlError::Sandbox(error) => Self::no_guests(error),
            ControlError::TaskTooLarge { .. }
            | ControlError::TaskText
            | ControlError::InputPath(_)
            | ControlError::InputTwice(_) => Self::new(Code::InvalidBody, text),
            ControlError::Override(error) => Self::limit_override(*error),
            ControlError::TooManyOverrides => Self::new(Code::Conflict, text).hint("remove some"),
            ControlError::QueueFull { .. } => {
                Self::new(Code::QueueFull, text).hint("wait until some have ended").retry(5)
            }
            ControlError::TaskNotFinished(_) => Self::new(Code::NotFinished, text).hint("ask with ?wait=60"),
            ControlError::ProofPending { .. } => Self::new(Code::ProofPending, text).retry(1),
            ControlError::Store(error) => Self::store(error),
            ControlError::TooManyLogins | ControlError::ShuttingDown => Self::busy(text),
            ControlError::AnswerSealed
            | ControlError::Receipt(_)
            | ControlError::ReceiptDamaged(_)
            | ControlError::Log(_)
            | ControlError::Bundle(_)
            | ControlError::LogOfAnother { .. } => Self::failed(&error),
        }
    }
}
