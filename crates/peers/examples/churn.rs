//! How often a name is found while nodes come and go: 20 nodes on loopback, of which 30 % are replaced each minute by others that know nothing.
//!
//! ```sh
//! cargo run --release -p casemate-peers --features test-support --example churn -- --minutes 3
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool that measures"
)]

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casemate_ledger::NameChange;
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{Clock as _, RegistryId};
use casemate_peers::test_support::{MemoryProofs, MemoryRegistry};
use casemate_peers::{PeerAddress, PeerNode, Peers, PeersSettings, Registries};
use tokio_util::sync::CancellationToken;

const NODES: usize = 20;
const NAMES: usize = 200;
/// 30 % of 20 nodes in a minute.
const REPLACED_EVERY: Duration = Duration::from_secs(10);

struct World {
    clock: Arc<ManualClock>,
    registry: Arc<MemoryRegistry>,
    silent: Arc<MemoryRegistry>,
    id: RegistryId,
    ports: Vec<u16>,
}

struct Node {
    peers: Peers,
    stop: CancellationToken,
    began: Instant,
}

impl World {
    fn address(&self, index: usize, life: u8) -> PeerAddress {
        let id = casemate_peers::identity(&seed(index, life));
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", self.ports[index]).parse().unwrap()
    }

    /// The first is the registry's; each knows three others to begin with.
    fn start(&self, index: usize, lives: &[u8]) -> Node {
        let known = [1, 3, 8].map(|step| (index + step) % NODES).into_iter();
        let mut registries = Registries::new();
        registries.add(self.id, self.registry.key());
        let settings = PeersSettings {
            listen: vec![format!("/ip4/127.0.0.1/tcp/{}", self.ports[index])],
            own: Vec::new(),
            known: known.map(|other| self.address(other, lives[other])).collect(),
            anyone: true,
            private_addresses: true,
            registries,
            bytes_max: 32 << 20,
            republish: Duration::from_secs(60),
            replicate: Duration::from_secs(20),
            refresh: Duration::from_secs(10),
        };
        let store = Arc::new(MemoryProofs::default());
        let node = PeerNode::open(settings, &seed(index, lives[index]), store, self.clock.clone()).unwrap();
        let (peers, stop) = (node.peers().clone(), CancellationToken::new());
        let source = if index == 0 { self.registry.clone() } else { self.silent.clone() };
        tokio::spawn(node.run(source, Arc::new(CountingEntropy::default()), stop.clone()));
        Node { peers, stop, began: Instant::now() }
    }
}

fn seed(index: usize, life: u8) -> [u8; 32] {
    let mut seed = [life; 32];
    seed[0] = u8::try_from(index).unwrap() + 1;
    seed
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let minutes: u64 = match words.iter().position(|word| word == "--minutes") {
        Some(at) => words[at + 1].parse().unwrap(),
        None => 3,
    };
    let clock = Arc::new(ManualClock::new());
    let id: RegistryId = "00112233445566778899aabbccddeeff".parse().unwrap();
    let listeners: Vec<_> = (0..NODES).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let world = World {
        registry: MemoryRegistry::new(id, 7, clock.clone()),
        silent: MemoryRegistry::new("ffffffffffffffffffffffffffffffff".parse().unwrap(), 99, clock.clone()),
        ports: listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect(),
        clock,
        id,
    };
    drop(listeners);
    let mut lives = vec![0; NODES];
    let mut nodes: Vec<Node> = (0..NODES).map(|index| world.start(index, &lives)).collect();
    for index in 0..NAMES {
        let expires = world.clock.now().saturating_add(Duration::from_secs(365 * 86_400));
        world.registry.write(&format!("n{index}.tools"), NameChange::Claimed, expires);
    }
    let spread = Instant::now();
    while nodes[NODES - 1].peers.show().await.unwrap().proofs < NAMES
        && spread.elapsed() < Duration::from_secs(60)
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{NAMES} names at {NODES} nodes after {:.1} s", spread.elapsed().as_secs_f64());
    let (began, mut replaced, mut next) = (Instant::now(), 0, 1);
    let (mut asked, mut missed, mut times) = (0_u64, 0_u64, Vec::new());
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        if began.elapsed() > REPLACED_EVERY * (replaced + 1) {
            // All in turn, the registry's own node among them.
            nodes[next].stop.cancel();
            lives[next] = lives[next].wrapping_add(1);
            nodes[next] = world.start(next, &lives);
            next = (next + 7) % NODES;
            replaced += 1;
        }
        // Who asks is any node that has been there for a second, so that it has met others.
        let asker = usize::try_from(asked * 13).unwrap() % NODES;
        if nodes[asker].began.elapsed() < Duration::from_secs(1) {
            asked += 1;
            continue;
        }
        let name = format!("n{}.tools", usize::try_from(asked).unwrap() % NAMES).parse().unwrap();
        let at = Instant::now();
        match nodes[asker].peers.get(Some(id), &name).await {
            Ok(_) => times.push(at.elapsed()),
            Err(error) => {
                missed += 1;
                println!("  {:.1} s: node {asker}: {error}", began.elapsed().as_secs_f64());
            }
        }
        asked += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times.sort_unstable();
    let found = times.len() as u64;
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!(
        "{replaced} nodes replaced in {minutes} min: {found} of {} found ({:.3} %), p50 {:.2} ms, p99 {:.2} ms",
        found + missed,
        found as f64 / (found + missed) as f64 * 100.0,
        at(50),
        at(99)
    );
    std::process::exit(i32::from(missed * 1_000 > found + missed));
}
