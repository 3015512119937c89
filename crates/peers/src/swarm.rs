//! The network as this program uses libp2p: TCP, Noise, Yamux, Kademlia with its own protocol name, and direct messages.

use std::io;
use std::time::Duration;

use libp2p::allow_block_list::{self, AllowedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, global_only, upgrade};
use libp2p::identity::Keypair;
use libp2p::kad::{self, BucketInserts, Caching, Mode, StoreInserts};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{PeerId, StreamProtocol, Swarm, Transport as _, identify, noise, tcp, yamux};

use crate::message::Messages;
use crate::peers::PeersSettings;
use crate::shelf::{Judge, KEPT_FOR, PROOF_BYTES_MAX, Shelf};

const KADEMLIA: StreamProtocol = StreamProtocol::new("/casemate/kad/1");
const DIRECT: StreamProtocol = StreamProtocol::new("/casemate/names/1");
const FAMILY: &str = "/casemate/1";

/// How long a search, and a question, may take.
pub(crate) const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that begin, and that stand, at once.
const PENDING_MAX: u32 = 64;
const CONNECTIONS_MAX: u32 = 256;
const CONNECTIONS_PER_PEER_MAX: u32 = 2;
/// Direct messages of one connection at once.
const DIRECT_MAX: usize = 8;
/// How long a connection stands that nobody uses.
const IDLE: Duration = Duration::from_secs(5 * 60);

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    allowed: Toggle<allow_block_list::Behaviour<AllowedPeers>>,
    pub(crate) kad: kad::Behaviour<Shelf>,
    identify: identify::Behaviour,
    pub(crate) direct: request_response::Behaviour<Messages>,
}

/// Who a node is, by the seed of its key. Text form: a peer id, `12D3Koo…`.
pub fn identity(seed: &[u8; 32]) -> String {
    keypair(seed).public().to_peer_id().to_string()
}

pub(crate) fn keypair(seed: &[u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(*seed).expect("any 32 bytes are the seed of a key")
}

pub(crate) fn build(
    settings: &PeersSettings,
    seed: &[u8; 32],
    judge: Judge,
) -> Result<Swarm<Behaviour>, noise::Error> {
    let keys = keypair(seed);
    let id = keys.public().to_peer_id();
    let transport = transport(&keys, settings.anyone && !settings.private_addresses)?;
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(
            ConnectionLimits::default()
                .with_max_pending_incoming(Some(PENDING_MAX))
                .with_max_pending_outgoing(Some(PENDING_MAX))
                .with_max_established_incoming(Some(CONNECTIONS_MAX))
                .with_max_established_outgoing(Some(CONNECTIONS_MAX))
                .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX)),
        ),
        allowed: listed(settings).into(),
        kad: kademlia(id, Shelf::new(judge, settings.bytes_max), settings.replicate),
        identify: identify::Behaviour::new(
            identify::Config::new(FAMILY.to_owned(), keys.public())
                .with_agent_version(concat!("casemate/", env!("CARGO_PKG_VERSION")).to_owned()),
        ),
        direct: request_response::Behaviour::with_codec(
            Messages,
            [(DIRECT, ProtocolSupport::Full)],
            request_response::Config::default()
                .with_request_timeout(QUERY_TIMEOUT)
                .with_max_concurrent_streams(DIRECT_MAX),
        ),
    };
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport, behaviour, id, config))
}

/// Who may connect, unless anyone may.
fn listed(settings: &PeersSettings) -> Option<allow_block_list::Behaviour<AllowedPeers>> {
    if settings.anyone {
        return None;
    }
    let mut allowed = allow_block_list::Behaviour::<AllowedPeers>::default();
    for address in settings.own.iter().chain(&settings.known) {
        allowed.allow_peer(address.peer);
    }
    Some(allowed)
}

/// Connections over TCP. Where anyone may say where somebody is, only public addresses are connected to: else strangers could have
/// this node try those of its own network.
fn transport(keys: &Keypair, only_public: bool) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let noise = noise::Config::new(keys)?;
    let yamux = yamux::Config::default();
    Ok(if only_public {
        let tcp = global_only::Transport::new(tcp);
        tcp.upgrade(upgrade::Version::V1Lazy)
            .authenticate(noise)
            .multiplex(yamux)
            .timeout(QUERY_TIMEOUT)
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
            .map_err(io::Error::other)
            .boxed()
    } else {
        tcp.upgrade(upgrade::Version::V1Lazy)
            .authenticate(noise)
            .multiplex(yamux)
            .timeout(QUERY_TIMEOUT)
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
            .map_err(io::Error::other)
            .boxed()
    })
}

/// The table. What peers send comes as an event, so that it is checked, counted and written down before it is kept; nobody is
/// believed about where others are, so only those who said it themselves get in; who has what is not told of.
fn kademlia(id: PeerId, shelf: Shelf, replicate: Duration) -> kad::Behaviour<Shelf> {
    let mut config = kad::Config::new(KADEMLIA);
    config
        .set_query_timeout(QUERY_TIMEOUT)
        .set_record_filtering(StoreInserts::FilterBoth)
        .set_record_ttl(Some(KEPT_FOR))
        .set_replication_interval(Some(replicate))
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_max_packet_size(PROOF_BYTES_MAX + 4096)
        .set_kbucket_inserts(BucketInserts::Manual)
        .set_caching(Caching::Disabled)
        .set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(id, shelf, config);
    kad.set_mode(Some(Mode::Server));
    kad
}
