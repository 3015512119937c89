//! The audit log and its proofs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the log, from 0, without gaps.
    pub sequence: u64,
    /// When it happened.
    #[schema(format = DateTime)]
    pub time: String,
    /// Who did it.
    #[schema(example = "key:key_01kg9ys7kv040g2081040g2081")]
    pub actor: String,
    /// In which project.
    pub project: String,
    /// The operation.
    #[schema(example = "objects.put")]
    pub action: String,
    /// What it was about.
    #[schema(example = "object:builds/app.wasm")]
    pub resource: String,
    /// Whether it was allowed.
    pub decision: Decision,
    /// What came of it.
    pub outcome: String,
    /// The request that caused it.
    pub request: String,
    /// More about it. Never a secret.
    pub details: BTreeMap<String, String>,
    /// The digest of the entry's canonical bytes, which the next entry names.
    pub digest: String,
}

/// Whether something was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was.
    Allowed,
    /// It was not, and did not happen.
    Denied,
}

impl Decision {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

/// The proof that a log only grew from one size to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrowthProof {
    /// The number of entries that it had.
    pub old: u64,
    /// The number of entries that it had later.
    pub new: u64,
    /// The hashes of the consistency proof (RFC 9162), in hex.
    pub hashes: Vec<String>,
}

/// An entry with the proof that the signed log holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryProof {
    /// The entry's place in the log.
    pub sequence: u64,
    /// The entry's canonical bytes in base64.
    pub entry: String,
    /// The leaf hash of the entry, in hex.
    pub leaf_hash: String,
    /// The number of entries that the checkpoint covers.
    pub tree_size: u64,
    /// The root hash of the checkpoint, in hex.
    pub root: String,
    /// The hashes of the inclusion proof (RFC 6962), in hex, from the leaf up.
    pub hashes: Vec<String>,
    /// The signed checkpoint (C2SP tlog-checkpoint), as text.
    pub checkpoint: String,
    /// The node's public key in the text form of C2SP signed notes.
    pub public_key: String,
}
