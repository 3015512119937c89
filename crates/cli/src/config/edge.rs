//! What the configuration says about the edge: the proxies in front of the node, and who reads its metrics.

use std::net::SocketAddr;

use casemate_server::{TrustedProxies, TrustedProxiesError};

use super::{ConfigError, bad};

/// Reads the networks of proxies that are believed.
pub(super) fn trusted_proxies(written: &[String]) -> Result<TrustedProxies, ConfigError> {
    let expected = "at most 64 networks of proxies of yours, such as 10.0.0.0/8, and never every address";
    let networks = TrustedProxies::parse(written.iter().map(String::as_str));
    networks.map_err(|error| match error {
        TrustedProxiesError::Network(text) | TrustedProxiesError::Everybody(text) => {
            bad("trusted_proxies", &text, expected)
        }
        TrustedProxiesError::TooMany => bad("trusted_proxies", "that many", expected),
    })
}

/// Reads the address of metrics, which is reached by others only if somebody said so twice.
pub(super) fn metrics_listen(text: &str, public: bool) -> Result<Option<SocketAddr>, ConfigError> {
    let expected =
        "a loopback address and port, such as 127.0.0.1:7072; others need metrics_listen_public = true";
    if text.is_empty() {
        return Ok(None);
    }
    let address: SocketAddr = text.parse().map_err(|_| bad("metrics_listen", text, expected))?;
    let fits = public || address.ip().is_loopback();
    if fits { Ok(Some(address)) } else { Err(bad("metrics_listen", text, expected)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_not_shown_to_everybody_by_accident() {
        let listen = |text, public| metrics_listen(text, public).map_err(|error| error.to_string());
        let loopback = "127.0.0.1:7072".parse().expect("an address");
        let open = "0.0.0.0:7072".parse().expect("an address");
        assert_eq!((listen("", true), listen("127.0.0.1:7072", false)), (Ok(None), Ok(Some(loopback))));
        assert_eq!(listen("0.0.0.0:7072", true), Ok(Some(open)));
        let refused = listen("0.0.0.0:7072", false).expect_err("everybody's");
        assert!(
            refused.starts_with("the configuration key `metrics_listen` cannot be `0.0.0.0:7072`"),
            "{refused}"
        );
    }

    #[test]
    fn a_list_that_trusts_everybody_is_refused() {
        trusted_proxies(&["10.0.0.0/8".to_owned(), "::1".to_owned()]).expect("networks");
        let refused =
            trusted_proxies(&["0.0.0.0/0".to_owned()]).expect_err("no network of proxies").to_string();
        assert_eq!(
            refused,
            "the configuration key `trusted_proxies` cannot be `0.0.0.0/0`: use at most 64 networks of proxies of \
             yours, such as 10.0.0.0/8, and never every address"
        );
    }
}
