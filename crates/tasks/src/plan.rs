use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use casemate_model::{NodeLabels, Outcome, Timestamp};

/// When a task runs, how urgently, and how often it is attempted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How urgent it is.
    pub priority: Priority,
    /// It is not taken before this time.
    pub not_before: Option<Timestamp>,
    /// At most one open task of a project has this key.
    pub key: Option<TaskKey>,
    /// How often it is attempted, and after what.
    pub retry: RetryPolicy,
    /// How long it may take altogether, in milliseconds, from when it may be taken: queue, attempts and the waits between
    /// them. As long as one attempt may take if absent.
    pub timeout_ms: Option<u64>,
    /// What the node that runs it must be.
    pub labels: NodeLabels,
}

/// How urgent a task is, from 0 to 9. A more urgent one that is due is taken first, whosever it is; among equals projects
/// take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

/// A number that is no [`Priority`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a priority is a number from 0 to {}, the most urgent", Priority::MAX.0)]
pub struct PriorityError;

/// What a sender calls a task so that there is one of it: 1 to 128 printable characters of ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey(String);

/// Text that is no [`TaskKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of a task has 1 to {KEY_BYTES_MAX} printable characters of ASCII")]
pub struct TaskKeyError;

/// How often and how far apart a task is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts, from 1 to [`RetryPolicy::ATTEMPTS_MAX`].
    pub attempts_max: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub wait_first: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// What of the guest's own failures is worth another attempt. Those of the node always are.
    pub on: RetryOn,
}

/// Failures of a guest after which it is attempted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// It exited with another code than 0.
    pub exit: bool,
    /// It trapped.
    pub trap: bool,
}

impl Plan {
    /// The longest that a task may take altogether, and wait for others.
    pub const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
}

/// Most characters of a key.
const KEY_BYTES_MAX: usize = 128;

impl Priority {
    /// The most urgent.
    pub const MAX: Self = Self(9);

    /// What a task has that says nothing of it.
    pub const DEFAULT: Self = Self(5);

    /// Takes a number from 0 to 9.
    pub const fn new(number: u8) -> Result<Self, PriorityError> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(PriorityError) }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for Priority {
    type Err = PriorityError;

    fn from_str(text: &str) -> Result<Self, PriorityError> {
        text.parse().map_err(|_| PriorityError).and_then(Self::new)
    }
}

impl FromStr for TaskKey {
    type Err = TaskKeyError;

    fn from_str(text: &str) -> Result<Self, TaskKeyError> {
        let fits =
            (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(TaskKeyError) }
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RetryPolicy {
    /// Three attempts, 1 and 2 seconds apart, after failures of the node.
    pub const DEFAULT: Self = Self {
        attempts_max: 3,
        wait_first: Duration::from_secs(1),
        wait_max: Duration::from_secs(60),
        on: RetryOn { exit: false, trap: false },
    };

    /// The most attempts that a task may ask for.
    pub const ATTEMPTS_MAX: u32 = 20;

    /// The longest first wait that a task may ask for.
    pub const WAIT_FIRST_MAX: Duration = Duration::from_secs(60 * 60);

    pub(crate) fn wait_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.wait_first.saturating_mul(1 << doublings).min(self.wait_max.max(self.wait_first))
    }

    /// Whether a guest that ended so is to be attempted again.
    pub(crate) const fn retries(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Exited(code) => *code != 0 && self.on.exit,
            Outcome::Trapped(_) => self.on.trap,
            Outcome::LimitReached(_)
            | Outcome::Cancelled
            | Outcome::Refused(_)
            | Outcome::EngineFailed(_) => false,
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_and_keys_are_read_within_their_bounds() {
        assert_eq!("9".parse(), Ok(Priority::MAX));
        for bad in ["10", "-1", "", "high"] {
            assert_eq!(bad.parse::<Priority>(), Err(PriorityError), "{bad}");
        }
        assert_eq!(
            "nightly/2026-11-22".parse::<TaskKey>().map(|key| key.to_string()).as_deref(),
            Ok("nightly/2026-11-22")
        );
        for bad in ["", "a b", "a\n", "größe", &"x".repeat(129)] {
            assert_eq!(bad.parse::<TaskKey>(), Err(TaskKeyError), "{bad}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy { wait_first: Duration::from_secs(8), ..RetryPolicy::DEFAULT };
        let waits = [1, 2, 3, 4, 40].map(|attempt| policy.wait_after(attempt).as_secs());
        assert_eq!(waits, [8, 16, 32, 60, 60]);
        let slow = RetryPolicy { wait_first: Duration::from_secs(600), ..RetryPolicy::DEFAULT };
        assert_eq!(slow.wait_after(1), Duration::from_secs(600), "a first wait that was asked for is kept");
    }
}
