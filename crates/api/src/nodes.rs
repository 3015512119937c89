//! Nodes: machines that join and take tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::relays::{RelayOffer, RelayOrder, Relayed};
use crate::tasks::{InputFile, Limits, Profile};

/// What a join token is to be for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateJoinToken {
    /// Labels that the node will have, each `key=value`; at most 16. Tasks may want them.
    #[serde(default)]
    #[schema(example = json!(["zone=a"]))]
    pub labels: Vec<String>,
    /// How long it is good for, at most 7 days.
    #[schema(minimum = 1, maximum = 604_800)]
    pub lifetime_seconds: u64,
}

/// A join token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// Its id.
    #[schema(example = "jtk_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// Labels that the node will have.
    pub labels: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// From when on it is refused.
    #[schema(format = DateTime)]
    pub expires: String,
}

/// A new join token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedJoinToken {
    /// The token.
    #[serde(flatten)]
    pub token: JoinToken,
    /// What the machine presents, once. It is nowhere else.
    pub secret: String,
}

/// What a machine has, as it measured itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Processors that it may use.
    pub cores: u32,
    /// Memory that it may use.
    pub memory_bytes: u64,
    /// Whether it can run machines under KVM.
    pub kvm: bool,
    /// Operations of the engine that one core carried out in a second.
    pub fuel_per_second: u64,
}

/// A machine that wants to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinNode {
    /// The join token.
    pub token: String,
    /// What it calls itself: 1 to 63 characters of a-z, 0-9, and dots and hyphens inside.
    #[schema(example = "box-1")]
    pub name: String,
    /// A certificate signing request (PKCS #10) in PEM, of the Ed25519 key that it will sign receipts with.
    pub request: String,
    /// What it has.
    pub capabilities: Capabilities,
}

/// A node's certificate, and where it comes in with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinedNode {
    /// The node.
    pub node: Node,
    /// The certificate in PEM.
    pub certificate: String,
    /// The roots by which to check the listener, in PEM.
    pub roots: String,
    /// The port of the listener of mutual TLS, on the host that it joined by.
    pub port: u16,
    /// From when on to get another certificate.
    #[schema(format = DateTime)]
    pub renew_after: String,
}

/// Whether a node gets tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It does.
    Ready,
    /// It ends what it has and gets no more.
    Draining,
    /// It was caught with a result that it cannot have got, and gets no more.
    Distrusted,
    /// It is gone for good.
    Removed,
}

impl NodeState {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Distrusted => "distrusted",
            Self::Removed => "removed",
        }
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its id.
    #[schema(example = "nod_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it gets tasks.
    pub state: NodeState,
    /// Whether it was heard of in the last minute.
    pub online: bool,
    /// How well it does, 0 to 100: freshness × reliability × honesty, all measured. Freshness is 1 up to 15 seconds after it was
    /// heard of, and falls evenly to 0 at 60. Reliability is (completed + 4) / (completed + failed + lost + 4). Honesty is 0 once
    /// a result was refuted.
    #[schema(maximum = 100)]
    pub health: u8,
    /// Whose node it is: a key or user by its id, or `operator`.
    pub owner: String,
    /// The API key that it acts under.
    pub key: String,
    /// The key that its receipts are signed with.
    pub public_key: String,
    /// What it is said to be, by whoever let it join.
    pub labels: Vec<String>,
    /// What it has, as it measured when it joined.
    pub capabilities: Capabilities,
    /// What is known of its work.
    pub work: WorkRecord,
    /// When it joined.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it was last heard of.
    #[schema(format = DateTime)]
    pub seen: String,
}

/// What is known of a node's work, counted since it joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkRecord {
    /// Runs whose results were accepted.
    pub completed: u64,
    /// Runs that failed by the node's own fault.
    pub failed: u64,
    /// Leases that it lost without a word.
    pub lost: u64,
    /// Results that others found too.
    pub confirmed: u64,
    /// Results that others did not find.
    pub refuted: u64,
    /// Operations of the engine in all accepted runs together.
    pub fuel: u64,
    /// Milliseconds that they took.
    pub run_ms: u64,
}

/// Figures of the project's nodes and tasks together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStats {
    /// Nodes that have joined and were not removed.
    pub total_nodes: u64,
    /// Of those, the ones that are online with a health of 50 and above.
    pub healthy_nodes: u64,
    /// Tasks that are kept, in any state.
    pub total_tasks: u64,
    /// Tasks that succeeded.
    pub completed_tasks: u64,
    /// Tasks that failed, timed out, or have no attempt left.
    pub failed_tasks: u64,
    /// The mean health of all nodes, 0 to 100; 0 if there are none.
    pub avg_health_score: f64,
    /// Cores times GiB of memory, as each node measured, of all of them together.
    pub total_compute_capacity: f64,
}

/// A node asks for tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimTasks {
    /// This run of the node.
    #[schema(example = "wrk_01kg9ys7kv040g2081040g2081")]
    pub worker: String,
    /// Most tasks, 1 to 64.
    #[schema(minimum = 1, maximum = 64)]
    pub slots: u32,
    /// Seconds to wait for a task, at most 60.
    #[serde(default)]
    #[schema(maximum = 60)]
    pub wait_seconds: u64,
}

/// Tasks that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// The tasks; none if none was due.
    pub assignments: Vec<Assignment>,
}

/// A task that a node is to run, on what its digests say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The task.
    pub task: String,
    /// Its project.
    pub project: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The fencing token of the lease. Everything that is handed in names it.
    pub fence: u64,
    /// The digest of the module.
    pub module: String,
    /// Arguments after the program name.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The digest of standard input; null for an empty one.
    #[schema(required = true)]
    pub stdin: Option<String>,
    /// Files of the directory `/in`.
    pub inputs: Vec<InputFile>,
    /// Whether there is a directory `/out`.
    pub output_directory: bool,
    /// What it may use.
    pub limits: Limits,
    /// How it is run.
    pub profile: Profile,
    /// How long the attempt may take from now on.
    pub remaining_ms: u64,
    /// How long the task has waited.
    pub waited_ms: u64,
}

/// A lease, as its holder knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldLease {
    /// The task.
    pub task: String,
    /// The fencing token.
    pub fence: u64,
}

/// A node says that it is there, and what it works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// This run of the node.
    pub worker: String,
    /// The leases that it works under, at most 1024. Only they are extended.
    pub held: Vec<HeldLease>,
    /// Where it relays, if its operator lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relaying: Option<RelayOffer>,
    /// What has gone through relay sessions, at most 64.
    #[serde(default)]
    pub relayed: Vec<Relayed>,
}

/// What a node learns when it says that it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// Runs that are to end, because somebody cancels their tasks.
    pub cancelled: Vec<HeldLease>,
    /// Leases that are lost: what these runs give will not count.
    pub lost: Vec<HeldLease>,
    /// Whether the node gets tasks.
    pub state: NodeState,
    /// How long the leases hold from now on.
    pub lease_ms: u64,
    /// Relay sessions that lead through the node. Others are over.
    #[serde(default)]
    pub relays: Vec<RelayOrder>,
}

/// A node wants another certificate, perhaps for another key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateNode {
    /// A certificate signing request (PKCS #10) in PEM, of the Ed25519 key that it signs receipts with from now on.
    pub request: String,
}
