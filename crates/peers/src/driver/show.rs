//! The network as it is.

use libp2p::PeerId;

use super::Driver;
use crate::{PeerShown, PeersShown};

impl Driver {
    pub(super) fn show(&mut self) -> PeersShown {
        let shown = |peer: &PeerId, address: Option<String>| PeerShown {
            id: peer.to_string(),
            address,
            standing: self.standing(peer),
            connected: self.connected.contains_key(peer),
        };
        let here = self.connected.iter().map(|(peer, (address, _))| shown(peer, Some(address.to_string())));
        let away = self.configured().filter(|configured| !self.connected.contains_key(&configured.peer));
        let away = away.map(|away| shown(&away.peer, Some(away.address.to_string())));
        let mut peers: Vec<_> = here.chain(away).collect();
        peers.sort_by(|one, other| (one.standing, &one.id).cmp(&(other.standing, &other.id)));
        let id = *self.swarm.local_peer_id();
        let listening = self.swarm.listeners().map(|address| format!("{address}/p2p/{id}")).collect();
        let (proofs, bytes) = (self.shelf().len(), self.shelf().bytes());
        PeersShown { id: id.to_string(), listening, peers, proofs, bytes }
    }
}
