//! Codecs that store content as its difference to other content. Bytes in, bytes out: no IO, no clock, and every decoder
//! takes bytes that nobody vouched for.
//!
//! A crate of its own because its dependencies are: C libraries, and the code that reads foreign bytes.

mod frame;
mod limits;
pub mod native;
pub mod segmented;
pub mod through;
pub mod vcdiff;

pub use limits::{Limits, Policy};
