use casemate_api::ProblemCode as Code;
use casemate_control::ProofsError;

use super::Problem;

impl Problem {
    pub(super) fn proofs(error: &ProofsError) -> Self {
        let text = error.to_string();
        match error {
            ProofsError::KeyNotFound(_) => {
                Self::new(Code::NotFound, text).hint("`casemate proof keys` lists those that are registered")
            }
            ProofsError::BadKey(_) => Self::field("/key", text),
            ProofsError::Label => Self::field("/label", text),
            ProofsError::TooLarge => Self::field("/proof_data", text),
            ProofsError::Inputs(..) => Self::field("/public_inputs", text)
                .hint("`casemate proof statement TASK` shows what a proof must be of"),
            ProofsError::TooManyKeys | ProofsError::Replayed(_) => Self::new(Code::Conflict, text),
            ProofsError::Busy => Self::new(Code::Unavailable, text).retry(1),
        }
    }
}
