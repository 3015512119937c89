use std::net::IpAddr;

use http::Uri;

/// The address of a node: scheme, host and port, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    encrypted: bool,
    text: String,
    host: String,
    port: u16,
}

/// Text that is no usable [`BaseUrl`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address of a node.
    #[error("`{0}` is not the address of a node: expected https://HOST or https://HOST:PORT, or http://")]
    Malformed(String),
}

impl BaseUrl {
    /// Reads `http` or `https`, `://HOST`, and perhaps `:PORT`.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let shown: String = text.chars().take(120).collect();
        let malformed = || BaseUrlError::Malformed(shown.clone());
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let (scheme, usual_port, encrypted) = match uri.scheme_str() {
            Some("http") => ("http", 80, false),
            Some("https") => ("https", 443, true),
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(malformed());
        }
        // `http` keeps the brackets of an IPv6 address, which name resolution does not take.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(usual_port);
        Ok(Self { encrypted, text: format!("{scheme}://{authority}"), host, port })
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether what is sent there stays on this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// The address of another listener of the same host, which is spoken to encrypted.
    pub fn with_port(&self, port: u16) -> String {
        if self.host.contains(':') {
            format!("https://[{}]:{port}", self.host)
        } else {
            format!("https://{}:{port}", self.host)
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn authority(&self) -> &str {
        self.text.split_once("://").expect("the constructor wrote it").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes() {
        let url = BaseUrl::parse("http://127.0.0.1:7070/").unwrap();
        assert_eq!((url.as_str(), url.host_and_port()), ("http://127.0.0.1:7070", ("127.0.0.1", 7070)));
        let url = BaseUrl::parse("http://[::1]:80").unwrap();
        assert_eq!((url.host_and_port(), url.is_loopback()), (("::1", 80), true));
        let url = BaseUrl::parse("https://[::1]").unwrap();
        assert_eq!((url.authority(), url.host_and_port(), url.is_encrypted()), ("[::1]", ("::1", 443), true));
        assert_eq!(url.with_port(7073), "https://[::1]:7073");
        assert_eq!(BaseUrl::parse("http://a:1").unwrap().with_port(7073), "https://a:7073");
        assert!(BaseUrl::parse("http://localhost").unwrap().is_loopback());
        assert!(!BaseUrl::parse("http://localhost.example.org").unwrap().is_loopback());
        assert!(!BaseUrl::parse("http://192.0.2.1").unwrap().is_loopback());
    }

    #[test]
    fn others_are_refused() {
        for text in
            ["", "host", "ftp://host", "http://", "http://a/b", "http://a?b", "http://u:p@a", "http://a b"]
        {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::Malformed(text.to_owned())), "{text}");
        }
    }
}
