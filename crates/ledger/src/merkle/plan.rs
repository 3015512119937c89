//! Which nodes a proof consists of. A plan names full subtrees; whoever has the tiles looks their hashes up.

use super::TreeHash;

/// A full subtree of `2^level` leaves, the `index`th of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub level: u8,
    pub index: u64,
}

/// One hash of a proof: the root over these full subtrees, which stand side by side and shrink to the right.
pub(crate) type Range = Vec<Node>;

/// The proof that the leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1), lowest hash first.
pub(crate) fn inclusion_plan(index: u64, size: u64) -> Vec<Range> {
    debug_assert!(index < size, "callers check the range");
    let (mut low, mut high) = (0, size);
    let mut plan = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            plan.push(cover(middle, high));
            high = middle;
        } else {
            plan.push(cover(low, middle));
            low = middle;
        }
    }
    plan.reverse();
    plan
}

/// The proof that the tree of `old` leaves begins the tree of `new` leaves (RFC 6962, section 2.1.2).
pub(crate) fn consistency_plan(old: u64, new: u64) -> Vec<Range> {
    debug_assert!(old <= new, "callers check the range");
    if old == 0 || old == new {
        return Vec::new();
    }
    let (mut low, mut high) = (0, new);
    let mut plan = Vec::new();
    while high != old {
        let middle = low + split(high - low);
        if old <= middle {
            plan.push(cover(middle, high));
            high = middle;
        } else {
            plan.push(cover(low, middle));
            low = middle;
        }
    }
    // The verifier knows the old root already if the old tree is one full subtree.
    if low > 0 {
        plan.push(cover(low, high));
    }
    plan.reverse();
    plan
}

/// The root over full subtrees that stand side by side and shrink to the right.
pub(crate) fn fold_right(hashes: &[TreeHash]) -> TreeHash {
    let mut hashes = hashes.iter().rev().copied();
    let Some(last) = hashes.next() else {
        return TreeHash::of_nothing();
    };
    hashes.fold(last, |right, left| TreeHash::of_node(&left, &right))
}

/// The full subtrees over the leaves `low` to `high`, largest first. `low` is a multiple of the largest.
fn cover(mut low: u64, high: u64) -> Range {
    let mut nodes = Vec::new();
    while low < high {
        let level = u8::try_from((high - low).ilog2()).expect("at most 63");
        nodes.push(Node { level, index: low >> level });
        low += 1 << level;
    }
    nodes
}

/// The greatest power of two below `count`, where RFC 6962 divides a tree of `count` leaves.
fn split(count: u64) -> u64 {
    debug_assert!(count > 1, "one leaf is not divided");
    1 << (count - 1).ilog2()
}
