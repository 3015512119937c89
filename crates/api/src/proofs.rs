//! Proofs that somebody has of a task's run, and the keys that they are checked with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key that is to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddVerificationKey {
    /// The system: `groth16-bn254`, keys and proofs as arkworks writes them, compressed.
    #[schema(example = "groth16-bn254")]
    pub system: String,
    /// What to call it, 1 to 64 characters.
    pub label: String,
    /// The key in Base64. Its circuit takes two public inputs: the halves of a statement's digest.
    #[schema(format = Byte)]
    pub key: String,
}

/// A key that proofs are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerificationKey {
    /// The digest of its bytes, by which it goes.
    pub circuit_id: String,
    /// The system.
    pub system: String,
    /// What it is called.
    pub label: String,
    /// Who registered it.
    pub actor: String,
    /// When.
    #[schema(format = DateTime)]
    pub created: String,
}

/// Keys that proofs are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerificationKeys {
    /// The keys, at most 100.
    pub items: Vec<VerificationKey>,
}

/// What a proof of a task must be of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofStatement {
    /// The task.
    pub task_id: String,
    /// The statement, one thing a line.
    pub statement: String,
    /// Its SHA-256.
    pub digest: String,
    /// The public inputs: the first and the last sixteen bytes of the digest as numbers, big-endian, in decimal.
    pub public_inputs: Vec<String>,
}

/// A proof that is to be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyProof {
    /// The task that it is of, which is over.
    pub task_id: String,
    /// The key, which is registered.
    pub circuit_id: String,
    /// The proof in Base64.
    #[schema(format = Byte)]
    pub proof_data: String,
    /// What its prover thinks the public inputs are. They follow from the task's receipt, and others are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_inputs: Option<Vec<String>>,
}

/// What came of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedProof {
    /// The digest of the proof.
    pub proof: String,
    /// The task.
    pub task_id: String,
    /// The key.
    pub circuit_id: String,
    /// The digest of what it is of.
    pub statement: String,
    /// Whether it is a proof of that under the key. What that means is for the circuit behind the key to say.
    pub valid: bool,
    /// Who handed it in.
    pub actor: String,
    /// When it was checked.
    #[schema(format = DateTime)]
    pub verified_at: String,
}

/// What came of a proof that was handed in just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofVerdict {
    /// The verdict, as it is kept.
    #[serde(flatten)]
    pub checked: CheckedProof,
    /// How long checking took; 0 if the same proof was handed in before.
    pub verification_time_ms: u64,
    /// Why it is no proof at all; null if it is one, valid or not.
    #[schema(required = true)]
    pub error_message: Option<String>,
}

/// What came of proofs of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedProofs {
    /// The verdicts, oldest first, at most 100.
    pub items: Vec<CheckedProof>,
}
