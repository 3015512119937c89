//! Whatever a receipt decodes from is what it encodes to, signed or not.
#![no_main]

use casemate_ledger::{Receipt, SignedReceipt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = Receipt::decode(bytes) {
        assert_eq!(receipt.encode().expect("what was decoded can be encoded"), bytes);
    }
    if let Ok(signed) = SignedReceipt::decode(bytes) {
        assert_eq!(signed.as_bytes(), bytes);
    }
});
