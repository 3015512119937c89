//! Tasks, from what is asked for to what came of it.

mod checks;
mod live;
mod plan;
mod result;
mod sources;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::objects::ObjectRef;

pub use checks::{QuorumDetails, QuorumRequest, Review};
pub use live::{
    FollowedEnd, FollowedState, LogPiece, LogStream, TaskHour, TaskProgress, TaskStatistics, TaskTypeDetails,
    TaskTypes,
};
pub use plan::{Plan, PlanRequest, Retry, RetryOn, RetryRequest};
pub use result::{Evidence, Outcome, OutcomeKind, OutputFile, TaskResult, Usage};

/// What to run, and on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitTask {
    /// What kind of work it is. `GET /task-types` says what each may hold.
    #[serde(rename = "type", default)]
    pub kind: TaskType,
    /// The module.
    pub module: ModuleSource,
    /// Arguments after the program name.
    #[serde(default)]
    #[schema(example = json!(["-v"]))]
    pub args: Vec<String>,
    /// Environment variables. Nothing of the node's own environment is added.
    #[serde(default)]
    #[schema(example = json!({"LANG": "C"}))]
    pub env: BTreeMap<String, String>,
    /// Standard input; empty if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<ContentSource>,
    /// Files of the read-only directory `/in`.
    #[serde(default)]
    pub inputs: Vec<TaskInput>,
    /// Tasks of the project that must succeed before this one is taken, besides those whose outputs it reads; at most 16
    /// altogether. If one of them ends otherwise, this one is cancelled.
    #[serde(default)]
    pub after: Vec<String>,
    /// Whether the guest gets a writable directory `/out`, whose files become outputs.
    #[serde(default)]
    pub output_directory: bool,
    /// What it may use; the node's defaults fill in the rest.
    #[serde(default)]
    pub limits: LimitsRequest,
    /// How it is run.
    #[serde(default)]
    pub profile: Profile,
    /// When it runs, how urgently, and how often it is attempted.
    #[serde(default)]
    pub plan: PlanRequest,
    /// How many nodes of distinct owners are to run it, and how many must come to the same; one runs it unless given. The
    /// profile must be `det-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<QuorumRequest>,
}

/// What kind of work a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    /// A WebAssembly module or component that is run as a command.
    #[default]
    Wasm,
}

/// Where the module comes from. It is looked up once, at submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ModuleSource {
    /// Content of the caller's project, by its digest.
    Digest(String),
    /// What a name means, whoever owns it.
    Name(NameRef),
    /// An object of the caller's project.
    Object(ObjectRef),
}

/// What a name means now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameRef {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
}

/// Where input comes from. It is looked up once, at submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ContentSource {
    /// Content of the caller's project, by its digest.
    Digest(String),
    /// An object of the caller's project.
    Object(ObjectRef),
    /// What another task of the project leaves. The task waits until that one has succeeded.
    Output(OutputRef),
}

/// What another task leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputRef {
    /// The other task.
    #[schema(example = "tsk_01kg9ys7kv040g2081040g2081")]
    pub task: String,
    /// A file of its directory `/out`; its standard output if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// An output of another task that a task reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AwaitedOutput {
    /// The other task.
    pub task: String,
    /// A file of its directory `/out`; null for its standard output.
    #[schema(required = true)]
    pub file: Option<String>,
    /// The path under `/in` at which it is read; null for standard input.
    #[schema(required = true)]
    pub path: Option<String>,
}

/// A file for the input directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskInput {
    /// Its path under `/in`.
    #[schema(example = "book.txt")]
    pub path: String,
    /// Its content.
    pub source: ContentSource,
}

/// What a task may use. Every limit is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsRequest {
    /// Wall-clock time over queue, compilation, execution and host calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Operations, by the engine's own counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Linear memory of all instances together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Elements of all tables together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u64>,
    /// Core instances; as many memories and tables are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// The guest's call stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_bytes: Option<u64>,
    /// Standard output and output files together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Time for compiling the module; it counts against `wall_ms` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_ms: Option<u64>,
    /// Memory for compiling the module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_memory_bytes: Option<u64>,
}

/// How a task is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Profile {
    /// With a real clock and real randomness.
    #[default]
    #[serde(rename = "default")]
    Default,
    /// Deterministic: the same run gives the same output and the same fuel.
    #[serde(rename = "det-1")]
    Det1,
}

impl Profile {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Det1 => "det-1",
        }
    }
}

/// A task with everything known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its id.
    #[schema(example = "tsk_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// The project that owns it.
    pub project: String,
    /// Where it stands.
    pub state: TaskState,
    /// The module that is run.
    pub module: String,
    /// The name that the module was given by; null if it was not given by a name.
    #[schema(required = true)]
    pub module_name: Option<String>,
    /// Arguments after the program name.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Standard input; null for an empty one.
    #[schema(required = true)]
    pub stdin: Option<String>,
    /// Files of the directory `/in`.
    pub inputs: Vec<InputFile>,
    /// Whether the guest gets a directory `/out`.
    pub output_directory: bool,
    /// How it is run.
    pub profile: Profile,
    /// What it may use.
    pub limits: Limits,
    /// When it runs, how urgently, and how often it is attempted.
    pub plan: Plan,
    /// Tasks that must succeed before it is taken.
    pub needs: Vec<String>,
    /// What it reads of them. What is known by now is in `stdin` and `inputs` too.
    pub awaited: Vec<AwaitedOutput>,
    /// The task that it does once more; null if it is none.
    #[schema(required = true)]
    pub repeats: Option<String>,
    /// How many nodes are to run it; null for one.
    #[serde(default)]
    #[schema(required = true)]
    pub quorum: Option<QuorumDetails>,
    /// The task in whose place it is run; null for none.
    #[serde(default)]
    #[schema(required = true, example = "tsk_01kg9ys7kv040g2081040g2081")]
    pub replica_of: Option<String>,
    /// Counts its attempts from 1; 0 before the first.
    pub attempt: u32,
    /// How far its run says it is; null if it says nothing, or does not run.
    #[serde(default)]
    #[schema(required = true)]
    pub progress: Option<TaskProgress>,
    /// Whether somebody asked for it to be cancelled.
    pub cancel_requested: bool,
    /// Who submitted it.
    #[schema(example = "uid:1000")]
    pub actor: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub created: String,
    /// When its state last changed.
    #[schema(format = DateTime)]
    pub updated: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    pub deadline: String,
    /// What its last run gave; null before that.
    #[schema(required = true)]
    pub result: Option<TaskResult>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
    /// Its deadline passed.
    TimedOut,
    /// No attempt is left after failures of the node.
    Dead,
}

impl TaskState {
    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Leased | Self::Running | Self::RetryWait => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Dead => true,
        }
    }

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
}

/// A file of the input directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputFile {
    /// Its path under `/in`.
    pub path: String,
    /// Its content.
    pub digest: String,
}

/// Every limit of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RunLimits)]
pub struct Limits {
    /// Wall-clock time over queue, compilation, execution and host calls.
    pub wall_ms: u64,
    /// Operations, by the engine's own counter.
    pub fuel: u64,
    /// Linear memory of all instances together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances; as many memories and tables are allowed.
    pub instances: u32,
    /// The guest's call stack.
    pub stack_bytes: u64,
    /// Standard output and output files together.
    pub output_bytes: u64,
    /// Standard error.
    pub log_bytes: u64,
    /// Time for compiling the module; it counts against `wall_ms` too.
    pub compile_ms: u64,
    /// Memory for compiling the module.
    pub compile_memory_bytes: u64,
}
