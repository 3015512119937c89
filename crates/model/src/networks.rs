use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Networks from which a credential may be used; none means from everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Text that is no [`Networks`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a network: use an address or CIDR, such as 192.0.2.7 or 2001:db8::/32, at most {NETWORKS_MAX} of them"
)]
pub struct NetworksError(String);

/// Most networks of one credential. Each is looked at on every request.
const NETWORKS_MAX: usize = 32;

impl Networks {
    /// Tells whether a credential may be used from `address`. IPv4 in IPv6 counts as IPv4.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// Tells whether one of the networks has `address` in it; with no networks, none has. IPv4 in IPv6 counts as IPv6.
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether a credential may be used from nowhere where one of `others` may not.
    pub fn are_within(&self, others: &Self) -> bool {
        let covered = |network: &IpNet| others.0.iter().any(|other| other.contains(network));
        others.0.is_empty() || (!self.0.is_empty() && self.0.iter().all(covered))
    }

    /// The networks.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Networks {
    /// Writes the networks with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{network}")?;
        }
        Ok(())
    }
}

impl FromStr for Networks {
    type Err = NetworksError;

    /// Reads networks separated by spaces. What stands behind a network's prefix is dropped: `10.1.2.3/8` is `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |text: &str| NetworksError(text.chars().take(60).collect());
        let mut networks = Vec::new();
        for part in text.split_ascii_whitespace() {
            let network = part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
            networks.push(network.ok_or_else(|| bad(part))?.trunc());
            if networks.len() > NETWORKS_MAX {
                return Err(bad(part));
            }
        }
        networks.sort_unstable();
        networks.dedup();
        Ok(Self(networks))
    }
}

/// What one client can take addresses from, and so what is counted as one: an IPv4 address, or the first 64 bits of an IPv6
/// address.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_good_in_its_networks() {
        let networks: Networks = "10.1.2.3/8 2001:db8::/32 192.0.2.7 10.0.0.0/8".parse().expect("networks");
        assert_eq!(networks.to_string(), "10.0.0.0/8 192.0.2.7/32 2001:db8::/32");
        let allow = |address: &str| networks.allow(address.parse().expect("an address"));
        assert!(
            allow("10.255.0.1") && allow("192.0.2.7") && allow("2001:db8::1") && allow("::ffff:10.0.0.1")
        );
        assert!(!allow("192.0.2.8") && !allow("11.0.0.1") && !allow("::1"));
        assert!(Networks::default().allow("192.0.2.8".parse().expect("an address")));
        for text in ["a", "10.0.0.0/33", "10.0.0", "::/129", &"1.1.1.1 ".repeat(33)] {
            assert!(matches!(text.parse::<Networks>(), Err(NetworksError(_))), "{text}");
        }
    }
}
