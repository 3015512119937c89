//! The only crate that touches files: directory handles, durable replace, sealed bytes, private sockets.
//!
//! Everything starts from a [`Dir`], a directory that is held open. Names are resolved beneath it, never through
//! a symbolic link, so that nobody can swap a part of the path between a check and its use. What is written
//! through it is either all there after a crash or not there at all.
//!
//! ```text
//! stage ──> write ──> fsync file ──> rename or link ──> fsync directory ──> acknowledged
//!   crash before the rename: the old value, and a leftover that `sweep_staged` removes
//!   crash after it, before the last fsync: the old value or the new one, whole either way
//! ```
//!
//! All calls block; an async caller runs them off its runtime.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this crate is where files are touched"
)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod beneath;
mod dir;
mod error;
mod labels;
mod lock;
mod mapping;
mod path_policy;
mod peer;
mod pipe;
mod relative;
mod sealed;
mod socket;
mod sole;
mod staged;
mod steps;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
mod user_files;
mod watch;

/// An open regular file. Only this crate opens one; others read, write and seek it.
pub use std::fs::File;

pub use dir::{Dir, DirEntry, Disk, EntryKind, OwnRemoval};
pub use error::FsError;
pub use labels::label;
pub use lock::DirLock;
pub use path_policy::PathPolicy;
pub use peer::peer_process;
pub use pipe::PipeEnd;
pub use sealed::{SealedBuilder, SealedBytes, SealedReader};
pub use socket::{connect_private, peer_uid};
pub use sole::Fingerprint;
pub use staged::{StagedFile, is_staged};
pub use user_files::{
    UserOutput, create_user_file, make_user_dir, open_user_dir, read_config_file, read_secret_file,
    read_user_file, user_file_bytes,
};
pub use watch::{DirWatch, WatchEvent};
