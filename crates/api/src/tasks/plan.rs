use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a task runs, how urgently, and how often it is attempted. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanRequest {
    /// How urgent it is, from 0 to 9; 5 unless given. A more urgent task that is due is taken first; among equals projects
    /// take turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9)]
    pub priority: Option<u8>,
    /// When it may be taken at the earliest, at most a year ahead; at once unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// A key that at most one open task of the project has, 1 to 128 printable characters of ASCII. If there is an open task
    /// of this key, it is the answer, with status 200, and nothing is submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "nightly", min_length = 1, max_length = 128)]
    pub key: Option<String>,
    /// How often it is attempted, and after what.
    pub retry: RetryRequest,
    /// How long it may take altogether, in milliseconds from when it may be taken: queue, attempts and the waits between
    /// them; as long as `limits.wall_ms` unless given, and at most 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub timeout_ms: Option<u64>,
    /// Labels of the node that runs it, each `key=value`; at most 16. Any node unless given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["zone=a"]))]
    pub labels: Vec<String>,
}

/// How often a task is attempted, and after what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryRequest {
    /// Most attempts, 1 to 20; 3 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub attempts: Option<u32>,
    /// The wait before the second attempt in milliseconds, at most an hour; a second unless given. It doubles with each further
    /// one up to a minute, and is up to a fifth longer, so that what failed together is not attempted together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3_600_000)]
    pub wait_ms: Option<u64>,
    /// Failures of the program that are worth another attempt. Those of the node always are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<RetryOn>,
}

/// A failure of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// It exited with another code than 0.
    Exit,
    /// It did something that WebAssembly forbids.
    Trap,
}

/// When a task runs, how urgently, and how often it is attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// How urgent it is, from 0 to 9.
    pub priority: u8,
    /// When it may be taken at the earliest; null for at once.
    #[schema(required = true, format = DateTime)]
    pub not_before: Option<String>,
    /// The key that at most one open task of the project has; null for none.
    #[schema(required = true)]
    pub key: Option<String>,
    /// How often it is attempted, and after what.
    pub retry: Retry,
    /// How long it may take altogether, in milliseconds; null for as long as one attempt.
    #[schema(required = true)]
    pub timeout_ms: Option<u64>,
    /// Labels of the node that runs it.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// How often a task is attempted, and after what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retry {
    /// Most attempts.
    pub attempts: u32,
    /// The wait before the second attempt.
    pub wait_ms: u64,
    /// Failures of the program that are worth another attempt.
    pub on: Vec<RetryOn>,
}
