//! The one task that has the network in hand.

mod direct;
mod judging;
mod keeping;
mod search;
mod show;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use casemate_limits::{Quota, TokenBuckets};
use casemate_model::{Digest, Name, RegistryId, Timestamp, client_network};
use futures_util::StreamExt as _;
use libp2p::kad::{self, InboundRequest, QueryId, QueryResult, Quorum, Record, RecordKey};
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, Swarm, identify};
use tokio::sync::{mpsc, oneshot};

use crate::address::{ip, is_plain};
use crate::message::{Answer, Request};
use crate::peers::{How, Inner};
use crate::shelf::{Judged, Shelf, digest_of};
use crate::swarm::{Behaviour, BehaviourEvent};
use crate::{Found, PeerAddress, Peers, PeersError, PeersShown, Refusal, Source, Standing};

use judging::{Judging, Purpose};
use keeping::{Then, ToWrite, load, write};
use search::Search;

/// What the rest of the node wants of the network.
pub(crate) enum Command {
    Get { place: Digest, reply: oneshot::Sender<Result<Option<Found>, PeersError>> },
    Look { registry: RegistryId, name: Name, reply: oneshot::Sender<Option<Found>> },
    Keep { proof: Vec<u8>, reply: oneshot::Sender<Result<(), Refusal>> },
    Spread { place: Digest, proof: Vec<u8>, reply: oneshot::Sender<usize> },
    Tell { peer: PeerId, request: Request, reply: oneshot::Sender<Option<Answer>> },
    Show { reply: oneshot::Sender<PeersShown> },
}

/// Searches, and spreadings, at once.
const SEARCHES_MAX: usize = 256;
/// What one peer may send: proofs, and questions.
const SENT: Quota = Quota { per_second: 100, burst: 400 };
/// What all peers of one network may send: to be many is not to be more.
const SENT_BY_NETWORK: Quota = Quota { per_second: 200, burst: 800 };
/// Peers and networks whose sending is counted.
const COUNTED_MAX: usize = 4_096;
/// Proofs that wait to be written down.
const UNWRITTEN_MAX: usize = 1_024;
/// Addresses of one peer that are taken.
const ADDRESSES_MAX: usize = 4;
/// How often peers that were configured are connected to again, and what counts no more is dropped.
const TICK: Duration = Duration::from_secs(5);

/// How often the table is looked over for nodes that are near.
const BOOTSTRAP_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What other tasks of the network have for this one.
enum Done {
    Answer(ResponseChannel<Answer>, Answer),
    Judged(Result<Judged, Refusal>, Purpose),
}

pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    inbox: mpsc::Receiver<Command>,
    inner: Arc<Inner>,
    searches: HashMap<QueryId, Search>,
    spreading: HashMap<QueryId, oneshot::Sender<usize>>,
    told: HashMap<OutboundRequestId, oneshot::Sender<Option<Answer>>>,
    connected: HashMap<PeerId, (Multiaddr, u32)>,
    sent: TokenBuckets,
    unwritten: mpsc::Sender<ToWrite>,
    writing: Option<mpsc::Receiver<ToWrite>>,
    judging: Judging,
    done: (mpsc::Sender<Done>, mpsc::Receiver<Done>),
    answering: HashSet<InboundRequestId>,
    bootstrapped: Option<tokio::time::Instant>,
}

impl Driver {
    pub(crate) fn new(swarm: Swarm<Behaviour>, inbox: mpsc::Receiver<Command>, peers: &Peers) -> Self {
        let (unwritten, writing) = mpsc::channel(UNWRITTEN_MAX);
        Self {
            swarm,
            inbox,
            inner: Arc::clone(&peers.inner),
            searches: HashMap::new(),
            spreading: HashMap::new(),
            told: HashMap::new(),
            connected: HashMap::new(),
            sent: TokenBuckets::new(COUNTED_MAX),
            unwritten,
            writing: Some(writing),
            judging: Judging::new(),
            done: mpsc::channel(UNWRITTEN_MAX),
            answering: HashSet::new(),
            bootstrapped: None,
        }
    }

    /// Works for ever.
    pub(crate) async fn run(mut self, source: Arc<dyn Source>) {
        let writing = self.writing.take().expect("it is run once");
        let writer = write(Arc::clone(&self.inner), writing, self.done.0.clone());
        // Before anybody is listened to: what is kept must not be overwritten by something older meanwhile.
        load(Arc::clone(&self.inner), self.shelf()).await;
        tokio::join!(self.drive(source), writer);
    }

    async fn drive(&mut self, source: Arc<dyn Source>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let overdue = self.searches.values().filter_map(|search| search.deadline).min();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event, &source),
                Some(command) = self.inbox.recv() => self.on_command(command),
                Some(done) = self.done.1.recv() => self.on_done(done),
                _ = ticks.tick() => self.on_tick(),
                () = until(overdue) => self.end_overdue(),
            }
        }
    }

    fn shelf(&mut self) -> &mut Shelf {
        self.swarm.behaviour_mut().kad.store_mut()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Get { place, reply } => {
                if self.searches.len() >= SEARCHES_MAX {
                    let _ = reply.send(Err(PeersError::Busy));
                    return;
                }
                let key = RecordKey::new(place.as_bytes());
                let query = self.swarm.behaviour_mut().kad.get_record(key);
                self.searches.insert(query, Search::new(place, reply));
            }
            Command::Look { registry, name, reply } => {
                let proof = self.shelf().proof(registry, &name).map(<[u8]>::to_vec);
                let _ = reply.send(proof.and_then(|proof| search::found(&proof, (1, 0), How::Offline)));
            }
            Command::Keep { proof, reply } => self.judge(None, proof, Purpose::Keep(Then::Reply(reply))),
            Command::Spread { place, proof, reply } => {
                if self.sent_again(place, &proof) {
                    self.spread(Record::new(place.as_bytes().to_vec(), proof), reply);
                } else {
                    self.judge(Some(place), proof, Purpose::Spread(reply));
                }
            }
            Command::Tell { peer, request, reply } => {
                if self.connected.contains_key(&peer) {
                    let request = self.swarm.behaviour_mut().direct.send_request(&peer, request);
                    self.told.insert(request, reply);
                } else {
                    let _ = reply.send(None);
                }
            }
            Command::Show { reply } => drop(reply.send(self.show())),
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>, source: &Arc<dyn Source>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!("peers may connect to {address}/p2p/{}", self.swarm.local_peer_id());
            }
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, num_established, .. } => {
                let address = endpoint.get_remote_address().clone();
                self.connected.insert(peer_id, (address, num_established.get()));
                self.count_connected();
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established, .. } => {
                match self.connected.get_mut(&peer_id) {
                    Some((_, count)) if num_established > 0 => *count = num_established,
                    _ => drop(self.connected.remove(&peer_id)),
                }
                self.count_connected();
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => self.on_identified(peer_id, info),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(BehaviourEvent::Direct(event)) => self.on_direct(event, source),
            _ => {}
        }
    }

    /// Takes the addresses that a peer says of itself; of strangers only those at the address that they come from, as else
    /// they could send this node anywhere.
    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        let from: Option<IpAddr> = self.connected.get(&peer).and_then(|(address, _)| ip(address));
        let believed = self.standing(&peer) != Standing::Other;
        let addresses = info.listen_addrs.into_iter().map(|mut address| {
            if let Some(libp2p::multiaddr::Protocol::P2p(_)) = address.iter().last() {
                address.pop();
            }
            address
        });
        let good = addresses.filter(|address| is_plain(address) && (believed || ip(address) == from));
        let good: Vec<_> = good.take(ADDRESSES_MAX).collect();
        for address in good {
            self.swarm.behaviour_mut().kad.add_address(&peer, address);
        }
    }

    fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: InboundRequest::PutRecord { source, record: Some(record), .. },
            } => {
                let Some(place) = digest_of(&record.key) else { return };
                if self.sent_again(place, &record.value) {
                    return;
                }
                if self.may_send(&source) && self.may_judge(&source) {
                    self.judge(Some(place), record.value, Purpose::Keep(Then::Nothing));
                } else {
                    tracing::debug!(peer = %source, "a peer sends too much");
                }
            }
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => match result {
                QueryResult::GetRecord(result) => self.on_found(id, result, step.last),
                QueryResult::PutRecord(result) => {
                    if let Some(reply) = self.spreading.remove(&id) {
                        let kept = match result {
                            Ok(_) => 1,
                            Err(kad::PutRecordError::QuorumFailed { success, .. })
                            | Err(kad::PutRecordError::Timeout { success, .. }) => success.len(),
                        };
                        let _ = reply.send(kept);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn on_found(&mut self, id: QueryId, result: kad::GetRecordResult, last: bool) {
        let Some(search) = self.searches.get_mut(&id) else { return };
        search.is_last |= last;
        if let Ok(kad::GetRecordOk::FoundRecord(found)) = result
            && search.wants(&found.record.value)
        {
            let place = search.place;
            self.judge(Some(place), found.record.value, Purpose::Copy(id));
        }
        self.end_if_over(id);
    }

    fn end_if_over(&mut self, id: QueryId) {
        if self.searches.get(&id).is_some_and(Search::is_over) {
            self.end_search(id);
        }
    }

    /// Gives a proof to the nodes nearest to its place.
    fn spread(&mut self, record: Record, reply: oneshot::Sender<usize>) {
        if self.spreading.len() >= SEARCHES_MAX {
            return;
        }
        if let Ok(query) = self.swarm.behaviour_mut().kad.put_record(record, Quorum::One) {
            self.spreading.insert(query, reply);
        }
    }

    /// Ends a search: what was found is kept here, so that nothing older is believed later.
    fn end_search(&mut self, id: QueryId) {
        let Some(search) = self.searches.remove(&id) else { return };
        if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
            query.finish();
        }
        if let Some(best) = &search.best
            && matches!(self.shelf().keep(best), Ok(true))
        {
            self.write_down(best, Then::Nothing);
        }
        search.end();
    }

    fn end_overdue(&mut self) {
        let now = tokio::time::Instant::now();
        let overdue = self.searches.iter().filter(|(_, search)| search.deadline.is_some_and(|at| at <= now));
        for id in overdue.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end_search(id);
        }
    }

    fn on_tick(&mut self) {
        let configured: Vec<_> = self.configured().cloned().collect();
        for PeerAddress { peer, address } in configured {
            self.swarm.behaviour_mut().kad.add_address(&peer, address.clone());
            if !self.connected.contains_key(&peer) {
                let dial = DialOpts::peer_id(peer)
                    .addresses(vec![address])
                    .condition(PeerCondition::DisconnectedAndNotDialing);
                let _ = self.swarm.dial(dial.build());
            }
        }
        self.bootstrap();
        let gone = self.shelf().sweep();
        if !gone.is_empty() {
            // In the order in which it was written. What finds no room counts no more when it is read again.
            let _ = self.unwritten.try_send(ToWrite::Drop(gone));
        }
        let (proofs, bytes) = (self.shelf().len(), self.shelf().bytes());
        metrics::gauge!("casemate_peer_proofs").set(gauge(proofs));
        metrics::gauge!("casemate_peer_proof_bytes").set(gauge(bytes));
    }

    /// Looks for nodes that are near, when it is time. It is not the library's to do: that complains of every table without anybody in it.
    fn bootstrap(&mut self) {
        if self.bootstrapped.is_none_or(|last| last.elapsed() >= BOOTSTRAP_INTERVAL)
            && self.swarm.behaviour_mut().kad.bootstrap().is_ok()
        {
            self.bootstrapped = Some(tokio::time::Instant::now());
        }
    }

    fn configured(&self) -> impl Iterator<Item = &PeerAddress> {
        self.inner.settings.own.iter().chain(&self.inner.settings.known)
    }

    fn standing(&self, peer: &PeerId) -> Standing {
        let is = |list: &[PeerAddress]| list.iter().any(|address| address.peer == *peer);
        match &self.inner.settings {
            settings if is(&settings.own) => Standing::Own,
            settings if is(&settings.known) => Standing::Known,
            _ => Standing::Other,
        }
    }

    fn may_send(&self, peer: &PeerId) -> bool {
        if self.standing(peer) == Standing::Own {
            return true;
        }
        let address = self.connected.get(peer).and_then(|(address, _)| ip(address));
        let (now, network) = (self.now(), address.map(client_network));
        self.sent.take(peer, SENT, 1, now).allowed
            && self.sent.take(&network, SENT_BY_NETWORK, 1, now).allowed
    }

    fn count_connected(&self) {
        self.inner.connected.send_replace(self.connected.len());
        metrics::gauge!("casemate_peers_connected").set(gauge(self.connected.len()));
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A count as a gauge wants it.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn gauge(count: usize) -> f64 {
    count as f64
}
