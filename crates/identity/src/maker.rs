use std::fmt;
use std::str::FromStr;

use casemate_model::{KeyId, UserId};

/// In whose name something stays good that was made, such as a link or an invitation: it ends when its maker may not make
/// it any more. The text form is the id, and `-` for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Whoever runs the node, by its socket.
    Operator,
    /// An API key, or a session that one opened.
    Key(KeyId),
    /// A user.
    User(UserId),
}

/// Text that names no maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a key or a user")]
pub struct MakerError;

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("-"),
            Self::Key(id) => id.fmt(f),
            Self::User(id) => id.fmt(f),
        }
    }
}

impl FromStr for Maker {
    type Err = MakerError;

    fn from_str(text: &str) -> Result<Self, MakerError> {
        if text == "-" {
            return Ok(Self::Operator);
        }
        let key = text.parse().map(Self::Key).ok();
        key.or_else(|| text.parse().map(Self::User).ok()).ok_or(MakerError)
    }
}
