//! Relay sessions: somebody's way through a node that has joined, to destinations that are named beforehand.

use std::time::Duration;

use casemate_identity::{NodeRecord, NodeState};
use casemate_model::{Digest, NodeId, RelayId, TaskId};
use casemate_policy::{Resource, operation};
use casemate_relays::{
    DURATION_MAX, Destinations, EndedBy, RelayOffer, RelaySession, RelayState, SESSIONS_MAX, Started,
    TokenDigest, relay_token,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{Caller, Control, ControlError, NodeError};

/// For what keys of tokens are derived.
const PURPOSE: &str = "relay sessions";
/// Most bytes of a session.
const BYTES_MAX: u64 = 1 << 40;
/// Sessions that are ended in one round.
const ROUND_MAX: u32 = 64;
/// Sessions that a node is heard of at once: those that are open, and those that have just ended.
const RELAYED_MAX: usize = 2 * SESSIONS_MAX as usize;
/// For how long sessions are kept that are over.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The longest address and certificate of a node that relays.
const ADDRESS_BYTES_MAX: usize = 300;
const CERTIFICATE_BYTES_MAX: usize = 8 << 10;

/// A session that somebody wants.
#[derive(Clone, Debug)]
pub struct StartRelay {
    /// The task that it is for, if it is for one.
    pub task: Option<TaskId>,
    /// Through which node; any that relays otherwise.
    pub node: Option<NodeId>,
    /// Where to.
    pub destinations: Destinations,
    /// For how long at most.
    pub duration: Duration,
    /// Most bytes, both ways together.
    pub bytes_max: u64,
}

/// A session that was started.
pub struct StartedRelay {
    /// The session.
    pub session: RelaySession,
    /// What opens it. It is in this answer and nowhere else.
    pub token: SecretString,
    /// Where.
    pub offer: RelayOffer,
}

/// What a node is told of a session that leads through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayOrder {
    /// The session.
    pub session: RelaySession,
    /// By which its token is recognised.
    pub token: Digest,
}

/// What a node says of relaying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayReport {
    /// Where it relays, if it does.
    pub offer: Option<RelayOffer>,
    /// What has gone through sessions: bytes out and in.
    pub relayed: Vec<(RelayId, (u64, u64))>,
}

/// Why something about relay sessions was not done.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// There is no such session in the project, or it is not open any more.
    #[error("there is no relay session {0}, or it is over")]
    NotFound(RelayId),
    /// No node relays, or not the one that was asked for.
    #[error("{}", match .0 {
        Some(node) => format!("the node {node} does not relay, or is not there"),
        None => "no node of the project relays that is there".to_owned(),
    })]
    NoRelay(Option<NodeId>),
    /// The project has as many as it may have.
    #[error("the project has {SESSIONS_MAX} open relay sessions already")]
    TooMany,
    /// It would be open for too long, or not at all.
    #[error("a relay session is open for 1 second to an hour")]
    Duration,
    /// It would carry nothing, or too much.
    #[error("a relay session carries from 1 byte to 1 TiB")]
    Bytes,
}

impl Control {
    /// Starts a session through a node.
    pub async fn start_relay(
        &self,
        caller: &Caller,
        wanted: StartRelay,
    ) -> Result<StartedRelay, ControlError> {
        let permit = self.permit::<operation::StartRelay>(caller, &Resource::all("relays")).await?;
        let StartRelay { task, node, destinations, duration, bytes_max } = wanted;
        if duration < Duration::from_secs(1) || duration > DURATION_MAX {
            return Err(RelayError::Duration.into());
        }
        if !(1..=BYTES_MAX).contains(&bytes_max) {
            return Err(RelayError::Bytes.into());
        }
        if let Some(task) = task {
            self.find_task(permit.project(), task).await?;
        }
        let (node, offer) = self.relay_node(&permit, node).await?;
        let now = self.now();
        let session = RelaySession {
            id: RelayId::generate(now, self.entropy()),
            project: permit.project().clone(),
            task,
            node: node.id,
            destinations,
            bytes_max,
            bytes_out: 0,
            bytes_in: 0,
            state: RelayState::Open,
            pepper: self.authenticator().peppers().sealing(),
            actor: caller.principal.kind.to_string(),
            created: now,
            heard: now,
            expires: now.saturating_add(duration),
        };
        let token = self.token_of(&session).ok_or(RelayError::NoRelay(Some(node.id)))?;
        let mut event = self.event(caller, permit.action(), resource(session.id), "started");
        event.details = vec![
            ("bytes_max".to_owned(), session.bytes_max.to_string()),
            ("destinations".to_owned(), session.destinations.to_string()),
            ("node".to_owned(), node.id.to_string()),
        ];
        caller.add_address(&mut event);
        match self.parts.relays.start_relay(&session, event).await? {
            Started::Done => Ok(StartedRelay { session, token, offer }),
            Started::TooMany => Err(RelayError::TooMany.into()),
        }
    }

    /// Shows a session.
    pub async fn show_relay(&self, caller: &Caller, id: RelayId) -> Result<RelaySession, ControlError> {
        let permit = self.permit::<operation::ShowRelay>(caller, &resource(id)).await?;
        let found = self.parts.relays.relay(permit.project(), id).await?;
        Ok(found.ok_or(RelayError::NotFound(id))?)
    }

    /// Lists the project's sessions, newest first.
    pub async fn list_relays(
        &self,
        caller: &Caller,
        before: Option<RelayId>,
        limit: u32,
    ) -> Result<Vec<RelaySession>, ControlError> {
        let permit = self.permit::<operation::ListRelays>(caller, &Resource::all("relays")).await?;
        Ok(self.parts.relays.relays(permit.project(), before, limit).await?)
    }

    /// Keeps a session open whose requester is there.
    pub async fn hear_relay(&self, caller: &Caller, id: RelayId) -> Result<RelaySession, ControlError> {
        let permit = self.permit::<operation::HearRelay>(caller, &resource(id)).await?;
        let heard = self.parts.relays.hear_relay(permit.project(), id, self.now()).await?;
        Ok(heard.ok_or(RelayError::NotFound(id))?)
    }

    /// Ends a session. Its connections end when its node hears of it, within seconds.
    pub async fn stop_relay(&self, caller: &Caller, id: RelayId) -> Result<RelaySession, ControlError> {
        let permit = self.permit::<operation::StopRelay>(caller, &resource(id)).await?;
        let event = self.event(caller, permit.action(), resource(id), "stopped");
        let ended = EndedBy { project: permit.project().clone(), id };
        match self.parts.relays.end_relay(ended, RelayState::Stopped, event).await? {
            Some(session) => Ok(session),
            None => {
                let found = self.parts.relays.relay(permit.project(), id).await?;
                Ok(found.ok_or(RelayError::NotFound(id))?)
            }
        }
    }

    /// Takes what a node says of relaying, and tells it which sessions lead through it.
    pub(crate) async fn relay_orders(
        &self,
        node: &NodeRecord,
        report: RelayReport,
    ) -> Result<Vec<RelayOrder>, ControlError> {
        let relays = &self.parts.relays;
        let fits = |offer: &RelayOffer| {
            offer.address.len() <= ADDRESS_BYTES_MAX && offer.certificate.len() <= CERTIFICATE_BYTES_MAX
        };
        let offer = report.offer.filter(fits);
        if relays.relay_offer(node.id).await? != offer {
            relays.set_relay_offer(node.id, offer.as_ref()).await?;
        }
        if offer.is_none() && report.relayed.is_empty() {
            return Ok(Vec::new());
        }
        let mut open = relays.relays_of_node(node.id).await?;
        let same = |(id, bytes): &(RelayId, (u64, u64))| {
            open.iter().any(|session| session.id == *id && (session.bytes_out, session.bytes_in) == *bytes)
        };
        let mut news = report.relayed;
        news.retain(|relayed| !same(relayed));
        news.truncate(RELAYED_MAX);
        if !news.is_empty() {
            relays.count_relayed(node.id, &news).await?;
            open = relays.relays_of_node(node.id).await?;
        }
        if offer.is_none() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let open = open.into_iter().filter(|session| session.ends(now).is_none());
        let orders = open.filter_map(|session| {
            let token = self.token_of(&session)?;
            Some(RelayOrder { token: TokenDigest::of(token.expose_secret()).digest(), session })
        });
        Ok(orders.collect())
    }

    /// Ends sessions whose time, bytes or requester is gone.
    pub(crate) async fn end_relays(&self) -> Result<(), ControlError> {
        let now = self.now();
        for session in self.parts.relays.relays_to_end(now, ROUND_MAX).await? {
            let state = session.ends(now).unwrap_or(RelayState::Expired);
            let caller = self.node_caller(&session.project);
            let event = self.event(&caller, "relays.end", resource(session.id), state.as_str());
            let ended = EndedBy { project: session.project, id: session.id };
            self.parts.relays.end_relay(ended, state, event).await?;
        }
        Ok(())
    }

    /// Forgets sessions that were over long ago.
    pub(crate) async fn forget_relays(&self) -> Result<(), ControlError> {
        Ok(self.parts.relays.forget_relays(self.now().saturating_sub(KEPT)).await?)
    }

    /// The token of a session; nothing if its pepper is retired.
    fn token_of(&self, session: &RelaySession) -> Option<SecretString> {
        let key = self.authenticator().peppers().key_of(session.pepper, PURPOSE)?;
        Some(relay_token(&key, session.node, session.id))
    }

    /// A node that relays and is there: the one that was asked for, or the healthiest.
    async fn relay_node(
        &self,
        permit: &casemate_policy::Permit<operation::StartRelay>,
        wanted: Option<NodeId>,
    ) -> Result<(NodeRecord, RelayOffer), ControlError> {
        let now = self.now();
        let mut found = match wanted {
            Some(id) => self.parts.nodes.node(permit.project(), id).await?.into_iter().collect(),
            None => self.parts.nodes.nodes(permit.project(), None, casemate_identity::NODES_MAX).await?,
        };
        found.retain(|node| node.state == NodeState::Ready && node.is_online(now));
        found.sort_by_key(|node| std::cmp::Reverse(node.health(now)));
        for node in found {
            // An owner who may not let nodes join any more does not lead others anywhere either.
            if let Some(offer) = self.parts.relays.relay_offer(node.id).await?
                && self.still_lets_join(node.owner, &node.project).await?
            {
                return Ok((node, offer));
            }
        }
        Err(RelayError::NoRelay(wanted).into())
    }
}

impl From<RelayError> for ControlError {
    fn from(error: RelayError) -> Self {
        Self::Node(NodeError::Relay(error))
    }
}

fn resource(id: RelayId) -> Resource {
    Resource::one("relay", id)
}
