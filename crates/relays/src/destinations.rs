use std::fmt;
use std::str::FromStr;

use casemate_egress::Host;

/// Most destinations of a session.
pub const DESTINATIONS_MAX: usize = 32;

/// Where a session may lead: `example.org:443`, `*.example.org:443`, `10.0.0.1:22` or `[::1]:22`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    below: bool,
    host: Host,
    port: u16,
}

/// Text that is no [`Destination`], or too many of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The text is none.
    #[error("`{0}` is no destination: use a host and port, such as example.org:443 or *.example.org:443")]
    Text(String),
    /// There are none, or too many.
    #[error("a session has 1 to {DESTINATIONS_MAX} destinations")]
    Count,
}

/// All destinations of a session; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations(Vec<Destination>);

impl Destinations {
    /// Reads destinations.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, DestinationError> {
        let all: Vec<Destination> = texts.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        if (1..=DESTINATIONS_MAX).contains(&all.len()) { Ok(Self(all)) } else { Err(DestinationError::Count) }
    }

    /// The destinations as they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Where an authority leads, `host:port`, if a session may lead there. Names are compared whole, never by their beginning.
    pub fn allow(&self, authority: &str) -> Option<(Host, u16)> {
        let asked: Destination = authority.parse().ok().filter(|asked: &Destination| !asked.below)?;
        self.0.iter().any(|own| own.covers(&asked)).then_some((asked.host, asked.port))
    }
}

impl Destination {
    fn covers(&self, asked: &Self) -> bool {
        let same = match (&self.host, &asked.host) {
            (Host::Name(own), Host::Name(asked)) if self.below => {
                asked.strip_suffix(own.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (own, asked) => own == asked,
        };
        same && self.port == asked.port
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let refused = || DestinationError::Text(text.chars().take(128).collect());
        let (below, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let (host, port) = rest.rsplit_once(':').ok_or_else(refused)?;
        // One spelling for one port.
        let port = port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port);
        let host: Host = host.parse().map_err(|_| refused())?;
        if below && !matches!(&host, Host::Name(name) if name.contains('.')) {
            return Err(refused());
        }
        Ok(Self { below, host, port: port.ok_or_else(refused)? })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.below {
            f.write_str("*.")?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(" "))
    }
}

impl FromStr for Destinations {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        Self::parse(text.split(' '))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_is_reached() {
        let all = ["example.org:443", "*.example.com:443", "10.0.0.1:22", "[::1]:22"];
        let destinations = Destinations::parse(all).expect("destinations");
        assert_eq!(destinations.to_string().parse(), Ok(destinations.clone()));
        for good in ["example.org:443", "EXAMPLE.org:443", "a.b.example.com:443", "10.0.0.1:22", "[::1]:22"] {
            assert!(destinations.allow(good).is_some(), "{good}");
        }
        for bad in [
            "example.org:80",
            "example.org",
            "example.org.evil.net:443",
            "evilexample.com:443",
            "example.com:443",
            "*.example.com:443",
            "10.0.0.1:0022",
            "10.0.0.11:22",
            "0x0a000001:22",
            "user@example.org:443",
            "example.org:443/x",
            "example.org :443",
            "",
            ":443",
            "[::1%25eth0]:22",
        ] {
            assert_eq!(destinations.allow(bad), None, "{bad}");
        }
    }

    #[test]
    fn there_is_something_to_reach_and_not_everything() {
        assert_eq!(Destinations::parse([]), Err(DestinationError::Count));
        assert_eq!(Destinations::parse(["a.b:1"; DESTINATIONS_MAX + 1]), Err(DestinationError::Count));
        for bad in ["*:443", "*.org:443", "example.org:0", "example.org:65536", "example.org:+1", "a b:1"] {
            assert!(matches!(bad.parse::<Destination>(), Err(DestinationError::Text(_))), "{bad}");
        }
    }
}
