//! Relay sessions: somebody's way through a node, over TLS, to destinations that are named beforehand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session that is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRelay {
    /// The task that it is for, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Through which node; any of the project that relays unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "nod_01kg9ys7kv040g2081040g2081")]
    pub node_id: Option<String>,
    /// Where it may lead, 1 to 32: `example.org:443`, `*.example.org:443`, `192.0.2.1:22`.
    #[schema(example = json!(["example.org:443"]))]
    pub destinations: Vec<String>,
    /// For how long at most.
    #[schema(minimum = 1, maximum = 3_600)]
    pub duration_seconds: u64,
    /// Most bytes, both ways together; 1 GiB unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub bytes_max: Option<u64>,
}

/// Whether a session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelayStatus {
    /// It is.
    Open,
    /// Its requester ended it.
    Stopped,
    /// Its time is over, or its requester was not heard of for a minute.
    Expired,
    /// Its bytes are used up.
    Exhausted,
}

impl RelayStatus {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
        }
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelaySession {
    /// Its id.
    #[schema(example = "rly_01kg9ys7kv040g2081040g2081")]
    pub session_id: String,
    /// The task that it is for; null for none.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// Through which node.
    pub node_id: String,
    /// How: always `tls`.
    #[schema(example = "tls")]
    pub tunnel_protocol: String,
    /// Whether it is open.
    pub status: RelayStatus,
    /// Where it may lead.
    pub allowed_destinations: Vec<String>,
    /// Most bytes, both ways together.
    pub bytes_max: u64,
    /// Bytes that went to destinations, as the node has counted so far.
    pub bytes_out: u64,
    /// Bytes that came from them.
    pub bytes_in: u64,
    /// Who asked for it.
    pub requester_id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When its requester was last heard of. After a minute without a word it ends.
    #[schema(format = DateTime)]
    pub last_heartbeat: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// A session that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedRelay {
    /// The session.
    #[serde(flatten)]
    pub session: RelaySession,
    /// What opens it: the password that goes with the session's id as the user of an HTTPS proxy. It is in this answer and
    /// nowhere else.
    pub session_token: String,
    /// Host and port of the proxy.
    pub address: String,
    /// The certificate that the proxy shows, in PEM. Believe this one and no other.
    pub certificate: String,
}

/// Where a node relays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayOffer {
    /// Host and port where it is reached.
    pub address: String,
    /// The certificate that it shows there, in PEM.
    pub certificate: String,
}

/// What has gone through a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Relayed {
    /// The session.
    pub session: String,
    /// Bytes that went to destinations.
    pub bytes_out: u64,
    /// Bytes that came from them.
    pub bytes_in: u64,
}

/// A session that leads through a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayOrder {
    /// The session.
    pub session: String,
    /// The digest of its token.
    pub token: String,
    /// Where it may lead.
    pub destinations: Vec<String>,
    /// Most bytes, both ways together.
    pub bytes_max: u64,
    /// Bytes that were counted before.
    pub bytes_out: u64,
    /// The same of the other way.
    pub bytes_in: u64,
    /// How long it is open from now on, unless the node hears more.
    pub remaining_ms: u64,
}
