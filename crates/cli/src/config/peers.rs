//! Other nodes that know names.

use std::net::SocketAddr;
use std::time::Duration;

use casemate_ledger::NodePublicKey;
use casemate_model::RegistryId;
use casemate_peers::{PeerAddress, Registries};
use serde::{Deserialize, Serialize};

use super::{ConfigError, bad, bounds};

/// Most peers, and most registries, that are configured.
const COUNT_MAX: usize = 64;

/// What was written about peers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrittenPeers {
    /// The address where peers connect; empty for none, and then there are no peers.
    pub(crate) listen: String,
    /// Nodes of the same people, as `casemate peer status` prints them there: each is told of changes, and asked for them.
    pub(crate) own: Vec<String>,
    /// Other nodes to begin with.
    pub(crate) known: Vec<String>,
    /// Whether nodes may connect that are neither.
    pub(crate) anyone: bool,
    /// Other registries whose names are kept: id and key, as `casemate peer status` prints them there.
    pub(crate) registries: Vec<String>,
    /// Most bytes of proofs that are kept, in memory and in the database, such as `32MiB`.
    pub(crate) bytes_max: String,
    /// Seconds after which peers are told of all names again.
    pub(crate) republish_seconds: u64,
    /// Seconds after which own nodes are asked for changes again.
    pub(crate) refresh_seconds: u64,
}

impl Default for WrittenPeers {
    fn default() -> Self {
        Self {
            listen: String::new(),
            own: Vec::new(),
            known: Vec::new(),
            anyone: false,
            registries: Vec::new(),
            bytes_max: "32MiB".to_owned(),
            // Half of the time that a proof is kept which nobody sends again, less a little.
            republish_seconds: 22 * 60 * 60,
            refresh_seconds: 10,
        }
    }
}

/// Which peers there are, but for this node's own registry.
#[derive(Clone, Debug)]
pub(crate) struct PeersConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) own: Vec<PeerAddress>,
    pub(crate) known: Vec<PeerAddress>,
    pub(crate) anyone: bool,
    pub(crate) registries: Registries,
    pub(crate) bytes_max: usize,
    pub(crate) republish: Duration,
    pub(crate) refresh: Duration,
}

/// Works out what the section means.
pub(super) fn settings(written: &WrittenPeers) -> Result<Option<PeersConfig>, ConfigError> {
    if written.listen.is_empty() {
        return Ok(None);
    }
    let expected = "an IP address and port, such as 127.0.0.1:7400";
    let listen = written.listen.parse().map_err(|_| bad("peers.listen", &written.listen, expected))?;
    let mut registries = Registries::new();
    for text in few("peers.registries", &written.registries)? {
        let (id, key) = registry(text)?;
        registries.add(id, key);
    }
    let bytes_max = bounds::disk_bytes("peers.bytes_max", &written.bytes_max)?;
    Ok(Some(PeersConfig {
        listen,
        own: addresses("peers.own", &written.own)?,
        known: addresses("peers.known", &written.known)?,
        anyone: written.anyone,
        registries,
        bytes_max: usize::try_from(bytes_max)
            .map_err(|_| bad("peers.bytes_max", &written.bytes_max, "less"))?,
        republish: seconds("peers.republish_seconds", written.republish_seconds)?,
        refresh: seconds("peers.refresh_seconds", written.refresh_seconds)?,
    }))
}

fn few<'a>(key: &'static str, list: &'a [String]) -> Result<&'a [String], ConfigError> {
    if list.len() > COUNT_MAX { Err(bad(key, "that many", "at most 64")) } else { Ok(list) }
}

fn addresses(key: &'static str, list: &[String]) -> Result<Vec<PeerAddress>, ConfigError> {
    let expected = "such as /ip4/192.0.2.1/tcp/7400/p2p/12D3Koo…, as `casemate peer status` prints it there";
    few(key, list)?.iter().map(|text| text.parse().map_err(|_| bad(key, text, expected))).collect()
}

fn registry(text: &str) -> Result<(RegistryId, NodePublicKey), ConfigError> {
    let parsed = text.split_once(' ').and_then(|(id, key)| Some((id.parse().ok()?, key.parse().ok()?)));
    let expected =
        "the id of a registry, a space and the key of its log, as `casemate peer status` prints them there";
    parsed.ok_or_else(|| bad("peers.registries", text, expected))
}

fn seconds(key: &'static str, seconds: u64) -> Result<Duration, ConfigError> {
    if (1..=24 * 60 * 60).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(bad(key, &seconds.to_string(), "a number from 1 to 86400"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: WrittenPeers) -> Result<Option<PeersConfig>, String> {
        settings(&written).map_err(|error| error.to_string())
    }

    #[test]
    fn peers_are_named_with_their_keys() {
        assert!(read(WrittenPeers::default()).expect("there are none").is_none());
        let peer = format!("/ip4/192.0.2.1/tcp/7400/p2p/{}", casemate_peers::identity(&[7; 32]));
        let registry = "00112233445566778899aabbccddeeff \
                        casemate/fe812c12f3ab4ce6+daa02c27+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
        let good = WrittenPeers {
            listen: "127.0.0.1:7400".to_owned(),
            own: vec![peer.clone()],
            known: vec![peer],
            registries: vec![registry.to_owned()],
            ..WrittenPeers::default()
        };
        let peers = read(good.clone()).expect("all is good").expect("there are some");
        assert_eq!((peers.own.len(), peers.bytes_max, peers.anyone), (1, 32 << 20, false));
        let refused = |written: WrittenPeers| read(written).expect_err("no");
        let one = |text: &str| vec![text.to_owned()];
        assert!(refused(WrittenPeers { listen: "x".to_owned(), ..good.clone() }).contains("`peers.listen`"));
        assert!(refused(WrittenPeers { own: one("192.0.2.1:7400"), ..good.clone() }).contains("peer status"));
        assert!(
            refused(WrittenPeers { registries: one("x y"), ..good.clone() }).contains("id of a registry")
        );
        assert!(refused(WrittenPeers { refresh_seconds: 0, ..good }).contains("from 1 to 86400"));
    }
}
