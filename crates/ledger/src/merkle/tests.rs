use proptest::prelude::*;
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, stored_hash_index};

use super::*;

const SIZES: usize = 600;

/// The definition of RFC 6962, section 2.1, word for word.
fn reference_root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::of_nothing(),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            TreeHash::of_node(&reference_root(left), &reference_root(right))
        }
    }
}

fn leaves(count: usize) -> Vec<TreeHash> {
    (0..count).map(|number| TreeHash::of_leaf(number.to_string().as_bytes())).collect()
}

fn roots(leaves: &[TreeHash]) -> Vec<TreeHash> {
    (0..=leaves.len()).map(|size| reference_root(&leaves[..size])).collect()
}

fn look_up(leaves: &[TreeHash], plan: &[Vec<Node>]) -> Vec<TreeHash> {
    let node = |node: &Node| {
        let start = usize::try_from(node.index).unwrap() << node.level;
        subtree_root(&leaves[start..start + (1 << node.level)])
    };
    plan.iter().map(|range| fold_right(&range.iter().map(node).collect::<Vec<_>>())).collect()
}

#[test]
fn the_published_vectors_of_rfc_6962_hold() {
    // The inputs and roots of the reference tests of Certificate Transparency.
    let inputs =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let published = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_hex(), published[0]);
    for (input, root) in inputs.iter().zip(&published[1..]) {
        frontier.push(TreeHash::of_leaf(&HEXLOWER.decode(input.as_bytes()).unwrap()));
        assert_eq!(frontier.root().to_hex(), *root);
    }
}

#[test]
fn the_frontier_has_the_root_of_every_size() {
    let leaves = leaves(SIZES);
    let mut frontier = Frontier::new();
    for (size, root) in roots(&leaves).into_iter().enumerate() {
        assert_eq!(frontier.root(), root, "size {size}");
        if let Some(leaf) = leaves.get(size) {
            frontier.push(*leaf);
        }
    }
}

#[test]
fn every_inclusion_proof_of_every_size_holds_only_where_it_should() {
    let leaves = leaves(SIZES);
    let roots = roots(&leaves);
    for size in (1..=SIZES)
        .filter(|size| *size < 70 || size % 37 == 0 || *size > SIZES - 4 || (255..259).contains(size))
    {
        for index in 0..size {
            let (at, of) = (index as u64, size as u64);
            let proof = look_up(&leaves, &inclusion_plan(at, of));
            let check = |leaf, at, of, root| verify_inclusion(leaf, at, of, &proof, root);
            assert_eq!(check(leaves[index], at, of, roots[size]), Ok(()), "{index} of {size}");
            let other = TreeHash::of_leaf(b"other");
            assert_eq!(check(other, at, of, roots[size]), Err(ProofError::Root));
            assert_eq!(check(leaves[index], at, of, other), Err(ProofError::Root));
            if size > 1 {
                assert!(check(leaves[index], (at + 1) % of, of, roots[size]).is_err(), "{index} of {size}");
            }
        }
    }
}

#[test]
fn every_consistency_proof_holds_only_where_it_should() {
    let leaves = leaves(SIZES);
    let roots = roots(&leaves);
    let other = TreeHash::of_leaf(b"other");
    for new in (0..=SIZES).filter(|new| *new < 70 || new % 59 == 0 || (256..258).contains(new)) {
        for old in 0..=new {
            let (old_head, new_head) = ((old as u64, roots[old]), (new as u64, roots[new]));
            let proof = look_up(&leaves, &consistency_plan(old as u64, new as u64));
            assert_eq!(verify_consistency(old_head, new_head, &proof), Ok(()), "{old} of {new}");
            assert!(verify_consistency((old as u64, other), new_head, &proof).is_err(), "{old} of {new}");
            if old > 0 {
                assert!(verify_consistency(old_head, (new as u64, other), &proof).is_err(), "{old} of {new}");
            }
            if old < new {
                assert!(verify_consistency(new_head, old_head, &proof).is_err(), "{old} of {new}");
            }
        }
    }
}

/// Our hashes in the order in which the other implementation numbers them.
struct Theirs<'a>(&'a [TreeHash]);

impl tlog_tiles::HashReader for Theirs<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let hash = |index: &u64| {
            let (level, number) = tlog_tiles::split_stored_hash_index(*index);
            assert_eq!(stored_hash_index(level, number), *index);
            let plan = vec![vec![Node { level, index: number }]];
            tlog_tiles::Hash(*look_up(self.0, &plan)[0].as_bytes())
        };
        Ok(indexes.iter().map(hash).collect())
    }
}

proptest! {
    #[test]
    fn proofs_are_those_of_another_implementation(size in 1u64..SIZES as u64, fraction in 0f64..1f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
        let index = (size as f64 * fraction) as u64;
        let leaves = leaves(SIZES);
        let root = reference_root(&leaves[..usize::try_from(size).unwrap()]);
        let theirs = |hash: TreeHash| tlog_tiles::Hash(*hash.as_bytes());
        let ours = |hashes: Vec<tlog_tiles::Hash>| hashes.into_iter().map(|hash| TreeHash(hash.0)).collect::<Vec<_>>();

        let proof = prove_record(size, index, &Theirs(&leaves)).unwrap();
        let leaf = leaves[usize::try_from(index).unwrap()];
        prop_assert!(check_record(&proof, size, theirs(root), index, theirs(leaf)).is_ok());
        prop_assert_eq!(look_up(&leaves, &inclusion_plan(index, size)), ours(proof));

        let old = index + 1;
        let proof = prove_tree(size, old, &Theirs(&leaves)).unwrap();
        let old_root = reference_root(&leaves[..usize::try_from(old).unwrap()]);
        prop_assert!(check_tree(&proof, size, theirs(root), old, theirs(old_root)).is_ok());
        prop_assert_eq!(look_up(&leaves, &consistency_plan(old, size)), ours(proof));
    }

    #[test]
    fn a_changed_proof_is_refused(size in 2u64..SIZES as u64, index: u64, change in 0usize..64, kind in 0u8..4) {
        let index = index % size;
        let leaves = leaves(SIZES);
        let root = reference_root(&leaves[..usize::try_from(size).unwrap()]);
        let mut proof = look_up(&leaves, &inclusion_plan(index, size));
        let change = change % proof.len();
        match kind {
            0 => proof[change] = TreeHash::of_leaf(b"other"),
            1 => { proof.remove(change); }
            2 => proof.insert(change, TreeHash::of_leaf(b"other")),
            _ => proof.push(root),
        }
        prop_assert!(verify_inclusion(leaves[usize::try_from(index).unwrap()], index, size, &proof, root).is_err());
    }
}

#[test]
fn tiles_are_those_of_another_implementation() {
    let leaves = leaves(SIZES);
    let mut frontier = Frontier::new();
    let mut tiles: Vec<_> = leaves.iter().flat_map(|leaf| frontier.push(*leaf)).collect();
    tiles.extend(frontier.partial_tiles());
    tiles.sort();
    let mut theirs: Vec<_> = tlog_tiles::Tile::new_tiles(8, 0, SIZES as u64)
        .into_iter()
        .map(|tile| {
            // Their paths are the older form with the tile's height in it.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            (path.parse().unwrap(), tile.read_data(&Theirs(&leaves)).unwrap())
        })
        .collect();
    theirs.sort();
    assert_eq!(tiles, theirs);
}
