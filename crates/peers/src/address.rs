use std::fmt;
use std::str::FromStr;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// Who a node is and where: `/ip4/192.0.2.1/tcp/7400/p2p/12D3…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    pub(crate) peer: PeerId,
    pub(crate) address: Multiaddr,
}

/// Text that is no [`PeerAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not where a peer is: expected such as /ip4/192.0.2.1/tcp/7400/p2p/12D3Koo…")]
pub struct PeerAddressError(String);

impl FromStr for PeerAddress {
    type Err = PeerAddressError;

    fn from_str(text: &str) -> Result<Self, PeerAddressError> {
        let bad = || PeerAddressError(text.chars().take(160).filter(|char| !char.is_control()).collect());
        let mut address: Multiaddr = text.parse().map_err(|_| bad())?;
        let Some(Protocol::P2p(peer)) = address.pop() else { return Err(bad()) };
        if is_plain(&address) { Ok(Self { peer, address }) } else { Err(bad()) }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/p2p/{}", self.address, self.peer)
    }
}

/// Whether an address is an IP address and a TCP port: what this program connects to.
pub(crate) fn is_plain(address: &Multiaddr) -> bool {
    let parts: Vec<_> = address.iter().collect();
    matches!(parts.as_slice(), [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)])
}

/// The IP address that one begins with.
pub(crate) fn ip(address: &Multiaddr) -> Option<std::net::IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(ip.into()),
        Some(Protocol::Ip6(ip)) => Some(ip.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_with_its_place() {
        let id = PeerId::random();
        let text = format!("/ip4/127.0.0.1/tcp/7400/p2p/{id}");
        let address: PeerAddress = text.parse().unwrap();
        assert_eq!((address.peer, address.to_string()), (id, text));
        for bad in [
            String::new(),
            "127.0.0.1:7400".to_owned(),
            format!("/p2p/{id}"),
            "/ip4/127.0.0.1/tcp/7400".to_owned(),
            format!("/dns4/example.org/tcp/7400/p2p/{id}"),
            format!("/ip4/127.0.0.1/udp/7400/quic-v1/p2p/{id}"),
            format!("/ip4/127.0.0.1/tcp/7400/p2p/{id}/p2p-circuit/p2p/{id}"),
        ] {
            assert!(bad.parse::<PeerAddress>().is_err(), "{bad}");
        }
    }
}
