//! Whatever an entry decodes from is what it encodes to.
#![no_main]

use casemate_ledger::Entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode().expect("what was decoded can be encoded"), bytes);
    }
});
