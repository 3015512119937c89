//! Encryption of content that is kept.
//!
//! ```text
//! master key, the operator's ──wraps──> root key, in a file beside the content
//!                                          │ derives
//!                                          v
//!                                       content key of a project ──with the file's salt──> key of the frames of one file
//! ```
//!
//! `docs/formats/encrypted.md` says what lies on the disk.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod file;
pub mod frames;
mod keys;
mod sealed;

pub use file::{Decryptor, Encryptor, HEADER_BYTES, SALT_BYTES};
pub use keys::{ContentKey, KeyFileError, MasterKey, MasterKeyError, MasterKeyId, NONCE_BYTES, RootKey};
pub use sealed::SealingKey;
