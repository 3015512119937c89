//! What tests of buckets need: the suite that every bucket passes, a bucket that fails on command, a clock in a hurry.

mod conformance;
mod faulty;
mod hurried_clock;

pub use conformance::check_bucket;
pub use faulty::{Asked, FaultyBucket};
pub use hurried_clock::HurriedClock;
