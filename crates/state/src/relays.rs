//! Ways that somebody has through a node.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{NodeId, Project, RelayId, StoreError, Timestamp};
use casemate_relays::{
    EndedBy, HEARD_WITHIN, RelayOffer, RelaySession, RelayState, Relays, SESSIONS_MAX, Started,
};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

/// More bytes than go through any session; the columns hold more.
const BYTES_MAX: u64 = 1 << 61;

#[async_trait]
impl Relays for Store {
    async fn start_relay(&self, session: &RelaySession, event: Event) -> Result<Started, StoreError> {
        self.change(Start { session: session.clone(), event }).await
    }

    async fn relay(&self, project: &Project, id: RelayId) -> Result<Option<RelaySession>, StoreError> {
        let action = "read a relay session";
        read_one(self.row(action, &SESSION, values![id, project]).await?, action, session_record)
    }

    async fn relays(
        &self,
        project: &Project,
        before: Option<RelayId>,
        limit: u32,
    ) -> Result<Vec<RelaySession>, StoreError> {
        let action = "list relay sessions";
        // Past every id, which is the prefix, an underscore and digits and letters.
        let before = before.map_or_else(|| "rly~".to_owned(), |id| id.to_string());
        let rows = self.rows(action, &SESSIONS, values![project, before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, session_record)
    }

    async fn relays_of_node(&self, node: NodeId) -> Result<Vec<RelaySession>, StoreError> {
        let action = "list relay sessions of a node";
        read_all(self.rows(action, &OF_NODE, values![node]).await?, action, session_record)
    }

    async fn relay_offer(&self, node: NodeId) -> Result<Option<RelayOffer>, StoreError> {
        let action = "read where a node relays";
        read_one(self.row(action, &OFFER, values![node]).await?, action, |row| {
            let mut columns = row.read("where a node relays");
            Ok(RelayOffer { address: columns.next()?, certificate: columns.next()? })
        })
    }

    async fn set_relay_offer(&self, node: NodeId, offer: Option<&RelayOffer>) -> Result<(), StoreError> {
        self.change(SetOffer { node, offer: offer.cloned() }).await
    }

    async fn hear_relay(
        &self,
        project: &Project,
        id: RelayId,
        at: Timestamp,
    ) -> Result<Option<RelaySession>, StoreError> {
        self.change(Hear { project: project.clone(), id, at }).await
    }

    async fn count_relayed(&self, node: NodeId, relayed: &[(RelayId, (u64, u64))]) -> Result<(), StoreError> {
        let mut relayed = relayed.to_vec();
        // Rows are always taken in one order.
        relayed.sort_unstable();
        self.change(Count { node, relayed }).await
    }

    async fn forget_relays(&self, before: Timestamp) -> Result<(), StoreError> {
        self.change(Forget(before)).await
    }

    async fn end_relay(
        &self,
        ended: EndedBy,
        state: RelayState,
        event: Event,
    ) -> Result<Option<RelaySession>, StoreError> {
        self.change(End { ended, state, event }).await
    }

    async fn relays_to_end(&self, now: Timestamp, limit: u32) -> Result<Vec<RelaySession>, StoreError> {
        let action = "find relay sessions that end";
        read_all(self.rows(action, &TO_END, values![now, limit.min(PAGE_MAX)]).await?, action, session_record)
    }
}

/// When an open session is to be looked at next: when it is over, or its requester was silent for too long.
fn lapses(session: &RelaySession) -> Timestamp {
    if session.bytes_left() == 0 {
        return Timestamp::EPOCH;
    }
    session.expires.min(session.heard.saturating_add(HEARD_WITHIN))
}

struct Start {
    session: RelaySession,
    event: Event,
}

#[async_trait]
impl Change for Start {
    type Answer = Started;
    const ACTION: &'static str = "start a relay session";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Started, Failure> {
        let session = &self.session;
        tx.row(&LOCK_COUNT, values![session.project]).await?;
        let count: u32 = match tx.row(&COUNT_OPEN, values![session.project]).await? {
            Some(row) => row.only("count of relay sessions")?,
            None => 0,
        };
        if count >= SESSIONS_MAX {
            return Ok(Started::TooMany);
        }
        let values = values![
            session.id,
            session.project,
            session.task,
            session.node,
            session.destinations,
            session.bytes_max,
            session.state,
            session.pepper,
            session.actor,
            session.created,
            session.heard,
            session.expires,
            lapses(session),
        ];
        tx.execute(&INSERT, values).await?;
        tx.record(&self.event).await?;
        Ok(Started::Done)
    }
}

struct SetOffer {
    node: NodeId,
    offer: Option<RelayOffer>,
}

#[async_trait]
impl Change for SetOffer {
    type Answer = ();
    const ACTION: &'static str = "note where a node relays";

    /// No entry: who goes there is in that of the session.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        match &self.offer {
            Some(RelayOffer { address, certificate }) => {
                tx.execute(&SET_OFFER, values![self.node, address, certificate]).await.map(drop)
            }
            None => tx.execute(&DELETE_OFFER, values![self.node]).await.map(drop),
        }
    }
}

struct Hear {
    project: Project,
    id: RelayId,
    at: Timestamp,
}

#[async_trait]
impl Change for Hear {
    type Answer = Option<RelaySession>;
    const ACTION: &'static str = "hear of a relay session";

    /// No entry: it says of no change, only that who is there is there.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<RelaySession>, Failure> {
        let Some(row) = tx.row(&LOCK_OPEN, values![self.id, self.project]).await? else { return Ok(None) };
        let mut session = session_record(row)?;
        // It is over, if nobody has said so yet.
        if session.ends(self.at).is_some() {
            return Ok(None);
        }
        session.heard = self.at.max(session.heard);
        tx.execute(&HEAR, values![session.id, session.heard, lapses(&session)]).await?;
        Ok(Some(session))
    }
}

struct Count {
    node: NodeId,
    relayed: Vec<(RelayId, (u64, u64))>,
}

#[async_trait]
impl Change for Count {
    type Answer = ();
    const ACTION: &'static str = "count what was relayed";

    /// No entry: what went through is in that of the session's end.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        for (id, (out, r#in)) in &self.relayed {
            let values = values![id, self.node, (*out).min(BYTES_MAX), (*r#in).min(BYTES_MAX)];
            tx.execute(&COUNT, values).await?;
        }
        Ok(())
    }
}

struct Forget(Timestamp);

#[async_trait]
impl Change for Forget {
    type Answer = ();
    const ACTION: &'static str = "forget relay sessions";

    /// No entry: the log keeps those of their beginning and end.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        tx.execute(&FORGET, values![self.0]).await.map(drop)
    }
}

struct End {
    ended: EndedBy,
    state: RelayState,
    event: Event,
}

#[async_trait]
impl Change for End {
    type Answer = Option<RelaySession>;
    const ACTION: &'static str = "end a relay session";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<RelaySession>, Failure> {
        let EndedBy { project, id } = &self.ended;
        let Some(row) = tx.row(&LOCK_OPEN, values![id, project]).await? else { return Ok(None) };
        let session = RelaySession { state: self.state, ..session_record(row)? };
        tx.execute(&END, values![id, self.state]).await?;
        let mut event = self.event.clone();
        event.details.push(("bytes_in".to_owned(), session.bytes_in.to_string()));
        event.details.push(("bytes_out".to_owned(), session.bytes_out.to_string()));
        tx.record(&event).await?;
        Ok(Some(session))
    }
}

fn session_record(row: Row) -> Result<RelaySession, Failure> {
    let mut columns = row.read("relay session");
    Ok(RelaySession {
        id: columns.next()?,
        project: columns.next()?,
        task: columns.next()?,
        node: columns.next()?,
        destinations: columns.next()?,
        bytes_max: columns.next()?,
        bytes_out: columns.next()?,
        bytes_in: columns.next()?,
        state: columns.next()?,
        pepper: columns.next()?,
        actor: columns.next()?,
        created: columns.next()?,
        heard: columns.next()?,
        expires: columns.next()?,
    })
}

macro_rules! session_columns {
    () => {
        "id, project, task, node, destinations, bytes_max, bytes_out, bytes_in, state, pepper, actor, created, heard, expires"
    };
}

/// A count has no row that could be locked: those who add to one project take turns. SQLite has one writer anyway.
const LOCK_COUNT: Statement = Statement {
    sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310036, hashtext($1)) AS held",
};
const COUNT_OPEN: Statement =
    statement!("SELECT COUNT(*) FROM relay_sessions WHERE project = $1 AND state = 'open'");
const INSERT: Statement = statement!(
    "INSERT INTO relay_sessions (id, project, task, node, destinations, bytes_max, bytes_out, bytes_in, state, pepper, \
     actor, created, heard, expires, lapses) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, $9, $10, $11, $12, $13)"
);
const SESSION: Statement =
    statement!("SELECT ", session_columns!(), " FROM relay_sessions WHERE id = $1 AND project = $2");
const LOCK_OPEN: Statement = locking!(
    "SELECT ",
    session_columns!(),
    " FROM relay_sessions WHERE id = $1 AND project = $2 AND state = 'open'"
);
const SESSIONS: Statement = statement!(
    "SELECT ",
    session_columns!(),
    " FROM relay_sessions WHERE project = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
const OF_NODE: Statement = statement!(
    "SELECT ",
    session_columns!(),
    " FROM relay_sessions WHERE node = $1 AND state = 'open' ORDER BY node, id LIMIT 64"
);
const TO_END: Statement = statement!(
    "SELECT ",
    session_columns!(),
    " FROM relay_sessions WHERE state = 'open' AND lapses <= $1 ORDER BY lapses, id LIMIT $2"
);
const OFFER: Statement = statement!("SELECT address, certificate FROM relay_offers WHERE node = $1");
const SET_OFFER: Statement = statement!(
    "INSERT INTO relay_offers (node, address, certificate) VALUES ($1, $2, $3) \
     ON CONFLICT (node) DO UPDATE SET address = $2, certificate = $3"
);
const DELETE_OFFER: Statement = statement!("DELETE FROM relay_offers WHERE node = $1");
const HEAR: Statement = statement!("UPDATE relay_sessions SET heard = $2, lapses = $3 WHERE id = $1");
/// One that has used up its bytes lapses at once.
const COUNT: Statement = statement!(
    "UPDATE relay_sessions SET bytes_out = CASE WHEN $3 > bytes_out THEN $3 ELSE bytes_out END, \
     bytes_in = CASE WHEN $4 > bytes_in THEN $4 ELSE bytes_in END, \
     lapses = CASE WHEN $3 + $4 >= bytes_max THEN 0 ELSE lapses END WHERE id = $1 AND node = $2"
);
const FORGET: Statement = statement!("DELETE FROM relay_sessions WHERE state <> 'open' AND expires < $1");
const END: Statement = statement!("UPDATE relay_sessions SET state = $2 WHERE id = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("read where a node relays", &OFFER),
    ("find a relay session", &SESSION),
    ("find an open relay session", &LOCK_OPEN),
    ("list relay sessions", &SESSIONS),
    ("list relay sessions of a node", &OF_NODE),
    ("find relay sessions that end", &TO_END),
    ("count open relay sessions", &COUNT_OPEN),
    ("hear of a relay session", &HEAR),
    ("count what was relayed", &COUNT),
];
