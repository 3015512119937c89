//! Foreign packed bytes are refused, or unpack within the limits; with a base and without.
#![no_main]

use std::sync::LazyLock;

use casemate_delta::through::Opened;
use casemate_delta::{Limits, native};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { content_bytes_max: 1 << 20, plain_bytes_max: 4 << 20, streams_max: 256 };

/// An archive of one member, "hello hello hello", so that differences have something to lean on.
static BASE: LazyLock<Opened> = LazyLock::new(|| {
    let content = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\x09\0\0\0\x11\0\0\0\x01\0\0\0a\xcb\x48\xcd\xc9\xc9W@'\x00";
    Opened::new([0; 32], content.to_vec(), &LIMITS).expect("a short base is within the limits")
});

fuzz_target!(|bytes: &[u8]| {
    let mut content = Vec::new();
    if let Ok(written) = native::unpack(bytes, Some(&BASE), &LIMITS, &mut content) {
        assert_eq!(written, content.len() as u64);
    }
    assert!(content.len() <= LIMITS.content_bytes_max);
});
