//! The listener of mutual TLS.

use std::net::SocketAddr;

use super::{ConfigError, bad};

/// Most names of the listener.
const NAMES_MAX: usize = 32;

/// Where clients with a certificate of the node's authority come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutual {
    /// The address.
    pub(crate) listen: SocketAddr,
    /// The DNS names and addresses by which clients reach it; they are in its certificate.
    pub(crate) names: Vec<String>,
}

/// Reads the address, and the names beside those that are so on every machine.
pub(super) fn mutual(listen: &str, names: &[String]) -> Result<Option<Mutual>, ConfigError> {
    if listen.is_empty() {
        return Ok(None);
    }
    let address: SocketAddr = listen
        .parse()
        .map_err(|_| bad("mutual_listen", listen, "an IP address and port, such as 127.0.0.1:7073"))?;
    if names.len() > NAMES_MAX {
        return Err(bad("mutual_names", "that many", "at most 32 names"));
    }
    for name in names {
        let good = (1..=253).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
        if !good {
            return Err(bad("mutual_names", name, "DNS names and IP addresses, such as node1.example.org"));
        }
    }
    let always = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    Ok(Some(Mutual { listen: address, names: always.into_iter().chain(names.iter().cloned()).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_names_are_read() {
        assert_eq!(mutual("", &[]).map_err(|error| error.to_string()), Ok(None));
        let read = mutual("127.0.0.1:7073", &["node1.example.org".to_owned()]).expect("both are good");
        assert_eq!(read.expect("it is served").names, ["localhost", "127.0.0.1", "::1", "node1.example.org"]);
        let refused = |listen, name: &str| mutual(listen, &[name.to_owned()]).expect_err("no").to_string();
        assert!(refused("7073", "a").starts_with("the configuration key `mutual_listen` cannot be `7073`"));
        assert!(
            refused("127.0.0.1:7073", "a b")
                .starts_with("the configuration key `mutual_names` cannot be `a b`")
        );
        assert!(refused("127.0.0.1:7073", "").starts_with("the configuration key `mutual_names`"));
    }
}
