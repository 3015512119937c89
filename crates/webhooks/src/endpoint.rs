use std::fmt;
use std::str::FromStr;

use casemate_egress::{Host, HostError};
use http::Uri;

/// An address that a webhook sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    text: String,
    host: Host,
    port: u16,
    encrypted: bool,
}

/// Text that is no [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL of HTTP.
    #[error("use a URL such as https://example.org/hooks, of at most {URL_BYTES_MAX} plain ASCII characters")]
    Url,
    /// A user name or password is in it.
    #[error("a URL with a user name or password is not taken: receivers know a delivery by its signature")]
    Credentials,
    /// A fragment is in it, which is never sent.
    #[error("a URL with a fragment is not taken")]
    Fragment,
    /// Its host is no name that stands for one, or an address that is not written as usual.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Its port is for something else.
    #[error("the port must be 80, 443 or from 1024 on")]
    Port,
}

/// Most bytes of a URL.
const URL_BYTES_MAX: usize = 2_048;

impl Endpoint {
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The host as TLS and the header `host` spell it; an IPv6 address stands in brackets in the header only.
    pub fn host_text(&self) -> String {
        self.host.text()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is of HTTPS.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, where the port is not the usual one.
    pub(crate) fn authority(&self) -> String {
        self.host.authority(self.port, self.encrypted)
    }

    /// The path and query to ask for.
    pub(crate) fn path(&self) -> String {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |start| &rest[start..]);
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.len() <= URL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || text.contains('\\') {
            return Err(EndpointError::Url);
        }
        if text.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::Url)?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EndpointError::Url),
        };
        let authority = uri.authority().ok_or(EndpointError::Url)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Credentials);
        }
        let host: Host = authority.host().parse()?;
        let written = authority.as_str()[authority.host().len()..].strip_prefix(':');
        let port = match written {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().map_err(|_| EndpointError::Port)?
            }
            Some(_) => return Err(EndpointError::Port),
            None => {
                if encrypted {
                    443
                } else {
                    80
                }
            }
        };
        // Others below 1024 are of services that take no webhooks, and would be spoken to by a forged request.
        if !matches!(port, 80 | 443 | 1024..) {
            return Err(EndpointError::Port);
        }
        if !starts_with_path(text, authority.as_str()) {
            return Err(EndpointError::Url);
        }
        Ok(Self { text: text.to_owned(), host, port, encrypted })
    }
}

/// What follows the authority is a path, a query or nothing.
fn starts_with_path(text: &str, authority: &str) -> bool {
    let rest = text.split_once("://").and_then(|(_, rest)| rest.strip_prefix(authority));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> EndpointError {
        text.parse::<Endpoint>().expect_err(text)
    }

    #[test]
    fn a_url_is_taken_apart_as_it_will_be_sent() {
        let parts = |text: &str| {
            let endpoint: Endpoint = text.parse().unwrap();
            (endpoint.authority(), endpoint.path(), endpoint.port(), endpoint.encrypted())
        };
        let of = |authority: &str, path: &str, port, encrypted| {
            (authority.to_owned(), path.to_owned(), port, encrypted)
        };
        assert_eq!(parts("https://Example.ORG"), of("example.org", "/", 443, true));
        assert_eq!(parts("https://example.org./a?b=c&d"), of("example.org", "/a?b=c&d", 443, true));
        assert_eq!(parts("https://example.org:443?x"), of("example.org", "/?x", 443, true));
        assert_eq!(parts("http://127.0.0.1:8080/h"), of("127.0.0.1:8080", "/h", 8080, false));
        assert_eq!(parts("https://[2001:db8::1]:8443/"), of("[2001:db8::1]:8443", "/", 8443, true));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "example.org",
            "/hook",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://example.org/",
            "https:///hook",
            "https://exa mple.org/",
            "https://example.org/\u{e4}",
            "https://example.org\\@evil.example/",
            "https://example.org/\r\nhost: x",
            &format!("https://example.org/{}", "a".repeat(2_048)),
        ] {
            assert_eq!(refused(text), EndpointError::Url, "{text}");
        }
        for text in ["https://a:b@example.org/", "https://a@example.org/", "https://example.org@127.0.0.1/"] {
            assert_eq!(refused(text), EndpointError::Credentials, "{text}");
        }
        for text in ["https://example.org/#a", "https://example.org#@127.0.0.1/"] {
            assert_eq!(refused(text), EndpointError::Fragment, "{text}");
        }
    }

    #[test]
    fn no_odd_spelling_of_an_address_is_a_name() {
        for host in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "1.2.3.4.5",
            "1",
            "example.0x7f",
            "example.1",
            "-",
            "a..b",
            ".",
            "a b",
            "%31",
            "[fe80::1%25eth0]",
            "[::1",
        ] {
            let text = format!("https://{host}/");
            let error = refused(&text);
            assert!(matches!(error, EndpointError::Host(_) | EndpointError::Url), "{host}: {error:?}");
        }
        for port in ["0", "22", "25", "445", "1023", "65536", "-1", "", "+443"] {
            let error = refused(&format!("https://example.org:{port}/"));
            assert!(matches!(error, EndpointError::Port | EndpointError::Url), "{port}: {error:?}");
        }
    }
}
