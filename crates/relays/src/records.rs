use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{NodeId, Project, RelayId, StoreError, TaskId, Timestamp};

use crate::Destinations;

/// The longest that a session may be open.
pub const DURATION_MAX: Duration = Duration::from_secs(3_600);
/// A session whose requester was not heard of for so long ends.
pub const HEARD_WITHIN: Duration = Duration::from_secs(60);
/// Most open sessions of a project.
pub const SESSIONS_MAX: u32 = 64;

/// Somebody's way through a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySession {
    /// Its id.
    pub id: RelayId,
    /// Whose it is.
    pub project: Project,
    /// The task that it is for, if it is for one.
    pub task: Option<TaskId>,
    /// Through which node.
    pub node: NodeId,
    /// Where to.
    pub destinations: Destinations,
    /// Most bytes, both ways together.
    pub bytes_max: u64,
    /// Bytes that went to destinations, as the node counted.
    pub bytes_out: u64,
    /// Bytes that came from them.
    pub bytes_in: u64,
    /// Whether it is open.
    pub state: RelayState,
    /// The pepper that its token follows from.
    pub pepper: u32,
    /// Who asked for it, as the audit log spells it.
    pub actor: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its requester was last heard of.
    pub heard: Timestamp,
    /// When it ends at the latest.
    pub expires: Timestamp,
}

/// Where a node relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayOffer {
    /// Host and port where it is reached.
    pub address: String,
    /// The certificate that it shows there, in PEM. It is believed because the node has said so over mutual TLS.
    pub certificate: String,
}

/// Whether a session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// It is.
    Open,
    /// Its requester ended it.
    Stopped,
    /// Its time is over, or its requester was not heard of for too long.
    Expired,
    /// Its bytes are used up.
    Exhausted,
}

/// Text that is no [`RelayState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the state of a relay session")]
pub struct RelayStateError;

impl RelayState {
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

impl fmt::Display for RelayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RelayState {
    type Err = RelayStateError;

    fn from_str(text: &str) -> Result<Self, RelayStateError> {
        let all = [Self::Open, Self::Stopped, Self::Expired, Self::Exhausted];
        all.into_iter().find(|state| state.as_str() == text).ok_or(RelayStateError)
    }
}

impl RelaySession {
    /// What is left of its bytes.
    pub fn bytes_left(&self) -> u64 {
        self.bytes_max.saturating_sub(self.bytes_out).saturating_sub(self.bytes_in)
    }

    /// Why it ends at `now`, if it does.
    pub fn ends(&self, now: Timestamp) -> Option<RelayState> {
        if self.bytes_left() == 0 {
            return Some(RelayState::Exhausted);
        }
        let silent = now.saturating_since(self.heard) >= HEARD_WITHIN;
        (silent || self.expires <= now).then_some(RelayState::Expired)
    }
}

/// Stored sessions. Each method is one transaction.
#[async_trait]
pub trait Relays: Send + Sync + 'static {
    /// Starts a session, unless the project has [`SESSIONS_MAX`] open ones.
    async fn start_relay(&self, session: &RelaySession, event: Event) -> Result<Started, StoreError>;

    /// Finds a session.
    async fn relay(&self, project: &Project, id: RelayId) -> Result<Option<RelaySession>, StoreError>;

    /// A project's sessions, newest first.
    async fn relays(
        &self,
        project: &Project,
        before: Option<RelayId>,
        limit: u32,
    ) -> Result<Vec<RelaySession>, StoreError>;

    /// The open sessions of a node.
    async fn relays_of_node(&self, node: NodeId) -> Result<Vec<RelaySession>, StoreError>;

    /// Where a node relays, if it does.
    async fn relay_offer(&self, node: NodeId) -> Result<Option<RelayOffer>, StoreError>;

    /// Notes where a node relays, or that it does not.
    async fn set_relay_offer(&self, node: NodeId, offer: Option<&RelayOffer>) -> Result<(), StoreError>;

    /// Notes that the requester of an open session is there; `None` if there is none, or it is over.
    async fn hear_relay(
        &self,
        project: &Project,
        id: RelayId,
        at: Timestamp,
    ) -> Result<Option<RelaySession>, StoreError>;

    /// Notes how much has gone through sessions of a node, out and in; never less than before. One that has ended may be told of
    /// late.
    async fn count_relayed(&self, node: NodeId, relayed: &[(RelayId, (u64, u64))]) -> Result<(), StoreError>;

    /// Removes sessions that are over and would have expired before `before`.
    async fn forget_relays(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Ends an open session; `None` if there is none.
    async fn end_relay(
        &self,
        ended: EndedBy,
        state: RelayState,
        event: Event,
    ) -> Result<Option<RelaySession>, StoreError>;

    /// At most `limit` open sessions that end at `now`.
    async fn relays_to_end(&self, now: Timestamp, limit: u32) -> Result<Vec<RelaySession>, StoreError>;
}

/// Which session is to be ended.
#[derive(Clone, Debug)]
pub struct EndedBy {
    /// Its project.
    pub project: Project,
    /// The session.
    pub id: RelayId,
}

/// How starting a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is open.
    Done,
    /// The project has as many as it may have.
    TooMany,
}
