use std::fmt;
use std::str::FromStr;

use casemate_egress::Host;
use http::Uri;

use crate::records::HOSTS_MAX;

/// A host that a function may ask: `api.example.org`, `*.example.org`, `example.org:8443`, or `http://` before it for
/// unencrypted requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    encrypted: bool,
    below: bool,
    host: Host,
    port: u16,
}

/// Text that is no [`HostRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host: use one such as api.example.org, *.example.org, example.org:8443 or http://10.0.0.1:8080"
)]
pub struct HostRuleError(String);

/// All hosts that a function may ask. None is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRules(Vec<HostRule>);

impl HostRule {
    fn allows(&self, encrypted: bool, host: &Host, port: u16) -> bool {
        let same = match (&self.host, host) {
            (Host::Name(own), Host::Name(asked)) if self.below => {
                asked.strip_suffix(own.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (own, asked) => own == asked,
        };
        same && (self.encrypted, self.port) == (encrypted, port)
    }
}

impl HostRules {
    /// Takes rules, at most [`HOSTS_MAX`]; nothing if there are more.
    pub fn new(rules: Vec<HostRule>) -> Option<Self> {
        (rules.len() <= HOSTS_MAX).then_some(Self(rules))
    }

    /// The rules as they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Where a request goes, if it may: whether it is encrypted, the host and the port.
    pub fn destination(&self, uri: &Uri) -> Option<(bool, Host, u16)> {
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host: Host = authority.host().parse().ok()?;
        let port = authority.port_u16().unwrap_or_else(|| usual_port(encrypted));
        self.0.iter().any(|rule| rule.allows(encrypted, &host, port)).then_some((encrypted, host, port))
    }
}

const fn usual_port(encrypted: bool) -> u16 {
    if encrypted { 443 } else { 80 }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || HostRuleError(text.chars().take(128).collect());
        let (encrypted, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(refused()),
            None => (true, text),
        };
        let (below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        let (host, port) = match rest.rsplit_once(':') {
            // Within brackets a colon belongs to the address.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(refused)?)
            }
            _ => (rest, usual_port(encrypted)),
        };
        let host: Host = host.parse().map_err(|_| refused())?;
        if below && !matches!(&host, Host::Name(name) if name.contains('.')) {
            return Err(refused());
        }
        Ok(Self { encrypted, below, host, port })
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.encrypted {
            f.write_str("http://")?;
        }
        if self.below {
            f.write_str("*.")?;
        }
        write!(f, "{}", self.host)?;
        if self.port == usual_port(self.encrypted) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> HostRules {
        HostRules::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn only_what_is_declared_may_be_asked() {
        let rules =
            rules(&["api.example.org", "*.example.com", "example.net:8443", "http://10.0.0.1:8080", "[::1]"]);
        let may = |uri: &str| rules.destination(&uri.parse().unwrap()).is_some();
        for uri in [
            "https://api.example.org/a?b",
            "https://API.example.org:443/",
            "https://a.example.com/",
            "https://a.b.example.com/",
            "https://example.net:8443/",
            "http://10.0.0.1:8080/",
            "https://[::1]/",
        ] {
            assert!(may(uri), "{uri}");
        }
        for uri in [
            "http://api.example.org/",
            "https://api.example.org:8443/",
            "https://evil.org/",
            "https://example.com/",
            "https://evilexample.com/",
            "https://api.example.org.evil.org/",
            "https://api.example.org@evil.org/",
            "https://user@api.example.org/",
            "https://example.net/",
            "http://10.0.0.1/",
            "http://10.0.0.2:8080/",
            "https://0x0a000001/",
            "/a",
        ] {
            assert!(!may(uri), "{uri}");
        }
        assert!(HostRules::default().destination(&"https://example.org/".parse().unwrap()).is_none());
    }

    #[test]
    fn text_goes_there_and_back_and_odd_text_is_refused() {
        for text in
            ["api.example.org", "*.example.com", "a.b:8443", "http://10.0.0.1:8080", "[::1]", "[::1]:8443"]
        {
            assert_eq!(text.parse::<HostRule>().unwrap().to_string(), text);
        }
        assert_eq!("https://A.b:443".parse::<HostRule>().unwrap().to_string(), "a.b");
        for text in
            ["", "*", "*.com", "*.10.0.0.1", "a b", "ftp://a.b", "a.b/c", "a.b:0", "a.b:x", "127.1", "a@b.c"]
        {
            assert!(text.parse::<HostRule>().is_err(), "{text}");
        }
    }
}
