//! This node among peers.

use std::net::SocketAddr;
use std::sync::Arc;

use casemate_control::Control;
use casemate_fs::Dir;
use casemate_ledger::NodeKey;
use casemate_model::{Clock, Entropy};
use casemate_names::Registry as _;
use casemate_peers::{PeerNode, PeersSettings};
use casemate_state::Store;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::wire::{StartError, secret};
use crate::world::SystemEntropy;

/// The key by which peers know this node.
const KEY: &str = "peer.key";

/// The network that the configuration wants, if it wants one. Its sockets are opened, and the key is made when absent.
pub(crate) fn wanted(
    config: &Config,
    secrets: &Dir,
    (store, node_key): (&Store, &NodeKey),
    (clock, entropy): (&Arc<dyn Clock>, &dyn Entropy),
) -> Result<Option<PeerNode>, StartError> {
    let Some(wanted) = &config.peers else { return Ok(None) };
    let (seed, _) = secret(secrets, KEY, entropy)?;
    let mut registries = wanted.registries.clone();
    registries.add(store.id(), node_key.public_key().clone());
    let settings = PeersSettings {
        listen: vec![multiaddr(wanted.listen)],
        own: wanted.own.clone(),
        known: wanted.known.clone(),
        anyone: wanted.anyone,
        private_addresses: false,
        registries,
        bytes_max: wanted.bytes_max,
        republish: wanted.republish,
        replicate: wanted.republish / 4,
        refresh: wanted.refresh,
    };
    let node = PeerNode::open(settings, &seed, Arc::new(store.clone()), Arc::clone(clock));
    node.map(Some).map_err(StartError::Peers)
}

/// Works among peers until `stop`.
pub(crate) async fn run(node: PeerNode, control: Control, stop: CancellationToken) {
    node.run(Arc::new(control), Arc::new(SystemEntropy), stop).await;
}

fn multiaddr(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{}/tcp/{}", address.ip(), address.port())
}
