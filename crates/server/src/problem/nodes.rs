use casemate_api::ProblemCode as Code;
use casemate_control::{NodeError, RelayError};

use super::Problem;

impl Problem {
    pub(super) fn node(error: &NodeError) -> Self {
        let text = error.to_string();
        match error {
            NodeError::Relay(error) => Self::relay(error),
            NodeError::NotFound(_) | NodeError::TokenNotFound(_) => Self::new(Code::NotFound, text),
            NodeError::TokenLifetime => Self::field("/lifetime_seconds", text),
            NodeError::NoMutualListener => Self::new(Code::Conflict, text)
                .hint("set `mutual_listen` in the server's configuration, such as \"127.0.0.1:7073\""),
            NodeError::NameTaken(_) => Self::new(Code::Conflict, text)
                .hint("choose another with --name, or remove that one with `casemate node rm`"),
            NodeError::Caught(_) => Self::new(Code::Conflict, text)
                .hint("remove it with `casemate node rm`; `casemate node resume` believes it again"),
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

    fn relay(error: &RelayError) -> Self {
        let text = error.to_string();
        match error {
            RelayError::NotFound(_) => Self::new(Code::NotFound, text),
            RelayError::NoRelay(_) => Self::new(Code::Conflict, text)
                .hint("have one relay with `casemate node run --relay-listen ADDRESS`"),
            RelayError::TooMany => {
                Self::new(Code::Conflict, text).hint("end some with `casemate relay stop`")
            }
            RelayError::Duration => Self::field("/duration_seconds", text),
            RelayError::Bytes => Self::field("/bytes_max", text),
        }
    }

    pub(crate) fn too_much_for_task() -> Self {
        Self::new(Code::BodyTooLarge, NodeError::TooMuch.to_string())
    }
}
