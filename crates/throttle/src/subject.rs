use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use casemate_model::{PrincipalKind, client_network};

/// Whose requests are counted together. The text form is `key:…`, `session:…`, `user:…` or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The holder of a credential that was verified.
    Credential(PrincipalKind),
    /// A client without one: an IPv4 address, or the first 64 bits of an IPv6 address.
    Network(IpAddr),
}

/// Text that is no [`Subject`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nobody who is limited: use key:…, session:…, user:…, or an IP address")]
pub struct SubjectError(String);

impl Subject {
    /// The network of an address.
    pub fn network(address: IpAddr) -> Self {
        Self::Network(client_network(address))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(kind) => kind.fmt(f),
            Self::Network(address) => address.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::network(address));
        }
        match text.parse() {
            Ok(kind @ (PrincipalKind::Key(_) | PrincipalKind::Session(_) | PrincipalKind::User(_))) => {
                Ok(Self::Credential(kind))
            }
            Ok(PrincipalKind::Anonymous | PrincipalKind::LocalUser(_) | PrincipalKind::Node) | Err(_) => {
                Err(SubjectError(text.chars().take(64).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_credentials_and_networks() {
        for (text, meant) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
            ("key:key_01kga0j4tv04106081040g2081", "key:key_01kga0j4tv04106081040g2081"),
        ] {
            assert_eq!(text.parse::<Subject>().map(|subject| subject.to_string()), Ok(meant.to_owned()));
        }
        for text in ["", "anonymous", "node", "uid:0", "203.0.113.0/24", "key:"] {
            assert_eq!(text.parse::<Subject>(), Err(SubjectError(text.to_owned())));
        }
    }
}
