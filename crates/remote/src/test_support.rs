//! What tests of buckets need: the suite that every bucket passes and a bucket that fails on command.

mod conformance;
mod faulty;

pub use conformance::check_bucket;
pub use faulty::{Asked, FaultyBucket};
