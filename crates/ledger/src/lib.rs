//! Canonical bytes, signatures, the Merkle log, receipts and their offline verification.
//!
//! ```text
//!   Event --Entry::new--> Entry --encode--> bytes --Log::append--> tiles + signed Checkpoint
//!                           |                                               |
//!                           | names the digest of                          | covers
//!                           v                                               v
//!   Receipt --sign--> SignedReceipt ------------- Bundle -------------- inclusion proof
//!                                                   |
//!                                             verify_bundle (no node, no network)
//! ```
//!
//! Nothing here reads a file, a clock or the network: bytes and ports come in, values go out. The formats are laid
//! down by byte in `docs/formats`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod audit_log;
mod bundle;
mod canonical;
mod checkpoint;
mod cosignature;
mod entry;
mod event;
mod inscription;
mod log;
mod merkle;
mod name_bundle;
mod name_record;
mod node_key;
mod owner_key;
mod receipt;
#[cfg(test)]
mod samples;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
mod text;
mod tile;
pub mod verify;
mod witness;

pub use audit_log::AuditLog;
pub use bundle::{Bundle, BundleError};
pub use canonical::{DecodeError, EncodeError};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{Cosignature, WitnessKey, WitnessKeyError, WitnessPublicKey};
pub use entry::Entry;
pub use event::{Decision, Event};
pub use log::{Inclusion, Log, LogError};
pub use merkle::{ProofError, TreeHash, verify_consistency, verify_inclusion};
pub use name_bundle::NameBundle;
pub use name_record::{NameChange, NameRecord, SignedNameRecord, Standing};
pub use node_key::{BadSignature, NodeKey, NodePublicKey, NodePublicKeyError};
pub use owner_key::{OwnerKey, OwnerKeyError, OwnerPublicKey, OwnerSignature, OwnerSignatureError};
pub use receipt::{Level, Receipt, SignedReceipt, invocation_digest};
pub use tile::{TilePath, TilePathError, TileSource, TileStore};
pub use witness::{AddCheckpoint, Seen, WitnessRefusal};
