use casemate_api::ProblemCode as Code;
use casemate_control::{FunctionError, SandboxError};
use casemate_functions::{RouteError, VALUE_BYTES_MAX};
use casemate_model::{LimitKind, Outcome};

use super::Problem;

impl Problem {
    /// Guests cannot be run: why is the operator's to know.
    pub(super) fn no_guests(error: &SandboxError) -> Self {
        tracing::error!(error = error as &dyn std::error::Error, "functions cannot be run");
        Self::new(Code::Unavailable, "the node cannot run functions at this moment").retry(5)
    }

    /// Functions find nothing there, whatever they were granted.
    pub(crate) fn not_grantable() -> Self {
        Self::new(Code::NotFound, "there is nothing at this address for functions")
            .hint("below /api/v1/ are objects, object-info, buckets/BUCKET/objects, names and functions/NAME/values")
    }

    /// A caller of a function that is not public presented nothing, or not the right thing.
    pub(crate) fn of_caller(error: casemate_control::ControlError) -> Self {
        let problem = Self::from(error);
        match problem.code() {
            Code::Unauthenticated => {
                problem.hint("send an API key with the scope functions:call as X-API-Key")
            }
            _ => problem,
        }
    }

    /// The body that was to become a value did not come, or is too large.
    pub(crate) fn value_body(error: &(dyn std::error::Error + 'static)) -> Self {
        if error.is::<http_body_util::LengthLimitError>() {
            return Self::new(Code::BodyTooLarge, format!("a value has at most {VALUE_BYTES_MAX} bytes"))
                .hint("what is larger is an object's affair");
        }
        Self::new(Code::UploadBroken, "the value did not come to its end")
    }

    pub(super) fn function(error: &FunctionError) -> Self {
        let text = error.to_string();
        match error {
            FunctionError::NotFound(_) => Self::new(Code::NotFound, text),
            FunctionError::NoVersion { name, .. } => Self::new(Code::NotFound, text)
                .hint(&format!("`casemate fn versions {name}` lists those that there are")),
            FunctionError::NothingBefore(_) | FunctionError::TooMany | FunctionError::Overtaken(_) => {
                Self::new(Code::Conflict, text)
            }
            FunctionError::NameTaken(_) => Self::new(Code::NameTaken, text).hint("choose another name"),
            FunctionError::Route(RouteError::Percent) => Self::field("/percent", text),
            FunctionError::Route(_) => Self::field("/route", text),
            FunctionError::Module(_) | FunctionError::NotCompiled(_) => Self::field("/module", text),
            FunctionError::Concurrency => Self::field("/concurrency", text),
            FunctionError::Rate => Self::field("/rate", text),
            FunctionError::NodeAsHost => Self::field("/hosts", text).hint("grant it something with --grant"),
            FunctionError::NotGranted { scope, .. } => {
                Self::new(Code::Denied, text).hint(&format!("deploy it with --grant {scope}:…"))
            }
            FunctionError::NotGrantable => Self::field("/grants", text),
            FunctionError::Publishes => Self::new(Code::Denied, text)
                .hint("deploy it without --public, or have somebody deploy it who may share objects"),
            FunctionError::BoundMaker => Self::new(Code::Denied, text).hint("deploy it by a key that counts anywhere"),
            FunctionError::ExceedsMaker => Self::new(Code::Denied, text)
                .hint("grant only what you may do yourself: `casemate key list` shows it of keys, `casemate role list` of roles"),
            FunctionError::NoValue { .. } => Self::new(Code::NotFound, text),
            FunctionError::OtherValue(_) => {
                Self::new(Code::StaleSequence, text).hint("read the value again and decide anew")
            }
            FunctionError::ValuesFull => {
                Self::new(Code::QuotaExceeded, text).hint("remove some with `casemate fn values rm`")
            }
            FunctionError::Maker(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "a stored function is damaged");
                Self::new(Code::Internal, text)
            }
            FunctionError::Memory => Self::new(Code::Unavailable, text).retry(1),
            FunctionError::Busy(_) => Self::new(Code::Unavailable, text).retry(1),
            FunctionError::TooOften { retry_after, .. } => {
                Self::new(Code::RateLimited, text).retry(retry_after.as_secs() + 1)
            }
            FunctionError::BodyTooSlow | FunctionError::NotTaken => Self::new(Code::UploadBroken, text),
            FunctionError::BodyTooLarge { .. } => Self::new(Code::BodyTooLarge, text),
            FunctionError::Failed { outcome: Outcome::LimitReached(LimitKind::Wall), .. } => {
                Self::new(Code::FunctionTimedOut, text)
            }
            // What the guest or the engine said of it is for the function's owner, in its log.
            FunctionError::Failed { name, outcome } => {
                let kind = match outcome {
                    Outcome::LimitReached(limit) => format!("it reached its {limit} limit"),
                    Outcome::Exited(_) => "it returned without a whole answer".to_owned(),
                    other => other.kind().replace('_', " "),
                };
                Self::new(Code::FunctionFailed, format!("the function {name} gave no answer: {kind}"))
            }
        }
    }
}
