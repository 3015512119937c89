//! What tests of buckets need: the suite that every bucket passes, a bucket that fails on command, and the delta codec
//! of the xdelta3 program.

mod conformance;
mod faulty;
mod xdelta3;

pub use conformance::check_bucket;
pub use faulty::{Asked, FaultyBucket};
pub use xdelta3::Xdelta3;
