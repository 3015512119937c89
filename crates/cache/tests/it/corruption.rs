//! Whatever happens to the files, wrong bytes do not come out.

use std::fs;

use proptest::prelude::*;

use crate::world::{World, get, put};

/// What a disk or an attacker may do to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: prop::sample::Index, bit: u8 },
    Cut { at: prop::sample::Index },
    Append(Vec<u8>),
    Overwrite { at: prop::sample::Index, bytes: Vec<u8> },
    CopyFrom(prop::sample::Index),
    Remove,
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let bytes = || proptest::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        (index(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        index().prop_map(|at| Damage::Cut { at }),
        bytes().prop_map(Damage::Append),
        (index(), bytes()).prop_map(|(at, bytes)| Damage::Overwrite { at, bytes }),
        index().prop_map(Damage::CopyFrom),
        Just(Damage::Remove),
    ]
}

fn apply(damage: &Damage, path: &std::path::Path, all: &[std::path::PathBuf]) {
    let Ok(mut bytes) = fs::read(path) else { return };
    match damage {
        Damage::Flip { at, bit } if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Flip { .. } => {}
        Damage::Cut { at } => bytes.truncate(at.index(bytes.len() + 1)),
        Damage::Append(more) => bytes.extend_from_slice(more),
        Damage::Overwrite { at, bytes: new } => {
            let at = at.index(bytes.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(new);
        }
        Damage::CopyFrom(from) => match fs::read(&all[from.index(all.len())]) {
            Ok(other) => bytes = other,
            Err(_) => return,
        },
        Damage::Remove => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_corruption_never_yields_wrong_bytes(
        encrypted: bool,
        reopened: bool,
        damages in proptest::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
    ) {
        let world = World::kept(encrypted);
        let cache = world.open();
        let contents = [vec![1; 70_000], vec![2; 70_000], b"short".to_vec(), Vec::new()];
        let keys: Vec<_> = contents.iter().map(|content| put(&*cache, "p/", content)).collect();
        let held = if reopened { None } else { Some(cache) };
        let mut files = world.files(".entry");
        files.extend(world.files(".content"));
        for (at, damage) in &damages {
            apply(damage, &files[at.index(files.len())], &files);
        }
        let cache = held.unwrap_or_else(|| world.open());
        for (key, content) in keys.iter().zip(&contents) {
            if let Some(got) = get(&*cache, key) {
                prop_assert_eq!(&got, content);
            }
            let _ = cache.put(key, content).unwrap();
        }
        for (key, content) in keys.iter().zip(&contents) {
            prop_assert_eq!(&get(&*cache, key), &Some(content.clone()), "healed by a new put");
        }
    }
}
