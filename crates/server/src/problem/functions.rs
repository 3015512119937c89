use casemate_api::ProblemCode as Code;
use casemate_control::{FunctionError, SandboxError};
use casemate_functions::RouteError;
use casemate_model::{LimitKind, Outcome};

use super::Problem;

impl Problem {
    /// Guests cannot be run: why is the operator's to know.
    pub(super) fn no_guests(error: &SandboxError) -> Self {
        tracing::error!(error = error as &dyn std::error::Error, "functions cannot be run");
        Self::new(Code::Unavailable, "the node cannot run functions at this moment").retry(5)
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
