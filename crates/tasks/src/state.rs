use std::fmt;
use std::str::FromStr;

use casemate_model::{LimitKind, Outcome};

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Waits for a worker.
    Queued,
    /// A worker holds it and prepares it.
    Leased,
    /// The guest runs.
    Running,
    /// Waits for its next attempt, after the node failed, or the guest in a way that its plan says is worth one.
    RetryWait,
    /// The guest exited with code 0.
    Succeeded,
    /// The guest exited with another code, trapped, was refused or reached a limit other than time.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its deadline passed, in the queue or while it ran.
    TimedOut,
    /// No attempt is left after failures of the node.
    Dead,
}

/// Text that is no [`TaskState`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a task state: use one of queued, leased, running, retry_wait, succeeded, failed, cancelled, timed_out, dead"
)]
pub struct TaskStateError(String);

impl TaskState {
    /// Every state, in the order a task may reach them.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Leased,
        Self::Running,
        Self::RetryWait,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Dead,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Running => "running",
            Self::RetryWait => "retry_wait",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Dead => "dead",
        }
    }

    /// Whether the state is final.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Leased | Self::Running | Self::RetryWait => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Dead => true,
        }
    }

    /// The final state that an outcome means, or `None` where the node is to blame and another attempt may help.
    pub const fn after(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Exited(0) => Some(Self::Succeeded),
            Outcome::LimitReached(LimitKind::Wall) => Some(Self::TimedOut),
            Outcome::Exited(_) | Outcome::Trapped(_) | Outcome::LimitReached(_) | Outcome::Refused(_) => {
                Some(Self::Failed)
            }
            Outcome::Cancelled => Some(Self::Cancelled),
            Outcome::EngineFailed(_) => None,
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskState {
    type Err = TaskStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| TaskStateError(text.chars().take(40).collect()))
    }
}
