//! The binary as its users meet it. Few of these: most promises are tested where they are kept.
#![allow(clippy::disallowed_methods, reason = "tests look at files and processes from outside")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod binary;
mod buckets;
mod edge;
mod errors;
mod fsck;
mod help;
mod journey;
mod weaknesses;
