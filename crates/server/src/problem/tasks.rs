use casemate_api::ProblemCode as Code;
use casemate_control::TaskError;

use super::Problem;

impl Problem {
    pub(super) fn task(error: &TaskError) -> Self {
        let text = error.to_string();
        match error {
            TaskError::Plan { field, .. } => Self::field(&format!("/plan/{field}"), text),
            TaskError::Quorum(_) => Self::field("/quorum", text),
            TaskError::QuorumNotDeterministic => {
                Self::field("/profile", text).hint("`casemate run --det --quorum 2/3`")
            }
            TaskError::ModuleMoved(_) => {
                Self::new(Code::Conflict, text).hint("submit a task with the name as it is now")
            }
            TaskError::NeedsMissing(_) | TaskError::OutputMissing(_) => Self::new(Code::Conflict, text)
                .hint("`casemate task show TASK` says how it ended and what it left"),
        }
    }
}
