//! Foreign packed bytes are refused, or each segment unpacks to as much as it should; with a base and without.
#![no_main]

use casemate_delta::segmented::{ReadAt, SEGMENT_BYTES, Segmented};
use libfuzzer_sys::fuzz_target;

static BASE: [u8; 200_000] = [7; 200_000];

fuzz_target!(|bytes: &[u8]| {
    let Ok(form) = Segmented::open(&bytes) else {
        return;
    };
    let base = &BASE.as_slice() as &dyn ReadAt;
    // Two are enough: they differ in what the index says of their start.
    for index in 0..form.length().div_ceil(SEGMENT_BYTES).min(2) {
        if let Ok(segment) = form.segment(index, &bytes, form.base().map(|_| base)) {
            let expected = (form.length() - index * SEGMENT_BYTES).min(SEGMENT_BYTES);
            assert_eq!(segment.len() as u64, expected);
        }
    }
});
