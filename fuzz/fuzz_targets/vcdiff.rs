//! Any delta against any source ends without a panic and within its limits; and what is encoded decodes to itself.
#![no_main]

use casemate_delta::vcdiff::{EncodeOptions, Limits, Secondary, decode, encode};
use libfuzzer_sys::fuzz_target;

const OUTPUT_BYTES_MAX: u64 = 1 << 20;

fuzz_target!(|input: (Vec<u8>, Vec<u8>, u16, bool)| {
    let (first, second, window_bytes, compressed) = input;
    let limits = Limits {
        window_bytes_max: 1 << 18,
        section_bytes_max: 1 << 18,
        ..Limits::for_output(OUTPUT_BYTES_MAX)
    };

    let mut decoded = Vec::new();
    // Without the magic no byte behind it would be looked at.
    let foreign = [&[0xd6, 0xc3, 0xc4, 0], &first[..]].concat();
    let result = decode(&foreign, &second, &limits, &mut decoded);
    assert!(decoded.len() as u64 <= OUTPUT_BYTES_MAX);
    assert!(result.is_err() || result.is_ok_and(|result| result.length == decoded.len() as u64));

    let secondary = if compressed { Secondary::Lzma { preset: 0 } } else { Secondary::None };
    // Tiny windows would make thousands of them.
    let window_bytes = usize::from(window_bytes).max(256);
    let options = EncodeOptions { window_bytes, secondary, app_header: None };
    let (mut delta, mut target) = (Vec::new(), Vec::new());
    encode(&first, &second, &options, &mut delta).expect("a vector takes everything");
    decode(&delta, &second, &limits, &mut target).expect("what was encoded is within the limits");
    assert!(target == first);
});
