//! The Merkle tree of RFC 6962 and its proofs.
//!
//! ```text
//!   leaf = SHA-256(0x00 ‖ entry)      node = SHA-256(0x01 ‖ left ‖ right)      empty tree = SHA-256("")
//! ```

use std::fmt;

use casemate_model::Hasher;
use data_encoding::{BASE64, HEXLOWER};

mod frontier;
mod plan;
mod verify;

pub(crate) use frontier::Frontier;
pub(crate) use plan::{Node, consistency_plan, fold_right, inclusion_plan};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

/// The hash of a node of the tree. It is not the digest of a file: leaf and inner node are hashed with a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;

    /// Takes a hash that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of the leaf that holds `entry`.
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self::hash(&[&[0], entry])
    }

    /// The hash of the node above `left` and `right`.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self::hash(&[&[1], &left.0, &right.0])
    }

    /// The root of the tree without entries.
    pub fn of_nothing() -> Self {
        Self::hash(&[])
    }

    /// The raw 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The form of checkpoints and proofs: 44 characters of base64.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn hash(parts: &[&[u8]]) -> Self {
        let mut hasher = Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finish().as_bytes())
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The root of a full subtree from its leaves or inner nodes; their number is a power of two.
pub(crate) fn subtree_root(hashes: &[TreeHash]) -> TreeHash {
    assert!(hashes.len().is_power_of_two(), "only full subtrees have one root");
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| TreeHash::of_node(&pair[0], &pair[1])).collect();
    }
    level[0]
}

#[cfg(test)]
mod tests;
