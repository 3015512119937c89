use casemate_api::ProblemCode as Code;
use casemate_control::NodeError;

use super::Problem;

impl Problem {
    pub(super) fn node(error: &NodeError) -> Self {
        let text = error.to_string();
        match error {
            NodeError::NotFound(_) | NodeError::TokenNotFound(_) => Self::new(Code::NotFound, text),
            NodeError::TokenLifetime => Self::field("/lifetime_seconds", text),
            NodeError::NoMutualListener => Self::new(Code::Conflict, text)
                .hint("set `mutual_listen` in the server's configuration, such as \"127.0.0.1:7073\""),
            NodeError::NameTaken(_) => Self::new(Code::Conflict, text)
                .hint("choose another with --name, or remove that one with `casemate node rm`"),
            NodeError::TooMany => Self::new(Code::Conflict, text).hint("remove some with `casemate node rm`"),
            NodeError::NotANode | NodeError::Distrusted | NodeError::NotRead(_) => {
                Self::new(Code::Denied, text)
            }
            NodeError::LeaseLost(_) => Self::new(Code::LeaseLost, text),
            NodeError::TooMuch => Self::too_much_for_task(),
            NodeError::NotStored(_) => Self::new(Code::BlobMissing, text),
            NodeError::Receipt(_) => Self::new(Code::InvalidBody, text),
        }
    }

    pub(crate) fn too_much_for_task() -> Self {
        Self::new(Code::BodyTooLarge, NodeError::TooMuch.to_string())
    }
}
