//! What the rest of a node holds of the network, and how the network is started.

use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::NameBundle;
use casemate_model::{Clock, Digest, Entropy, Name, RegistryId, Timestamp};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::driver::{Command, Driver};
use crate::message::{Answer, Request};
use crate::shelf::Judge;
use crate::{
    LogPosition, PeerAddress, PeersError, ProofStore, Refusal, Registries, Source, follow, place, publish,
    swarm,
};

/// Commands that wait for the network.
const COMMANDS_MAX: usize = 256;

/// Whom a node works with, and what it keeps for them.
#[derive(Clone, Debug)]
pub struct PeersSettings {
    /// Where it listens, such as `/ip4/0.0.0.0/tcp/7400`.
    pub listen: Vec<String>,
    /// Nodes of the same people: each is told of changes, and asked for them.
    pub own: Vec<PeerAddress>,
    /// Other nodes to begin with.
    pub known: Vec<PeerAddress>,
    /// Whether nodes may connect that are neither.
    pub anyone: bool,
    /// Whether private addresses are connected to even so.
    pub private_addresses: bool,
    /// The registries whose proofs are kept.
    pub registries: Registries,
    /// Most bytes of proofs that are kept.
    pub bytes_max: usize,
    /// How often own names are said again, and what is kept is handed on.
    pub republish: Duration,
    /// See above.
    pub replicate: Duration,
    /// How often own nodes are asked for changes.
    pub refresh: Duration,
}

/// How something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// All that the registry's logs had so long ago was seen.
    Bounded {
        /// How long.
        age: Duration,
    },
    /// Somebody had this proof; whether there is a newer one is not known.
    Offline,
}

/// A name that peers know.
#[derive(Clone, Debug)]
pub struct Found {
    /// What proves it, already checked.
    pub proof: NameBundle,
    /// When the registry entered it.
    pub entered: Timestamp,
    /// How it is known.
    pub how: How,
    /// How many peers had a good proof of the name, this node among them.
    pub copies: usize,
    /// How many answered with something that does not hold.
    pub refused: usize,
}

/// The network as it is.
#[derive(Clone, Debug, Default)]
pub struct PeersShown {
    /// Who this node is.
    pub id: String,
    /// Where it listens.
    pub listening: Vec<String>,
    /// Who it works with, or would.
    pub peers: Vec<PeerShown>,
    /// Proofs that are kept, and their bytes.
    pub proofs: usize,
    /// See above.
    pub bytes: usize,
}

/// Somebody else.
#[derive(Clone, Debug)]
pub struct PeerShown {
    /// Who.
    pub id: String,
    /// Where, if that is known.
    pub address: Option<String>,
    /// What it is to this node.
    pub standing: Standing,
    /// Whether it is connected.
    pub connected: bool,
}

/// What a peer is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A node of the same people.
    Own,
    /// One that was configured.
    Known,
    /// Any other.
    Other,
}

/// Where this node is on the network. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) settings: PeersSettings,
    pub(crate) store: Arc<dyn ProofStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) judge: Judge,
    /// How many peers are connected.
    pub(crate) connected: watch::Sender<usize>,
}

/// A network that is not started yet.
pub struct PeerNode {
    peers: Peers,
    driver: Driver,
}

/// Why the network cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PeersStart {
    /// Its key cannot be used.
    #[error("cannot use the key of this peer")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address cannot be listened on.
    #[error("cannot listen for peers on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PeerNode {
    /// Opens the sockets. `seed` is the node's secret on this network.
    pub fn open(
        settings: PeersSettings,
        seed: &[u8; 32],
        store: Arc<dyn ProofStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PeersStart> {
        let judge = Judge::new(settings.registries.clone(), Arc::clone(&clock));
        let mut swarm =
            swarm::build(&settings, seed, judge.clone()).map_err(|error| PeersStart::Key(Box::new(error)))?;
        for address in &settings.listen {
            let failed = |source| PeersStart::Listen { address: address.clone(), source };
            let parsed: Multiaddr = address.parse().map_err(|error| failed(Box::new(error)))?;
            swarm.listen_on(parsed).map_err(|error| failed(Box::new(error)))?;
        }
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let peers = Peers {
            inner: Arc::new(Inner {
                commands,
                settings,
                store,
                clock,
                judge,
                connected: watch::Sender::new(0),
            }),
        };
        let driver = Driver::new(swarm, inbox, &peers);
        Ok(Self { peers, driver })
    }

    /// The handle that others ask by.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Works until `stop`: `source` is the registry of this node, of which others are told.
    pub async fn run(self, source: Arc<dyn Source>, entropy: Arc<dyn Entropy>, stop: CancellationToken) {
        let Self { peers, driver } = self;
        let log = source.log();
        let working = async {
            tokio::join!(
                driver.run(Arc::clone(&source)),
                publish::publish_changes(&peers, &*source),
                publish::publish_again(&peers, &*source, &*entropy),
                follow::follow(&peers, &log),
            )
        };
        stop.run_until_cancelled(working).await;
    }
}

impl Peers {
    /// What peers know of a name, from this node and from others. The registry may be left out if the name is known of one alone.
    pub async fn get(&self, registry: Option<RegistryId>, name: &Name) -> Result<Found, PeersError> {
        let registries = &self.inner.settings.registries;
        if let Some(registry) = registry {
            return if registries.knows(registry) {
                self.get_of(registry, name).await
            } else {
                Err(PeersError::UnknownRegistry(registry))
            };
        }
        let mut known: Vec<(RegistryId, Found)> = Vec::new();
        for registry in registries.all() {
            match self.get_of(registry, name).await {
                Ok(found) => known.push((registry, found)),
                Err(PeersError::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match known.len() {
            0 | 1 => known.pop().map(|(_, found)| found).ok_or_else(|| PeersError::Unknown(name.clone())),
            _ => {
                let registries = known.into_iter().map(|(registry, _)| registry).collect();
                Err(PeersError::WhichRegistry { name: name.clone(), registries })
            }
        }
    }

    async fn get_of(&self, registry: RegistryId, name: &Name) -> Result<Found, PeersError> {
        let bounded = self.age(registry).await?;
        if let Some(age) = bounded
            && let Some(mut found) =
                self.ask(|reply| Command::Look { registry, name: name.clone(), reply }).await?
        {
            found.how = How::Bounded { age };
            return Ok(found);
        }
        let place = place(registry, name);
        let found = self.ask(|reply| Command::Get { place, reply }).await??;
        found.ok_or_else(|| PeersError::Unknown(name.clone()))
    }

    /// How long ago this node had seen all that the registry's logs had; `None` if it never did.
    pub async fn age(&self, registry: RegistryId) -> Result<Option<Duration>, PeersError> {
        let mut oldest: Option<Timestamp> = None;
        for key in self.inner.settings.registries.keys(registry) {
            match self.inner.store.log_position(key.origin()).await? {
                Some(LogPosition { complete, .. }) if complete > Timestamp::EPOCH => {
                    oldest = Some(oldest.map_or(complete, |oldest| oldest.min(complete)));
                }
                _ => return Ok(None),
            }
        }
        Ok(oldest.map(|oldest| self.inner.clock.now().saturating_since(oldest)))
    }

    /// The network as it is.
    pub async fn show(&self) -> Result<PeersShown, PeersError> {
        self.ask(|reply| Command::Show { reply }).await
    }

    /// The registries that are known.
    pub fn registries(&self) -> &Registries {
        &self.inner.settings.registries
    }

    /// Keeps a proof that came from somebody whom this node asked, or from itself.
    pub(crate) async fn keep(&self, proof: Vec<u8>) -> Result<Result<(), Refusal>, PeersError> {
        self.ask(|reply| Command::Keep { proof, reply }).await
    }

    /// Spreads a proof to the nodes nearest to its place. Returns when that is done or given up, with how many have it.
    pub(crate) async fn spread(&self, place: Digest, proof: Vec<u8>) -> Result<usize, PeersError> {
        self.ask(|reply| Command::Spread { place, proof, reply }).await
    }

    /// Says something to one peer; `None` if it did not answer.
    pub(crate) async fn tell(&self, peer: PeerId, request: Request) -> Result<Option<Answer>, PeersError> {
        self.ask(|reply| Command::Tell { peer, request, reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, PeersError> {
        let (reply, answer) = oneshot::channel();
        self.inner.commands.send(command(reply)).await.map_err(|_| PeersError::Stopping)?;
        answer.await.map_err(|_| PeersError::Stopping)
    }
}
