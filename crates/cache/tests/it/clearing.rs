//! Caches seen and removed from outside, without their keys.

use casemate_cache::{clear, survey};

use crate::world::{CONTENT, World, get, put};

#[test]
fn what_is_used_is_seen_and_stays_and_the_rest_goes() {
    let world = World::kept(true);
    let base = world.base.path().join("cache");
    assert_eq!(survey(&base).unwrap(), []);
    assert!(!base.exists(), "looking makes nothing");

    let kept = world.open();
    let key = put(&*kept, "", CONTENT);
    let seen = survey(&base).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].kept, seen[0].in_use, seen[0].files), (true, true, 2));
    let cleared = clear(&base).unwrap();
    assert_eq!((cleared.removed.len(), cleared.in_use.len()), (0, 1));
    assert_eq!(get(&*kept, &key).as_deref(), Some(CONTENT));

    drop(kept);
    let cleared = clear(&base).unwrap();
    assert_eq!((cleared.removed.len(), cleared.in_use.len()), (1, 0));
    assert!(cleared.removed[0].bytes > CONTENT.len() as u64);
    assert_eq!(survey(&base).unwrap(), []);
    assert_eq!(get(&*world.open(), &key), None);
}

#[test]
fn a_kept_cache_sweeps_what_killed_processes_left_too() {
    let world = World::kept(true);
    let dead = world.base.path().join("cache/v2/process/0123456789abcdef");
    std::fs::create_dir_all(dead.join("ab")).unwrap();
    std::fs::write(dead.join("ab/left"), b"ciphertext").unwrap();
    let seen = survey(&world.base.path().join("cache")).unwrap();
    assert_eq!((seen[0].kept, seen[0].in_use, seen[0].files), (false, false, 1));
    drop(world.open());
    assert!(!dead.exists());
}
