//! Disks that fail and crash on command, for the tests of crates that keep files.
//!
//! A [`Recorder`] is put between a [`Dir`](crate::Dir) and the operating system. It does every step for real, can
//! make any of them fail, and keeps a record, from which it computes what the disk may look like after a crash at
//! any moment: content that was not synced may be lost, cut, or be zeros, and names that were not synced may be
//! there or not, each by itself.

mod crash;
mod recorder;

pub use crash::DiskImage;
pub use recorder::{Fault, Recorder};
