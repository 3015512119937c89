//! Witnesses of logs: whoever asks several cannot be shown another history than everybody else, unless all of them are in it.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod client;
mod serve;
mod witness;

pub use client::{Answered, Asked, AskedError, HttpWitness, WitnessAddress, WitnessAddressError};
pub use serve::serve;
pub use witness::{Witness, WitnessError};
