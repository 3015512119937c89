//! To which addresses a node may send on somebody's behalf: the guard against requests that are forged through the server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Networks;

/// What a node may reach for others. Public addresses always; others only if the operator named their network; and
/// those where clouds tell a machine its secrets, never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allowed: Networks,
}

/// Why nothing is sent to an address. It is for the node's own log: to tell it to whoever named the host would let him ask
/// the node's resolver about its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefused {
    /// It is link-local, or where a cloud's metadata are served; no setting allows it.
    #[error("the address is link-local or serves metadata of a cloud")]
    Metadata,
    /// It is no public address, and in no network that was allowed.
    #[error("the address is not public")]
    NotPublic,
}

impl EgressPolicy {
    /// Public addresses, and those of `allowed`.
    pub fn new(allowed: Networks) -> Self {
        Self { allowed }
    }

    /// Tells whether something may be sent to `address`, exactly as it would be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), EgressRefused> {
        if serves_metadata(address) {
            return Err(EgressRefused::Metadata);
        }
        if is_public(address) || self.allowed.hold(address) { Ok(()) } else { Err(EgressRefused::NotPublic) }
    }

    /// Tells whether `address` is in a network that was allowed by name, where senders may be less strict.
    pub fn is_named(&self, address: IpAddr) -> bool {
        !serves_metadata(address) && self.allowed.hold(address)
    }
}

/// Addresses outside the link-local networks where a cloud tells a machine its secrets.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure, among public addresses
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // Amazon
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // Amazon, of pods
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google
];

/// IPv4 networks that are not public, from IANA's registry of special-purpose addresses.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared by customers of a carrier
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, and broadcast
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112, answers for private names
];

/// Networks within the global unicast addresses of IPv6 that are not public.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo and ORCHID among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which holds an IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|(network, bits)| u32::from(address) >> (32 - bits) == u32::from(*network) >> (32 - bits)),
        // All that is public lies in 2000::/3. What else there is, IPv4 in IPv6 and NAT64 included, is refused unseen.
        IpAddr::V6(address) => {
            let within = |network: &Ipv6Addr, bits: u32| {
                u128::from(address) >> (128 - bits) == u128::from(*network) >> (128 - bits)
            };
            address.segments()[0] & 0xe000 == 0x2000
                && !NOT_PUBLIC_V6.iter().any(|(network, bits)| within(network, *bits))
        }
    }
}

fn serves_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA.contains(&address),
        IpAddr::V6(v6) => {
            let held = held_v4(v6).into_iter().flatten();
            v6.is_unicast_link_local()
                || METADATA.contains(&address)
                || held.map(IpAddr::V4).any(serves_metadata)
        }
    }
}

/// IPv4 addresses that an IPv6 address may be turned into on its way.
fn held_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 3] {
    let segments = address.segments();
    let at =
        |index: usize| Ipv4Addr::from((u32::from(segments[index]) << 16) | u32::from(segments[index + 1]));
    let six_to_four = (segments[0] == 0x2002).then(|| at(1));
    // Mapped and compatible ones, SIIT and both prefixes of NAT64; a Teredo client's is there with every bit turned.
    let last = (segments[0] == 0 || segments[..2] == [0x64, 0xff9b]).then(|| at(6));
    let teredo = (segments[..2] == [0x2001, 0]).then(|| Ipv4Addr::from(!u32::from(at(6))));
    [six_to_four, last, teredo]
}

#[cfg(test)]
mod tests;
