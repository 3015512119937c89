//! A bundle that can be read is written the same again; verifying any bytes ends without a panic.
#![no_main]

use casemate_ledger::Bundle;
use casemate_ledger::verify::verify_bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_eq!(bundle.to_string().as_bytes(), bytes);
    }
    let _ = verify_bundle(bytes, None, None, None);
});
