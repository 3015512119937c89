//! Foreign content is not seen through, or exactly comes back: alone, on itself, and on another.
#![no_main]

use casemate_delta::through::{Opened, Proof, rewrap, unwrap};
use casemate_delta::{Limits, Policy};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { content_bytes_max: 1 << 20, plain_bytes_max: 4 << 20, streams_max: 256 };

fuzz_target!(|bytes: &[u8]| {
    let (base, content) = bytes.split_at(bytes.len() / 2);
    let opened = |content: &[u8]| Opened::new([0; 32], content.to_vec(), &LIMITS);
    for base in [None, opened(base), opened(content)] {
        for policy in [Policy::Size, Policy::Balanced, Policy::Speed] {
            let parts = unwrap(content, base.as_ref(), policy, &LIMITS, Proof::Whole);
            let Some(parts) = parts else { continue };
            let mut again = Vec::new();
            rewrap(&parts, base.as_ref(), &LIMITS, &mut again).expect("what was taken apart can be put together");
            assert_eq!(again, content);
        }
    }
});
