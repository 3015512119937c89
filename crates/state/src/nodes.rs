//! Nodes that have joined, and the tokens that they join by.

use async_trait::async_trait;
use casemate_identity::{
    Capabilities, JoinTokenRecord, Joined, KeyRecord, NODES_MAX, NodeOrder, NodeRecord, NodeState, Nodes,
    Ordered, SecretMac, WorkRecord,
};
use casemate_ledger::{Event, NodePublicKey};
use casemate_model::{JoinTokenId, KeyId, NodeId, Outcome, Project, StoreError, Timestamp, Usage};

use crate::change::{Change, Tx};
use crate::credentials::keys::REVOKE_KEY;
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Nodes for Store {
    async fn insert_join_token(&self, token: &JoinTokenRecord, event: Event) -> Result<(), StoreError> {
        self.change(InsertToken { token: token.clone(), event }).await
    }

    async fn join_token(&self, id: JoinTokenId) -> Result<Option<JoinTokenRecord>, StoreError> {
        let action = "read a join token";
        read_one(self.row(action, &TOKEN, values![id]).await?, action, token_record)
    }

    async fn join_tokens(
        &self,
        project: &Project,
        after: Option<JoinTokenId>,
        limit: u32,
    ) -> Result<Vec<JoinTokenRecord>, StoreError> {
        let action = "list join tokens";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &TOKENS, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, token_record)
    }

    async fn remove_join_token(
        &self,
        project: &Project,
        id: JoinTokenId,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RemoveToken { project: project.clone(), id, event }).await
    }

    async fn join(
        &self,
        token: JoinTokenId,
        node: &NodeRecord,
        key: &KeyRecord,
        event: Event,
    ) -> Result<Joined, StoreError> {
        self.change(Join { token, node: node.clone(), key: key.clone(), event }).await
    }

    async fn node(&self, project: &Project, id: NodeId) -> Result<Option<NodeRecord>, StoreError> {
        let action = "read a node";
        read_one(self.row(action, &NODE, values![id, project]).await?, action, node_record)
    }

    async fn node_of_key(&self, key: KeyId) -> Result<Option<NodeRecord>, StoreError> {
        let action = "read a node";
        read_one(self.row(action, &NODE_OF_KEY, values![key]).await?, action, node_record)
    }

    async fn nodes(
        &self,
        project: &Project,
        after: Option<NodeId>,
        limit: u32,
    ) -> Result<Vec<NodeRecord>, StoreError> {
        let action = "list nodes";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &NODES, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, node_record)
    }

    async fn order_node(
        &self,
        project: &Project,
        id: NodeId,
        order: NodeOrder,
        event: Event,
    ) -> Result<Ordered, StoreError> {
        self.change(Order { project: project.clone(), id, order, event }).await
    }

    async fn set_node_key(
        &self,
        id: NodeId,
        public_key: &NodePublicKey,
        event: Event,
    ) -> Result<(), StoreError> {
        self.change(SetKey { id, public_key: public_key.clone(), event }).await
    }

    async fn note_node_seen(&self, id: NodeId, at: Timestamp) -> Result<(), StoreError> {
        self.change(NoteSeen { id, at }).await
    }
}

struct InsertToken {
    token: JoinTokenRecord,
    event: Event,
}

#[async_trait]
impl Change for InsertToken {
    type Answer = ();
    const ACTION: &'static str = "add a join token";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let JoinTokenRecord { id, project, maker, labels, secret, created, expires } = &self.token;
        tx.execute(&DELETE_EXPIRED_TOKENS, values![created]).await?;
        let mac = secret.mac.as_slice();
        let values = values![id, project, maker, labels, secret.pepper, mac, created, expires];
        tx.execute(&INSERT_TOKEN, values).await?;
        tx.record(&self.event).await.map(drop)
    }
}

struct RemoveToken {
    project: Project,
    id: JoinTokenId,
    event: Event,
}

#[async_trait]
impl Change for RemoveToken {
    type Answer = bool;
    const ACTION: &'static str = "remove a join token";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_TOKEN, values![self.project, self.id]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct Join {
    token: JoinTokenId,
    node: NodeRecord,
    key: KeyRecord,
    event: Event,
}

#[async_trait]
impl Change for Join {
    type Answer = Joined;
    const ACTION: &'static str = "let a node join";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Joined, Failure> {
        let node = &self.node;
        // Held until the end, so that of two that come with one token one finds it gone.
        if tx.row(&LOCK_TOKEN, values![node.project, self.token]).await?.is_none() {
            return Ok(Joined::TokenGone);
        }
        if tx.row(&NODE_BY_NAME, values![node.project, node.name]).await?.is_some() {
            return Ok(Joined::NameTaken);
        }
        let count: u64 = match tx.row(&COUNT_NODES, values![node.project]).await? {
            Some(row) => row.only("count of nodes")?,
            None => 0,
        };
        if count >= u64::from(NODES_MAX) {
            return Ok(Joined::TooMany);
        }
        tx.insert_key(&self.key).await?;
        let Capabilities { cores, memory_bytes, kvm, fuel_per_second } = node.capabilities;
        let values = values![
            node.id,
            node.project,
            node.name,
            node.key,
            node.public_key,
            node.owner,
            node.labels,
            cores,
            memory_bytes,
            kvm,
            fuel_per_second,
            node.state,
            node.created,
            node.seen,
        ];
        if tx.execute(&INSERT_NODE, values).await? == 0 {
            // Another took the name just now; the key goes with the transaction.
            return Err(Failure::Overtaken);
        }
        tx.execute(&DELETE_TOKEN, values![node.project, self.token]).await?;
        tx.record(&self.event).await?;
        Ok(Joined::Done)
    }
}

struct Order {
    project: Project,
    id: NodeId,
    order: NodeOrder,
    event: Event,
}

#[async_trait]
impl Change for Order {
    type Answer = Ordered;
    const ACTION: &'static str = "change a node";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Ordered, Failure> {
        let Some(row) = tx.row(&LOCK_NODE, values![self.id, self.project]).await? else {
            return Ok(Ordered::Missing);
        };
        let mut columns = row.read("node");
        let (key, state): (KeyId, NodeState) = (columns.next()?, columns.next()?);
        let Some(after) = state.after(self.order) else {
            return Ok(Ordered::Refused(state));
        };
        tx.execute(&SET_STATE, values![self.id, after]).await?;
        if after == NodeState::Removed {
            tx.execute(&REVOKE_KEY, values![key, self.event.time]).await?;
        }
        tx.record(&self.event).await?;
        Ok(Ordered::Done)
    }
}

struct SetKey {
    id: NodeId,
    public_key: NodePublicKey,
    event: Event,
}

#[async_trait]
impl Change for SetKey {
    type Answer = ();
    const ACTION: &'static str = "change a node's key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        tx.execute(&SET_KEY, values![self.id, self.public_key]).await?;
        tx.record(&self.event).await.map(drop)
    }
}

struct NoteSeen {
    id: NodeId,
    at: Timestamp,
}

#[async_trait]
impl Change for NoteSeen {
    type Answer = ();
    const ACTION: &'static str = "note that a node is there";

    /// No entry: it says of no change, only that who is there is there.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        tx.execute(&SET_SEEN, values![self.id, self.at]).await.map(drop)
    }
}

/// A sum that is beyond this stays as it is, so that none grows out of its column.
const SUM_MAX: u64 = 1 << 61;

impl Tx<'_> {
    /// Counts the end of a run that a node has reported.
    pub(crate) async fn count_run(
        &mut self,
        node: NodeId,
        outcome: &Outcome,
        usage: &Usage,
    ) -> Result<(), Failure> {
        match outcome {
            Outcome::EngineFailed(_) => self.execute(&COUNT_FAILED, values![node]).await.map(drop),
            _ => {
                let run_ms = usage.wall_ms.saturating_sub(usage.queue_ms).min(SUM_MAX);
                self.execute(&COUNT_COMPLETED, values![node, usage.fuel.min(SUM_MAX), run_ms, SUM_MAX])
                    .await
                    .map(drop)
            }
        }
    }

    /// Counts a result of a node that others found too.
    pub(crate) async fn count_confirmed(&mut self, node: NodeId) -> Result<(), Failure> {
        self.execute(&COUNT_CONFIRMED, values![node]).await.map(drop)
    }

    /// Counts a result of a node that was found wrong, and believes it no more.
    pub(crate) async fn refute_node(&mut self, node: NodeId) -> Result<(), Failure> {
        self.execute(&REFUTE, values![node]).await.map(drop)
    }

    /// Counts a lease that a node has lost.
    pub(crate) async fn count_lost(&mut self, node: NodeId) -> Result<(), Failure> {
        self.execute(&COUNT_LOST, values![node]).await.map(drop)
    }
}

fn token_record(row: Row) -> Result<JoinTokenRecord, Failure> {
    let mut columns = row.read("join token");
    Ok(JoinTokenRecord {
        id: columns.next()?,
        project: columns.next()?,
        maker: columns.next()?,
        labels: columns.next()?,
        secret: SecretMac { pepper: columns.next()?, mac: columns.next()? },
        created: columns.next()?,
        expires: columns.next()?,
    })
}

fn node_record(row: Row) -> Result<NodeRecord, Failure> {
    let mut columns = row.read("node");
    Ok(NodeRecord {
        id: columns.next()?,
        project: columns.next()?,
        name: columns.next()?,
        key: columns.next()?,
        public_key: columns.next()?,
        owner: columns.next()?,
        labels: columns.next()?,
        capabilities: Capabilities {
            cores: columns.next()?,
            memory_bytes: columns.next()?,
            kvm: columns.next()?,
            fuel_per_second: columns.next()?,
        },
        state: columns.next()?,
        created: columns.next()?,
        seen: columns.next()?,
        work: WorkRecord {
            completed: columns.next()?,
            failed: columns.next()?,
            lost: columns.next()?,
            confirmed: columns.next()?,
            refuted: columns.next()?,
            fuel: columns.next()?,
            run_ms: columns.next()?,
        },
    })
}

macro_rules! token_columns {
    () => {
        "id, project, maker, labels, pepper, mac, created, expires"
    };
}

macro_rules! node_columns {
    () => {
        "id, project, name, key, public_key, owner, labels, cores, memory_bytes, kvm, fuel_per_second, state, created, \
         seen, completed, failed, lost, confirmed, refuted, fuel, run_ms"
    };
}

const INSERT_TOKEN: Statement =
    statement!("INSERT INTO join_tokens (", token_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
const DELETE_EXPIRED_TOKENS: Statement = statement!("DELETE FROM join_tokens WHERE expires <= $1");
const DELETE_TOKEN: Statement = statement!("DELETE FROM join_tokens WHERE project = $1 AND id = $2");
const TOKEN: Statement = statement!("SELECT ", token_columns!(), " FROM join_tokens WHERE id = $1");
const TOKENS: Statement = statement!(
    "SELECT ",
    token_columns!(),
    " FROM join_tokens WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3"
);
const LOCK_TOKEN: Statement = locking!("SELECT id FROM join_tokens WHERE project = $1 AND id = $2");
const INSERT_NODE: Statement = statement!(
    "INSERT INTO nodes (id, project, name, key, public_key, owner, labels, cores, memory_bytes, kvm, fuel_per_second, \
     state, created, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING"
);
const NODE: Statement = statement!("SELECT ", node_columns!(), " FROM nodes WHERE id = $1 AND project = $2");
const NODE_OF_KEY: Statement = statement!("SELECT ", node_columns!(), " FROM nodes WHERE key = $1");
const NODE_BY_NAME: Statement =
    statement!("SELECT id FROM nodes WHERE project = $1 AND name = $2 AND state <> 'removed'");
const COUNT_NODES: Statement =
    statement!("SELECT COUNT(*) FROM nodes WHERE project = $1 AND state <> 'removed'");
const NODES: Statement = statement!(
    "SELECT ",
    node_columns!(),
    " FROM nodes WHERE project = $1 AND id > $2 AND state <> 'removed' ORDER BY id LIMIT $3"
);
const LOCK_NODE: Statement =
    locking!("SELECT key, state FROM nodes WHERE id = $1 AND project = $2 AND state <> 'removed'");
const SET_STATE: Statement = statement!("UPDATE nodes SET state = $2 WHERE id = $1");
const SET_KEY: Statement = statement!("UPDATE nodes SET public_key = $2 WHERE id = $1");
const SET_SEEN: Statement = statement!("UPDATE nodes SET seen = $2 WHERE id = $1 AND seen < $2");
const COUNT_COMPLETED: Statement = statement!(
    "UPDATE nodes SET completed = completed + 1, fuel = CASE WHEN fuel > $4 THEN fuel ELSE fuel + $2 END, \
     run_ms = CASE WHEN run_ms > $4 THEN run_ms ELSE run_ms + $3 END WHERE id = $1"
);
const COUNT_CONFIRMED: Statement = statement!("UPDATE nodes SET confirmed = confirmed + 1 WHERE id = $1");
const REFUTE: Statement = statement!(
    "UPDATE nodes SET refuted = refuted + 1, state = CASE WHEN state = 'removed' THEN state ELSE 'distrusted' END \
     WHERE id = $1"
);
const COUNT_FAILED: Statement = statement!("UPDATE nodes SET failed = failed + 1 WHERE id = $1");
const COUNT_LOST: Statement = statement!("UPDATE nodes SET lost = lost + 1 WHERE id = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a join token", &TOKEN),
    ("list join tokens", &TOKENS),
    ("forget expired join tokens", &DELETE_EXPIRED_TOKENS),
    ("find a node", &NODE),
    ("find the node of a key", &NODE_OF_KEY),
    ("find a node by its name", &NODE_BY_NAME),
    ("list nodes", &NODES),
    ("note that a node is there", &SET_SEEN),
    ("count a node's run", &COUNT_COMPLETED),
];
