//! Proofs that somebody has of a task's run: statements, systems, keys, and the port of their store.

mod groth16;
mod records;
mod statement;
mod system;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use groth16::Groth16Bn254;
pub use records::{CheckedProof, KEYS_MAX, KeyAdded, Proofs, Recorded, VerificationKey};
pub use statement::Statement;
pub use system::{KEY_BYTES_MAX, PROOF_BYTES_MAX, ProofError, ProofSystem, SystemName, SystemNameError};
