use std::net::IpAddr;
use std::str::FromStr;

/// The site that passkeys are for: the console's. A passkey is bound to the domain for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origin: String,
}

/// Text that cannot be the address of a site with passkeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "passkeys need an address with a domain, such as https://casemate.example.org, or http://localhost:7070"
)]
pub struct RelyingPartyError;

impl RelyingParty {
    /// The domain.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Scheme, domain and port, as browsers write them.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl FromStr for RelyingParty {
    type Err = RelyingPartyError;

    /// Takes `https://DOMAIN` with or without a port, or `http://localhost`, with which browsers deal as with TLS. They have
    /// no passkeys for IP addresses.
    fn from_str(text: &str) -> Result<Self, RelyingPartyError> {
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or(RelyingPartyError)?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| RelyingPartyError)?)),
            None => (authority, None),
        };
        let is_domain = host.parse::<IpAddr>().is_err()
            && (1..=253).contains(&host.len())
            && host.split('.').all(is_label);
        let default_port = match scheme {
            "https" => 443,
            "http" if host == "localhost" => 80,
            _ => return Err(RelyingPartyError),
        };
        if !is_domain {
            return Err(RelyingPartyError);
        }
        let port = port.filter(|port| *port != default_port).map(|port| format!(":{port}"));
        Ok(Self { id: host.to_owned(), origin: format!("{scheme}://{host}{}", port.unwrap_or_default()) })
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_a_domain_and_tls_or_is_this_machine() {
        let of = |text: &str| text.parse::<RelyingParty>().map(|party| (party.id, party.origin));
        let site = |id: &str, origin: &str| Ok((id.to_owned(), origin.to_owned()));
        assert_eq!(
            of("https://Casemate.example.org"),
            site("casemate.example.org", "https://casemate.example.org")
        );
        assert_eq!(of("https://a.example:443"), site("a.example", "https://a.example"));
        assert_eq!(of("https://a.example:8443"), site("a.example", "https://a.example:8443"));
        assert_eq!(of("http://localhost:7070"), site("localhost", "http://localhost:7070"));
        for text in [
            "",
            "a.example",
            "http://a.example",
            "https://127.0.0.1",
            "https://[::1]",
            "https://a.example/",
            "https://-a.example",
            "https://a..example",
            "https://a.example:x",
            "ftp://a.example",
            "https://",
            "https://u@a.example",
        ] {
            assert_eq!(of(text), Err(RelyingPartyError), "{text}");
        }
    }
}
