use super::TreeHash;

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The numbers cannot be: an index past the end, or an old tree larger than the new one.
    #[error("{small} is not below the tree size {size}")]
    Range {
        /// The index or the old size.
        small: u64,
        /// The size of the tree.
        size: u64,
    },
    /// Too few or too many hashes for such a tree.
    #[error("the proof has {count} hashes, which do not fit such a tree")]
    Length {
        /// How many it has.
        count: usize,
    },
    /// The hashes do not add up to the root.
    #[error("the hashes do not add up to the root")]
    Root,
}

/// Checks that `leaf` is the entry `index` of the tree of `size` entries with this `root` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(
    leaf: TreeHash,
    index: u64,
    size: u64,
    hashes: &[TreeHash],
    root: TreeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range { small: index, size });
    }
    let length = ProofError::Length { count: hashes.len() };
    let (mut node, mut last, mut computed) = (index, size - 1, leaf);
    for hash in hashes {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            computed = TreeHash::of_node(hash, &computed);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            computed = TreeHash::of_node(&computed, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if computed == root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `old` entries begins the tree of `new` entries (RFC 9162, 2.1.4.2).
///
/// Each tree is given as its size and root. The empty tree begins every tree.
pub fn verify_consistency(
    old: (u64, TreeHash),
    new: (u64, TreeHash),
    hashes: &[TreeHash],
) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    let length = ProofError::Length { count: hashes.len() };
    if old_size > new_size {
        return Err(ProofError::Range { small: old_size, size: new_size });
    }
    if old_size == 0 || old_size == new_size {
        let same = match (old_size, new_size) {
            (0, 1..) => old_root == TreeHash::of_nothing(),
            _ => old_root == new_root,
        };
        return match (hashes.is_empty(), same) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            (false, _) => Err(length),
        };
    }
    // If the old tree is one full subtree its root is not in the proof, since the verifier has it.
    let (first, hashes) = match hashes.split_first() {
        _ if old_size.is_power_of_two() => (old_root, hashes),
        Some((first, rest)) => (*first, rest),
        None => return Err(length),
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let shared = node.trailing_ones();
    node >>= shared;
    last >>= shared;
    let (mut old_computed, mut new_computed) = (first, first);
    for hash in hashes {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old_computed = TreeHash::of_node(hash, &old_computed);
            new_computed = TreeHash::of_node(hash, &new_computed);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_computed = TreeHash::of_node(&new_computed, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if old_computed == old_root && new_computed == new_root { Ok(()) } else { Err(ProofError::Root) }
}
