//! Whose address a request comes from, where proxies stand in between.
//!
//! ```text
//!   client 203.0.113.7 -> proxy 10.0.0.2 -> proxy 10.0.0.1 -> node        trusted_proxies = ["10.0.0.0/8"]
//!                         X-Forwarded-For: <whatever the client sent>, 203.0.113.7, 10.0.0.2
//!                                                                      ^ taken      ^ trusted <- walk begins
//! ```
//!
//! Each proxy appends whom it heard, so the chain is read from the right, over proxies that are trusted, to the first address
//! that is not; what stands left of it is the client's own tale and is not even read. A peer that is no trusted proxy
//! is never believed. Where the chain does not say one thing clearly, the peer is the client: then all who come that way
//! share what one client may have, which closes nothing for others and opens nothing for them.

mod forwarded;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::Request;
use casemate_model::client_network;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::listen::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most hops of a chain that are looked at. Longer ones are no network of anybody's.
const HOPS_MAX: usize = 32;

/// Most networks of proxies.
const NETWORKS_MAX: usize = 64;

/// The networks whose machines are believed when they say for whom they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// Text that is no list of trusted networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// It is no network.
    #[error("`{0}` is not a network")]
    Network(String),
    /// It is every address there is: then every client could say to be any other.
    #[error("`{0}` is every address")]
    Everybody(String),
    /// There are too many.
    #[error("there are more than {NETWORKS_MAX}")]
    TooMany,
}

/// The address that a request comes from, as far as it can be known; an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

/// What one hop of a chain says whom it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    Address(IpAddr),
    /// Somebody who is not to be named: `unknown`, or a name that only the proxy understands.
    Hidden,
}

/// A part of a chain that is not as its format wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

impl TrustedProxies {
    /// Reads networks, such as `10.0.0.0/8` or a single address.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, TrustedProxiesError> {
        let mut networks = Vec::new();
        for text in texts {
            let network = IpNet::from_str(text).or_else(|_| IpAddr::from_str(text).map(IpNet::from));
            let network =
                network.map_err(|_| TrustedProxiesError::Network(text.chars().take(64).collect()))?;
            if network.prefix_len() == 0 {
                return Err(TrustedProxiesError::Everybody(text.to_owned()));
            }
            networks.push(network.trunc());
        }
        if networks.len() > NETWORKS_MAX {
            Err(TrustedProxiesError::TooMany)
        } else {
            Ok(Self(networks.into()))
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client behind `peer`.
    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip().to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let by_list =
            chain(headers, &X_FORWARDED_FOR).map(|lines| self.walk(peer, lines.flat_map(list_hops)));
        let by_standard =
            chain(headers, &header::FORWARDED).map(|lines| self.walk(peer, lines.flat_map(forwarded::hops)));
        match (by_list, by_standard) {
            (None, None) => peer,
            (Some(walked), None) | (None, Some(walked)) => walked.unwrap_or(peer),
            // Two chains that tell two tales: one of them is the client's own.
            (Some(one), Some(other)) => {
                if one == other {
                    one.unwrap_or(peer)
                } else {
                    peer
                }
            }
        }
    }

    /// Goes along `hops`, the nearest first, and stops at the first that is not trusted.
    fn walk(
        &self,
        peer: IpAddr,
        hops: impl Iterator<Item = Result<Hop, Malformed>>,
    ) -> Result<IpAddr, Malformed> {
        let mut last = peer;
        for (index, hop) in hops.enumerate() {
            if index == HOPS_MAX {
                return Err(Malformed);
            }
            match hop? {
                // The proxy that keeps somebody's name to itself is the last that is known.
                Hop::Hidden => return Ok(last),
                Hop::Address(address) if self.trust(address) => last = address,
                Hop::Address(address) => return Ok(address),
            }
        }
        Ok(last)
    }
}

impl ClientAddress {
    /// The network that the client shares its limits with.
    pub(crate) fn network(self) -> Option<IpAddr> {
        self.0.map(client_network)
    }
}

/// Works out the client's address of a request, and keeps it with the request.
pub(crate) fn assign(proxies: &TrustedProxies, request: &mut Request) -> ClientAddress {
    let address = match request.extensions().get::<Peer>() {
        Some(Peer::Remote(peer) | Peer::Certified(peer, _)) => Some(proxies.client(*peer, request.headers())),
        Some(Peer::Local(_)) | None => None,
    };
    let address = ClientAddress(address);
    request.extensions_mut().insert(address);
    address
}

/// The lines of a header, the last first, as every proxy adds at the end. `None` if there are none.
fn chain<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = &'h [u8]>> {
    headers.contains_key(name).then(|| {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
        lines.into_iter().rev()
    })
}

/// The hops of one line of `X-Forwarded-For`, from the right.
fn list_hops(line: &[u8]) -> impl Iterator<Item = Result<Hop, Malformed>> {
    line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()).map(|hop| {
        let text = std::str::from_utf8(hop).map_err(|_| Malformed)?;
        match node_address(text) {
            // Written without brackets here, as there need not be a port.
            None => text.parse().map(address).map_err(|_| Malformed),
            Some(hop) => Ok(hop),
        }
    })
}

fn address(address: IpAddr) -> Hop {
    Hop::Address(address.to_canonical())
}

/// Reads `unknown`, `_hidden`, an IPv4 address or an IPv6 address in brackets, each with a port or without one.
fn node_address(text: &str) -> Option<Hop> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(name, rest)| (Some(name), rest))?,
        None => (None, text),
    };
    let Some(v6) = name else {
        let (name, port) = port.split_once(':').map_or((port, None), |(name, port)| (name, Some(port)));
        if !port.is_none_or(is_port) {
            return None;
        }
        return match name.parse::<std::net::Ipv4Addr>() {
            Ok(v4) => Some(address(v4.into())),
            Err(_) => is_hidden(name).then_some(Hop::Hidden),
        };
    };
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return None;
    }
    v6.parse::<Ipv6Addr>().ok().map(|v6| address(v6.into()))
}

fn is_port(text: &str) -> bool {
    is_obfuscated(text) || ((1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_hidden(text: &str) -> bool {
    text.eq_ignore_ascii_case("unknown") || is_obfuscated(text)
}

/// What RFC 7239 calls an obfuscated identifier.
fn is_obfuscated(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_sign))
}

#[cfg(test)]
mod tests;
