use casemate_model::Networks;
use serde::{Deserialize, Serialize};

use super::{ConfigError, bad};

/// What was written about webhooks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrittenWebhooks {
    /// Networks beside the public ones that webhooks may be sent to, without TLS too, such as `10.1.0.0/16`.
    pub(crate) allow_networks: Vec<String>,
}

/// Reads the networks that webhooks may be sent to.
pub(super) fn allowed(written: &WrittenWebhooks) -> Result<Networks, ConfigError> {
    let text = written.allow_networks.join(" ");
    let expected = "at most 32 networks, such as 10.1.0.0/16";
    text.parse().map_err(|_| bad("webhooks.allow_networks", &text, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_mistakes_named() {
        let read = |networks: &[&str]| {
            let allow_networks = networks.iter().map(|text| (*text).to_owned()).collect();
            allowed(&WrittenWebhooks { allow_networks }).map(|networks| networks.to_string())
        };
        assert_eq!(read(&["127.0.0.1", "10.1.2.3/16"]).unwrap(), "10.1.0.0/16 127.0.0.1/32");
        assert_eq!(
            read(&["10.0.0.0/33"]).unwrap_err().to_string(),
            "the configuration key `webhooks.allow_networks` cannot be `10.0.0.0/33`: use at most 32 networks, such as \
             10.1.0.0/16"
        );
    }
}
