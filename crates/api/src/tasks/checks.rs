use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many nodes of distinct owners are to run a task, and how many must come to the same output and fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuorumRequest {
    /// How many must agree: more than half.
    pub agree: u8,
    /// How many run it: 2 to 7.
    #[schema(minimum = 2, maximum = 7)]
    pub of: u8,
}

/// What is known of a result by running it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Others came to the same.
    Confirmed,
    /// Others came to something else.
    Refuted,
    /// Nobody looked at it, but its node was found wrong in something else.
    Void,
}

/// A task that several nodes run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuorumDetails {
    /// How many must agree.
    pub agree: u8,
    /// The tasks that are run in its place, each by a node of another owner.
    pub replicas: Vec<String>,
}
