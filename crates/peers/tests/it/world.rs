//! Nodes for tests.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{Clock as _, Name, RegistryId, Timestamp};
use casemate_peers::test_support::{MemoryProofs, MemoryRegistry};
use casemate_peers::{Found, PeerAddress, PeerNode, Peers, PeersError, PeersSettings, Registries};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const REGISTRY: &str = "00112233445566778899aabbccddeeff";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn registry_id() -> RegistryId {
    REGISTRY.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Where a node will be: its key and its port.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(crate) seed: u8,
    port: u16,
}

impl Spot {
    pub(crate) fn new(seed: u8) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { seed, port }
    }

    pub(crate) fn address(&self) -> PeerAddress {
        let id = casemate_peers::identity(&[self.seed; 32]);
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", self.port).parse().unwrap()
    }
}

/// A node that runs.
pub(crate) struct Node {
    pub(crate) peers: Peers,
    pub(crate) store: Arc<MemoryProofs>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

pub(crate) fn settings(spot: &Spot, own: &[&Spot], known: &[&Spot], registries: Registries) -> PeersSettings {
    PeersSettings {
        listen: vec![format!("/ip4/127.0.0.1/tcp/{}", spot.port)],
        own: own.iter().map(|spot| spot.address()).collect(),
        known: known.iter().map(|spot| spot.address()).collect(),
        anyone: false,
        private_addresses: true,
        registries,
        bytes_max: 16 << 20,
        republish: Duration::from_secs(3_600),
        replicate: Duration::from_secs(3_600),
        refresh: Duration::from_millis(50),
    }
}

pub(crate) fn believing(registry: &MemoryRegistry) -> Registries {
    let mut registries = Registries::new();
    registries.add(registry_id(), registry.key());
    registries
}

impl Node {
    pub(crate) fn start(
        spot: &Spot,
        settings: PeersSettings,
        source: Arc<MemoryRegistry>,
        (store, clock): (Arc<MemoryProofs>, Arc<ManualClock>),
    ) -> Self {
        let node = PeerNode::open(settings, &[spot.seed; 32], store.clone(), clock).unwrap();
        let (peers, stop) = (node.peers().clone(), CancellationToken::new());
        let running = node.run(source, Arc::new(CountingEntropy::default()), stop.clone());
        Self { peers, store, stop, running: tokio::spawn(running) }
    }

    /// Ends it at once: nobody hears of it.
    pub(crate) async fn kill(self) -> Arc<MemoryProofs> {
        self.stop.cancel();
        self.running.await.unwrap();
        self.store
    }

    /// Waits until so many peers are connected.
    pub(crate) async fn connected(&self, count: usize) {
        until(async || {
            let shown = self.peers.show().await.unwrap();
            shown.peers.iter().filter(|peer| peer.connected).count() == count
        })
        .await;
    }

    /// Waits until it keeps so many proofs.
    pub(crate) async fn keeps(&self, count: usize) {
        until(async || self.peers.show().await.unwrap().proofs == count).await;
    }

    pub(crate) async fn get(&self, text: &str) -> Result<Found, PeersError> {
        self.peers.get(None, &name(text)).await
    }

    /// Waits until a name is found at a version.
    pub(crate) async fn finds(&self, text: &str, sequence: u64) -> Found {
        let mut found = None;
        until(async || {
            found = self.get(text).await.ok();
            found.as_ref().is_some_and(|found| found.proof.signed().record().sequence == sequence)
        })
        .await;
        found.unwrap()
    }
}

/// Waits until something is so; what happens between nodes has no clock that could be moved.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        while !so().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it became so");
}

/// A year from now.
pub(crate) fn next_year(clock: &ManualClock) -> Timestamp {
    clock.now().saturating_add(Duration::from_secs(365 * 86_400))
}
