//! A request to a witness, a cosignature and a key of a witness that can be read are written the same again.
#![no_main]

use casemate_ledger::{AddCheckpoint, Cosignature, NodeKey, WitnessPublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
        let key = NodeKey::from_seed(&[7; 32]);
        let _ = request.judge(key.public_key(), None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Some(cosignature) = Cosignature::parse(text) {
            assert_eq!(cosignature.to_string(), text);
        }
        if let Ok(key) = text.parse::<WitnessPublicKey>() {
            assert_eq!(key.to_string(), text);
        }
    }
});
