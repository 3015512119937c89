use std::net::IpAddr;
use std::str::FromStr;

use casemate_model::{DnsPrefix, Name};
use hickory_proto::rr::Name as DnsName;

/// The part of the world's names that is ours: every name stands below its origin.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: DnsName,
    /// Servers that answer for it, with their addresses where those are in the zone.
    servers: Vec<(DnsName, Vec<IpAddr>)>,
    contact: DnsName,
}

/// What is no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The origin is none.
    #[error("`{0}` is no domain name")]
    Origin(String),
    /// A server's name is none.
    #[error("`{0}` is no name of a server")]
    Server(String),
    /// There is no server.
    #[error("a zone has at least one server")]
    NoServer,
}

/// Where a question points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Out of the zone.
    Outside,
    /// At the origin.
    Origin,
    /// At a server's name in the zone, whose addresses are known.
    Server(Vec<IpAddr>),
    /// At a name, or at a place below it with a prefix.
    Name {
        /// The name.
        name: Name,
        /// The labels before it, if they are a prefix.
        prefix: Option<DnsPrefix>,
    },
    /// In the zone, where nothing can be.
    Nowhere,
}

impl Zone {
    /// A zone at `origin`, whose `servers` are named with addresses, as `ns1.example.org` or `ns1.example.org=192.0.2.1`.
    pub fn new(origin: &str, servers: &[String]) -> Result<Self, ZoneError> {
        let bad = || ZoneError::Origin(origin.to_owned());
        let origin = absolute(origin).filter(|origin| !origin.is_root()).ok_or_else(bad)?;
        let servers = servers.iter().map(|text| server(text)).collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Err(ZoneError::NoServer);
        }
        let contact = DnsName::from_str("hostmaster").and_then(|name| name.append_domain(&origin));
        Ok(Self { contact: contact.map_err(|_| bad())?, origin, servers })
    }

    /// Where it begins.
    pub fn origin(&self) -> &DnsName {
        &self.origin
    }

    pub(crate) fn servers(&self) -> &[(DnsName, Vec<IpAddr>)] {
        &self.servers
    }

    /// Whom to write to, as DNS writes it.
    pub(crate) fn contact(&self) -> &DnsName {
        &self.contact
    }

    /// Where a name points.
    pub(crate) fn place_of(&self, asked: &DnsName) -> Place {
        if !self.origin.zone_of(asked) {
            return Place::Outside;
        }
        let depth = usize::from(asked.num_labels()) - usize::from(self.origin.num_labels());
        if depth == 0 {
            return Place::Origin;
        }
        if let Some((_, addresses)) = self.servers.iter().find(|(server, _)| server == asked)
            && !addresses.is_empty()
        {
            return Place::Server(addresses.clone());
        }
        let labels: Option<Vec<String>> = asked.iter().take(depth).map(lower).collect();
        let Some(labels) = labels else { return Place::Nowhere };
        let prefixed = labels.iter().take_while(|label| label.starts_with('_')).count();
        let Ok(name) = labels[prefixed..].join(".").parse() else { return Place::Nowhere };
        if prefixed == 0 {
            return Place::Name { name, prefix: None };
        }
        match labels[..prefixed].join(".").parse() {
            Ok(prefix) => Place::Name { name, prefix: Some(prefix) },
            Err(()) => Place::Nowhere,
        }
    }

    /// Where a name stands in the world's tree; nothing if that is too long.
    pub(crate) fn name_of(&self, name: &Name, prefix: Option<&DnsPrefix>) -> Option<DnsName> {
        let text = match prefix {
            Some(prefix) => format!("{prefix}.{name}"),
            None => name.to_string(),
        };
        let labels = text.split('.').map(str::as_bytes).chain(self.origin.iter());
        let mut whole = DnsName::from_labels(labels).ok()?;
        whole.set_fqdn(true);
        Some(whole)
    }
}

/// A label as names have them: ASCII in lower case, printable.
fn lower(label: &[u8]) -> Option<String> {
    let is_plain = label.iter().all(u8::is_ascii_graphic) && !label.contains(&b'.');
    is_plain.then(|| label.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

fn absolute(text: &str) -> Option<DnsName> {
    let mut name = DnsName::from_ascii(text.to_ascii_lowercase()).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn server(text: &str) -> Result<(DnsName, Vec<IpAddr>), ZoneError> {
    let bad = || ZoneError::Server(text.to_owned());
    let (name, addresses) = text.split_once('=').unwrap_or((text, ""));
    let name = absolute(name).filter(|name| !name.is_root()).ok_or_else(bad)?;
    let addresses = addresses.split(',').filter(|address| !address.is_empty());
    let addresses = addresses.map(|address| address.parse().map_err(|_| bad()));
    Ok((name, addresses.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(text: &str) -> DnsName {
        absolute(text).unwrap()
    }

    #[test]
    fn a_name_of_the_zone_is_one_of_ours_and_back() {
        let zone = Zone::new("Names.Example", &["ns1.names.example=192.0.2.53".to_owned()]).unwrap();
        let name = |name: &str, prefix: Option<&str>| Place::Name {
            name: name.parse().unwrap(),
            prefix: prefix.map(|prefix| prefix.parse().unwrap()),
        };
        for (asked, place) in [
            ("names.example", Place::Origin),
            ("example", Place::Outside),
            ("othernames.example", Place::Outside),
            ("WordCount.Tools.names.example", name("wordcount.tools", None)),
            ("_http._tcp.wordcount.tools.names.example", name("wordcount.tools", Some("_http._tcp"))),
            ("_a._b._c.tools.names.example", Place::Nowhere),
            ("_tcp.names.example", Place::Nowhere),
            ("ab--c.names.example", Place::Nowhere),
            ("12.names.example", Place::Nowhere),
            ("ns1.names.example", Place::Server(vec!["192.0.2.53".parse().unwrap()])),
        ] {
            assert_eq!(zone.place_of(&dns(asked)), place, "{asked}");
        }
        let whole = zone.name_of(&"wordcount.tools".parse().unwrap(), None).unwrap();
        assert_eq!(whole, dns("wordcount.tools.names.example"));
        let long = format!("{}.abc", ["a".repeat(60).as_str(); 4].join("."));
        assert_eq!(zone.name_of(&long.parse().unwrap(), None), None, "the world's tree has no room for it");
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let servers = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(matches!(Zone::new(".", &servers(&["ns1.example"])), Err(ZoneError::Origin(_))));
        assert!(matches!(Zone::new("a..b", &servers(&["ns1.example"])), Err(ZoneError::Origin(_))));
        assert!(matches!(Zone::new("a.example", &[]), Err(ZoneError::NoServer)));
        for bad in ["", "ns1.example=x", "ns1..example", "ns1.example=1.2.3"] {
            assert!(matches!(Zone::new("a.example", &servers(&[bad])), Err(ZoneError::Server(_))), "{bad}");
        }
    }
}
