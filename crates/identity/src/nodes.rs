//! Nodes: machines that have joined and take tasks.
//!
//! A node is known by an Ed25519 key that never leaves it. With it the node signs receipts, and shows on the listener of mutual
//! TLS that it is the holder of its certificate. What it may do hangs on an API key of the role `node`, whose secret nobody has.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use casemate_ledger::{Event, NodePublicKey};
use casemate_model::{
    Entropy, JoinTokenId, KeyId, NodeId, NodeLabels, NodeName, Project, StoreError, Timestamp,
};
use secrecy::SecretString;

use crate::api_key::bare;
use crate::{KeyRecord, Maker, Peppers, Rejected, SecretMac, Token, TokenKind};

/// Most nodes of a project that have not been removed.
pub const NODES_MAX: u32 = 1_000;

/// A join token as stored. It is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinTokenRecord {
    /// Its id.
    pub id: JoinTokenId,
    /// The project whose tasks the node will take.
    pub project: Project,
    /// Whose node it will be.
    pub maker: Maker,
    /// The labels that the node will have.
    pub labels: NodeLabels,
    /// Keyed hash of the secret part.
    pub secret: SecretMac,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// What a machine has, as it measured itself when it joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Whether a node gets tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What an operator has a node do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeOrder {
    /// End what it has and take no more.
    Drain,
    /// Take tasks, and be believed again if it was caught.
    Resume,
    /// Be gone for good.
    Remove,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// It is done.
    Done,
    /// There is no such node.
    Missing,
    /// It does not apply to a node in that state, which stays as it is.
    Refused(NodeState),
}

/// What is known of a node's work, counted since it joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkRecord {
    /// Runs whose results were accepted.
    pub completed: u64,
    /// Runs that failed by the node's own fault.
    pub failed: u64,
    /// Leases that it lost without a word.
    pub lost: u64,
    /// Results that were found again by others.
    pub confirmed: u64,
    /// Results that were not.
    pub refuted: u64,
    /// Operations of the engine in all accepted runs together.
    pub fuel: u64,
    /// Milliseconds that they took.
    pub run_ms: u64,
}

/// A node as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Its id.
    pub id: NodeId,
    /// The project whose tasks it takes.
    pub project: Project,
    /// What people call it; no two nodes of a project that are there have one name.
    pub name: NodeName,
    /// The API key that it acts under.
    pub key: KeyId,
    /// The key that its receipts are signed with.
    pub public_key: NodePublicKey,
    /// Whose node it is.
    pub owner: Maker,
    /// What it is said to be, by whoever let it join.
    pub labels: NodeLabels,
    /// What it has.
    pub capabilities: Capabilities,
    /// Whether it gets tasks.
    pub state: NodeState,
    /// When it joined.
    pub created: Timestamp,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// What is known of its work.
    pub work: WorkRecord,
}

/// What came of joining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The node is there.
    Done,
    /// The token was used or taken back.
    TokenGone,
    /// Another node of the project has the name.
    NameTaken,
    /// The project has as many nodes as it may have.
    TooMany,
}

/// Where nodes are kept.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Adds a join token, and removes those that have expired.
    async fn insert_join_token(&self, token: &JoinTokenRecord, event: Event) -> Result<(), StoreError>;

    /// Finds a join token, expired ones included.
    async fn join_token(&self, id: JoinTokenId) -> Result<Option<JoinTokenRecord>, StoreError>;

    /// A project's join tokens after `after`, in the order of their ids.
    async fn join_tokens(
        &self,
        project: &Project,
        after: Option<JoinTokenId>,
        limit: u32,
    ) -> Result<Vec<JoinTokenRecord>, StoreError>;

    /// Removes a join token of a project; false if there is none.
    async fn remove_join_token(
        &self,
        project: &Project,
        id: JoinTokenId,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Adds a node with its API key, and uses the token up.
    async fn join(
        &self,
        token: JoinTokenId,
        node: &NodeRecord,
        key: &KeyRecord,
        event: Event,
    ) -> Result<Joined, StoreError>;

    /// Finds a node of a project, removed ones included.
    async fn node(&self, project: &Project, id: NodeId) -> Result<Option<NodeRecord>, StoreError>;

    /// Finds the node that acts under a key.
    async fn node_of_key(&self, key: KeyId) -> Result<Option<NodeRecord>, StoreError>;

    /// A project's nodes after `after`, in the order of their ids, without those that were removed.
    async fn nodes(
        &self,
        project: &Project,
        after: Option<NodeId>,
        limit: u32,
    ) -> Result<Vec<NodeRecord>, StoreError>;

    /// Carries out an order; see [`NodeState::after`]. A node that is removed loses its API key too.
    async fn order_node(
        &self,
        project: &Project,
        id: NodeId,
        order: NodeOrder,
        event: Event,
    ) -> Result<Ordered, StoreError>;

    /// Gives a node another public key.
    async fn set_node_key(
        &self,
        id: NodeId,
        public_key: &NodePublicKey,
        event: Event,
    ) -> Result<(), StoreError>;

    /// Notes that a node was heard of.
    async fn note_node_seen(&self, id: NodeId, at: Timestamp) -> Result<(), StoreError>;
}

impl NodeState {
    const ALL: [Self; 4] = [Self::Ready, Self::Draining, Self::Distrusted, Self::Removed];

    /// The state after an order; `None` if it does not apply. Draining forgives nothing: one that was caught gets nothing
    /// already, and only resuming it has it believed again.
    pub const fn after(self, order: NodeOrder) -> Option<Self> {
        match (self, order) {
            (Self::Removed, _) | (Self::Distrusted, NodeOrder::Drain) => None,
            (_, NodeOrder::Drain) => Some(Self::Draining),
            (_, NodeOrder::Resume) => Some(Self::Ready),
            (_, NodeOrder::Remove) => Some(Self::Removed),
        }
    }

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

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no [`NodeState`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the state of a node: use one of ready, draining, distrusted, removed")]
pub struct NodeStateError(String);

impl FromStr for NodeState {
    type Err = NodeStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| NodeStateError(text.chars().take(40).collect()))
    }
}

/// A node that was heard of so recently is there.
const FRESH: Duration = Duration::from_secs(15);
/// One that was not heard of for so long is gone.
const GONE: Duration = Duration::from_secs(60);
/// Good runs that a node is credited with when it joins, so that its first mishap does not decide.
const CREDIT: u64 = 4;

impl NodeRecord {
    /// How well the node does, 0 to 100: freshness × reliability × honesty.
    ///
    /// Freshness is 1 if it was heard of in the last 15 seconds, and falls evenly to 0 at 60. Reliability is the share of its
    /// runs that it completed, (completed + 4) / (completed + failed + lost + 4). Honesty is 0 once a result was refuted.
    pub fn health(&self, now: Timestamp) -> u8 {
        let WorkRecord { completed, failed, lost, refuted, .. } = self.work;
        if refuted > 0 || matches!(self.state, NodeState::Removed | NodeState::Distrusted) {
            return 0;
        }
        let silent = now.saturating_since(self.seen).saturating_sub(FRESH);
        let fading = GONE - FRESH;
        let left_ms = fading.saturating_sub(silent).as_millis();
        let good = u128::from(completed.saturating_add(CREDIT));
        let all = good + u128::from(failed) + u128::from(lost);
        u8::try_from(100 * left_ms * good / (fading.as_millis() * all)).expect("both shares are at most one")
    }

    /// Whether it was heard of lately.
    pub fn is_online(&self, now: Timestamp) -> bool {
        self.state != NodeState::Removed && now.saturating_since(self.seen) < GONE
    }
}

/// Makes a join token: the record to store and the token to hand over.
pub fn issue_join_token(
    (project, labels): (Project, NodeLabels),
    maker: Maker,
    lifetime: Duration,
    peppers: &Peppers,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> (JoinTokenRecord, SecretString) {
    let id = JoinTokenId::generate(now, entropy);
    let bare_id = bare(&id.to_string());
    let token = Token::generate(&bare_id, entropy);
    let secret = peppers.seal(TokenKind::Join.domain(), &bare_id, token.secret());
    let expires = now.saturating_add(lifetime);
    let record = JoinTokenRecord { id, project, maker, labels, secret, created: now, expires };
    (record, token.to_text(TokenKind::Join))
}

/// The join token that a text claims to be. It proves nothing before [`opens_join`] says so.
pub fn claimed_join_token(text: &str) -> Result<JoinTokenId, Rejected> {
    Token::parse(text, TokenKind::Join)?.claimed_id(JoinTokenId::PREFIX)
}

/// Tells whether a text is the stored join token, and that good at `now`.
pub fn opens_join(
    text: &str,
    stored: &JoinTokenRecord,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<(), Rejected> {
    let token = Token::parse(text, TokenKind::Join)?;
    let fits = peppers.opens(
        &stored.secret,
        TokenKind::Join.domain(),
        &bare(&stored.id.to_string()),
        token.secret(),
    );
    if fits && now < stored.expires { Ok(()) } else { Err(Rejected) }
}

#[cfg(test)]
mod tests {
    use casemate_ledger::NodeKey;
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Pepper;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).expect("early")
    }

    fn node(work: WorkRecord) -> NodeRecord {
        let entropy = CountingEntropy::default();
        NodeRecord {
            id: NodeId::generate(at(0), &entropy),
            project: Project::default_project(),
            name: "box".parse().expect("a name"),
            key: KeyId::generate(at(0), &entropy),
            public_key: NodeKey::from_seed(&[1; 32]).public_key().clone(),
            owner: Maker::Operator,
            labels: NodeLabels::default(),
            capabilities: Capabilities::default(),
            state: NodeState::Ready,
            created: at(0),
            seen: at(100),
            work,
        }
    }

    #[test]
    fn health_is_what_was_measured() {
        let health = |work, seconds| node(work).health(at(seconds));
        let fresh = WorkRecord::default();
        assert_eq!(health(fresh, 100), 100);
        assert_eq!((health(fresh, 115), health(fresh, 130), health(fresh, 160)), (100, 66, 0));
        assert_eq!(health(WorkRecord { lost: 4, ..fresh }, 100), 50);
        assert_eq!(health(WorkRecord { completed: 96, failed: 100, ..fresh }, 100), 50);
        assert_eq!(health(WorkRecord { completed: 1_000, refuted: 1, ..fresh }, 100), 0);
        assert_eq!(health(WorkRecord { completed: u64::MAX, lost: u64::MAX, ..fresh }, 100), 50);
        assert!(node(fresh).is_online(at(159)) && !node(fresh).is_online(at(160)));
    }

    #[test]
    fn a_join_token_opens_with_its_own_secret_in_its_time() {
        let (peppers, entropy) =
            (Peppers::new(Pepper::new(Zeroizing::new([1; 32]))), CountingEntropy::default());
        let issue = || {
            let what = (Project::default_project(), NodeLabels::default());
            issue_join_token(what, Maker::Operator, Duration::from_secs(60), &peppers, at(0), &entropy)
        };
        let ((one, token), (_, other)) = (issue(), issue());
        let (token, other) = (token.expose_secret(), other.expose_secret());
        assert_eq!(claimed_join_token(token), Ok(one.id));
        assert_eq!(opens_join(token, &one, &peppers, at(59)), Ok(()));
        assert_eq!(opens_join(other, &one, &peppers, at(0)), Err(Rejected));
        assert_eq!(opens_join(token, &one, &peppers, one.expires), Err(Rejected));
        assert_eq!(claimed_join_token("casemate_jtk_x"), Err(Rejected));
    }
}
