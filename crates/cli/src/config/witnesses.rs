//! Witnesses that cosign the log.

use casemate_ledger::{Checkpoint, WitnessPublicKey};
use casemate_witness::WitnessAddress;

use super::{ConfigError, bad};

/// Works out where witnesses are, and by which keys they are known.
pub(super) fn settings(written: &[String]) -> Result<Vec<(WitnessAddress, WitnessPublicKey)>, ConfigError> {
    if written.len() > Checkpoint::COSIGNATURES_MAX {
        let expected = format!("at most {} of them", Checkpoint::COSIGNATURES_MAX);
        return Err(bad("witnesses", "that many", &expected));
    }
    written.iter().map(|text| witness(text)).collect()
}

fn witness(text: &str) -> Result<(WitnessAddress, WitnessPublicKey), ConfigError> {
    let parsed =
        text.split_once(' ').and_then(|(address, key)| Some((address.parse().ok()?, key.parse().ok()?)));
    let expected = "the URL of a witness, a space and its key, as `casemate witness serve` prints them";
    parsed.ok_or_else(|| bad("witnesses", text, expected))
}

#[cfg(test)]
mod tests {
    use casemate_ledger::WitnessKey;

    use super::*;

    #[test]
    fn a_witness_is_named_with_its_key() {
        let key = WitnessKey::from_seed("w.example/one", &[7; 32]).expect("a name").public_key().to_string();
        let good = format!("http://127.0.0.1:7500 {key}");
        assert_eq!(settings(std::slice::from_ref(&good)).expect("it is good").len(), 1);
        for bad in ["http://127.0.0.1:7500", &key, &format!("ftp://w.example {key}")] {
            let error = settings(&[bad.to_owned()]).expect_err(bad).to_string();
            assert!(error.contains("`witnesses`") && error.contains("casemate witness serve"), "{error}");
        }
        settings(&vec![good; 9]).expect_err("too many");
    }
}
