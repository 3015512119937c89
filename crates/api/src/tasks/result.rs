use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Review;

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskResult {
    /// The run; its receipt goes by the same id.
    #[schema(example = "run_01kg9ys7kv040g2081040g2081")]
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// The digest of standard output; null if there is none.
    #[schema(required = true)]
    pub stdout: Option<String>,
    /// The digest of standard error; null if there is none.
    #[schema(required = true)]
    pub stderr: Option<String>,
    /// The files of `/out`, sorted by path.
    pub outputs: Vec<OutputFile>,
    /// What is known of it by running it again; null if nobody did. What is refuted or void was submitted once more, as the task
    /// that `repeats` this one.
    #[serde(default)]
    #[schema(required = true)]
    pub review: Option<Review>,
    /// The node that ran it and signed the receipt; null if that is the server itself.
    #[serde(default)]
    #[schema(required = true, example = "nod_01kg9ys7kv040g2081040g2081")]
    pub node: Option<String>,
    /// A proof of the execution; null, as there is no system for that yet.
    #[serde(default)]
    #[schema(required = true)]
    pub evidence: Option<Evidence>,
    /// How far the result can be believed.
    #[schema(example = "L1 signed")]
    pub level: String,
    /// The audit entry that records the receipt.
    pub entry: u64,
}

/// A proof of the execution of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// What kind of proof. What is not known here is none.
    pub kind: String,
    /// What it says, for people.
    pub statement: String,
    /// Its parameters.
    pub params: String,
    /// The version of what checks it.
    pub verifier_version: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// The kind of end.
    pub kind: OutcomeKind,
    /// The exit code, the trap, the limit or the reason that goes with the kind.
    pub detail: String,
    /// Both in words.
    #[schema(example = "exited with code 0")]
    pub text: String,
}

/// The kinds of end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// The guest returned or called exit; the detail is the code.
    Exited,
    /// The guest did something that WebAssembly forbids.
    Trapped,
    /// The guest reached a limit and was stopped.
    LimitReached,
    /// Somebody cancelled the task.
    Cancelled,
    /// The module was refused before any of it ran.
    Refused,
    /// The engine or its process failed.
    EngineFailed,
}

/// What a run used, measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// From acceptance to the end.
    pub wall_ms: u64,
    /// Of that, waiting for a worker.
    pub queue_ms: u64,
    /// Of that, compiling or loading the compiled module.
    pub compile_ms: u64,
    /// Operations executed.
    pub fuel: u64,
    /// Highest linear memory of all instances together.
    pub memory_bytes_peak: u64,
    /// Highest number of table elements of all tables together.
    pub table_elements_peak: u64,
    /// Standard output and output files together.
    pub output_bytes: u64,
    /// Standard error.
    pub log_bytes: u64,
}

/// A file that the guest left in `/out`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputFile {
    /// Its path under `/out`.
    pub path: String,
    /// Its content.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
}
