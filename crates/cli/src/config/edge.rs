//! What the configuration says about the edge: the proxies in front of the node.

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

#[cfg(test)]
mod tests {
    use super::*;

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
