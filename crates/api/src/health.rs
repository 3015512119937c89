//! How the node is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tasks::TaskState;

/// Whether the node works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst of the checks.
    pub status: HealthStatus,
    /// The version of Casemate that the node runs.
    pub version: String,
    /// What was checked.
    pub checks: Vec<HealthCheck>,
}

/// That the node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Live {
    /// The version of Casemate that it runs.
    pub version: String,
}

/// One thing that the node checked about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// What was checked: `state`, `objects`, `workers` or `audit`.
    #[schema(example = "workers")]
    pub name: String,
    /// How it is.
    pub status: HealthStatus,
    /// The same in words.
    pub detail: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Ok,
    /// It works, but somebody should look.
    Degraded,
    /// It does not work.
    Failing,
}

impl HealthStatus {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// Figures of the node, and of the caller's project on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// The version of Casemate that the node runs.
    pub version: String,
    /// When the node started.
    #[schema(format = DateTime)]
    pub started: String,
    /// The caller's project.
    pub project: String,
    /// The origin of the node's log, which names the node.
    pub origin: String,
    /// What stands between guests and the machine.
    pub walls: Vec<Wall>,
    /// The worker processes.
    pub workers: Workers,
    /// How many tasks of the project are in each state.
    #[schema(example = json!({"queued": 1, "succeeded": 40}))]
    pub tasks: BTreeMap<TaskState, u64>,
    /// Buckets of the project.
    pub buckets: u64,
    /// Objects of the project.
    pub objects: u64,
    /// Bytes of those objects, before any sharing.
    pub object_bytes: u64,
    /// The audit log.
    pub log: LogFigures,
}

/// One of the walls around guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wall {
    /// Its name.
    #[schema(example = "landlock")]
    pub name: String,
    /// Whether it stands: `ok`, `degraded` for one that adds depth and is missing, `failing` for a required one.
    pub status: HealthStatus,
    /// The same in words.
    pub detail: String,
}

/// Worker processes by what they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    /// Waiting for work.
    pub idle: u64,
    /// Running a guest.
    pub busy: u64,
    /// Started in place of one that ended, since the node started.
    pub started: u64,
}

/// How far the audit log is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogFigures {
    /// Entries that are durable.
    pub size: u64,
    /// Entries that the signed checkpoint covers.
    pub checkpoint_size: u64,
    /// When the checkpoint was signed; null before the first one.
    #[schema(required = true, format = DateTime)]
    pub checkpoint_time: Option<String>,
    /// The origin of the log.
    pub origin: String,
    /// The node's public key in the text form of C2SP signed notes.
    pub public_key: String,
}
