//! What tests of buckets need: the suite that every bucket passes, and the delta codec of the xdelta3 program.

mod conformance;
mod xdelta3;

pub use conformance::check_bucket;
pub use xdelta3::Xdelta3;
