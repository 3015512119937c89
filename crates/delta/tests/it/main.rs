//! The promises of the crate, kept against random edits, damaged bytes and the real xdelta3.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests run another program, which wants files"
)]

mod content;
mod damage;
mod round_trip;
mod xdelta3;

use casemate_delta::vcdiff::{DecodeError, Decoded, EncodeOptions, Limits, decode, encode};

/// Decodes within limits that nothing here reaches unless it is meant to.
fn decoded(delta: &[u8], source: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Ok(decoded_with(delta, source, &Limits::for_output(1 << 30))?.0)
}

fn decoded_with(delta: &[u8], source: &[u8], limits: &Limits) -> Result<(Vec<u8>, Decoded), DecodeError> {
    let mut target = Vec::new();
    let decoded = decode(delta, source, limits, &mut target)?;
    assert_eq!(decoded.length, target.len() as u64);
    Ok((target, decoded))
}

fn encoded(target: &[u8], source: &[u8], options: &EncodeOptions) -> Vec<u8> {
    let mut delta = Vec::new();
    let encoded = encode(target, source, options, &mut delta).unwrap();
    assert_eq!(encoded.length, delta.len() as u64);
    delta
}
