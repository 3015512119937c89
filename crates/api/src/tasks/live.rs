use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Limits, TaskState};

/// How far a run says it is, by a line `casemate:progress DONE/TOTAL TEXT` on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskProgress {
    /// What is done.
    pub done: u64,
    /// All there is to do.
    pub total: u64,
    /// What the program says of it.
    pub text: String,
}

/// A stream that a program writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// An event `state`: the task's state, or its attempt, is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FollowedState {
    /// The state.
    pub state: TaskState,
    /// The attempt.
    pub attempt: u32,
}

/// An event `log`: the program has written something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPiece {
    /// Which attempt wrote it.
    pub attempt: u32,
    /// Where to.
    pub stream: LogStream,
    /// Where it begins in its stream, in bytes. What is between two pieces was not kept.
    pub offset: u64,
    /// How many bytes it is.
    pub bytes: u64,
    /// Those bytes as text; what is no UTF-8 is replaced.
    pub text: String,
}

/// An event `end`: the task is over, and nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FollowedEnd {
    /// The final state.
    pub state: TaskState,
}

/// What came of the project's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatistics {
    /// How many tasks are in each state; states without tasks are missing.
    pub states: std::collections::BTreeMap<TaskState, u64>,
    /// What came of those that ended, hour by hour, oldest first; hours in which none ended are missing.
    pub hours: Vec<TaskHour>,
}

/// What came of tasks that ended in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskHour {
    /// When the hour began.
    #[schema(format = DateTime)]
    pub hour: String,
    /// Tasks that succeeded.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Tasks whose time was up.
    pub timed_out: u64,
    /// Tasks without an attempt left.
    pub dead: u64,
    /// How many of all of them have run.
    pub runs: u64,
    /// How long their last runs have waited for a worker, together.
    pub queue_ms: u64,
    /// How long they took after that, together.
    pub run_ms: u64,
    /// Operations of the engine in them, together, to the thousand.
    pub fuel: u64,
}

/// A type of tasks, and what a submission may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskTypeDetails {
    /// The type.
    #[serde(rename = "type")]
    #[schema(example = "wasm")]
    pub name: String,
    /// What it is.
    pub description: String,
    /// Most bytes of the module.
    pub module_bytes_max: u64,
    /// Most bytes of all inputs together.
    pub input_bytes_max: u64,
    /// Most files of the input directory.
    pub input_files_max: u64,
    /// Most arguments, and environment variables.
    pub texts_max: u64,
    /// Most bytes of all arguments together, and of all environment variables together.
    pub text_bytes_max: u64,
    /// Most tasks that one needs.
    pub needs_max: u64,
    /// What a run gets that asks for nothing.
    pub limits_default: Limits,
    /// The most that a run may ask for.
    pub limits_max: Limits,
}

/// Every type of tasks there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskTypes {
    /// The types.
    pub types: Vec<TaskTypeDetails>,
}
