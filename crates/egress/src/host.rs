use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Whom a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, in lower case and without a dot at its end.
    Name(String),
}

/// Text that is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host must be a name of letters, digits, hyphens and dots, or a plain IP address")]
pub struct HostError;

impl Host {
    /// The host as TLS spells it, where an IPv6 address has no brackets.
    pub fn text(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name) => name.clone(),
        }
    }

    /// Host and port as the header `host` spells them, where the port is left out if it is the usual one.
    pub fn authority(&self, port: u16, encrypted: bool) -> String {
        let usual = if encrypted { 443 } else { 80 };
        if port == usual { self.to_string() } else { format!("{self}:{port}") }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return address.parse().map(|address| Self::Address(IpAddr::V6(address))).map_err(|_| HostError);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let name = text.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let label_fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // `127.1`, `0x7f000001` and `2130706433` are addresses to a resolver: a name's last part begins with a letter.
        let last = name.rsplit('.').next().unwrap_or_default();
        let fits = name.len() <= 253
            && name.split('.').all(label_fits)
            && last.starts_with(|first: char| first.is_ascii_alphabetic());
        if fits { Ok(Self::Name(name.to_owned())) } else { Err(HostError) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Name(name) => f.pad(name),
        }
    }
}
