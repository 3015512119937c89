//! A record, a signed record and a proof of a name that can be read are written the same again; checking any bytes ends without a panic.
#![no_main]

use casemate_ledger::verify::verify_name;
use casemate_ledger::{NameBundle, NameRecord, SignedNameRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = NameRecord::decode(bytes) {
        assert_eq!(record.encode(), bytes);
    }
    if let Ok(signed) = SignedNameRecord::decode(bytes) {
        assert_eq!(signed.encode(), bytes);
        let _ = signed.verify_alone();
    }
    if let Ok(bundle) = NameBundle::parse(bytes) {
        assert_eq!(bundle.to_string().as_bytes(), bytes);
    }
    let _ = verify_name(bytes, None, None);
});
