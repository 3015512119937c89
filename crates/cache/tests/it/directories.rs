//! Where caches lie, and when they go.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use casemate_cache::{CacheError, CacheEvent};

use crate::world::{CONTENT, World, get, put};

fn processes(world: &World) -> Vec<PathBuf> {
    let dir = world.base.path().join("cache/v2/process");
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn each_process_has_a_directory_of_its_own_and_takes_it_along() {
    let world = World::process(true);
    let (one, two) = (world.open(), world.open());
    assert_eq!(processes(&world).len(), 2);
    let key = put(&*one, "", CONTENT);
    assert_eq!(get(&*two, &key), None);
    for dir in processes(&world) {
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o7777, 0o700);
    }
    drop(one);
    assert_eq!(processes(&world).len(), 1);
    drop(two);
    assert_eq!(processes(&world).len(), 0);
}

#[test]
fn every_file_is_closed_to_others() {
    let world = World::kept(false);
    let cache = world.open();
    put(&*cache, "", CONTENT);
    for path in world.files(".content").into_iter().chain(world.files(".entry")) {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}

#[test]
fn a_panic_takes_the_directory_along() {
    let world = World::process(true);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let cache = world.open();
        put(&*cache, "", CONTENT);
        std::panic::resume_unwind(Box::new("a bug"));
    }));
    assert!(panicked.is_err());
    assert_eq!(processes(&world).len(), 0);
}

#[test]
fn what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not() {
    let world = World::process(true);
    let living = world.open();
    let key = put(&*living, "", CONTENT);
    // A killed process leaves its directory without a lock.
    let dead = world.base.path().join("cache/v2/process/0123456789abcdef");
    fs::create_dir_all(dead.join("ab/cd")).unwrap();
    fs::write(dead.join("lock"), b"process 4 (cache)\n").unwrap();
    fs::write(dead.join("ab/cd/left"), b"ciphertext").unwrap();
    fs::create_dir(world.base.path().join("cache/v2/process/dead-half")).unwrap();
    let next = world.open();
    assert_eq!(world.witness.events(), [CacheEvent::Swept { directories: 2 }]);
    assert!(!dead.exists());
    assert_eq!(get(&*living, &key).as_deref(), Some(CONTENT));
    drop(next);
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn child_that_waits_to_be_killed() {
    let Ok(base) = std::env::var("CACHE_TEST_BASE") else { return };
    let mut world = World::process(true);
    world.config.place = casemate_cache::Place::Process { base: base.into(), bytes_max: 1 << 20 };
    let cache = world.open();
    put(&*cache, "", &CONTENT.repeat(100));
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_process_that_is_killed_leaves_nothing_readable_and_is_swept() {
    let world = World::process(true);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "directories::child_that_waits_to_be_killed", "--nocapture"])
        .env("CACHE_TEST_BASE", world.base.path().join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")));
    drop(world.open());
    assert_eq!(world.witness.events(), [], "it lives");
    let left = world.files(".content");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left.len(), 1);
    let stored = fs::read(&left[0]).unwrap();
    assert!(!stored.windows(CONTENT.len()).any(|window| window == CONTENT));
    drop(world.open());
    assert_eq!(world.witness.events(), [CacheEvent::Swept { directories: 1 }]);
    assert_eq!(processes(&world).len(), 0);
}

#[test]
fn sweeping_follows_no_link() {
    let world = World::process(true);
    drop(world.open());
    let outside = world.base.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), b"").unwrap();
    let process = world.base.path().join("cache/v2/process");
    symlink(&outside, process.join("link")).unwrap();
    fs::create_dir(process.join("dead")).unwrap();
    symlink(&outside, process.join("dead/link")).unwrap();
    drop(world.open());
    assert!(outside.join("precious").exists());
}

#[test]
fn symlinked_cache_directory_is_refused() {
    let world = World::process(true);
    let elsewhere = world.base.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, world.base.path().join("cache")).unwrap();
    let refused = casemate_cache::open(&world.config, world.surroundings());
    assert!(matches!(refused, Err(CacheError::Files(casemate_fs::FsError::SymlinkRefused { .. }))));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn wrong_owner_of_the_cache_directory_is_refused() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a directory away; CI runs this suite as root too.
        return;
    }
    for place in ["cache", "cache/v2", "cache/v2/process"] {
        let world = World::process(true);
        drop(world.open());
        std::os::unix::fs::chown(world.base.path().join(place), Some(12345), None).unwrap();
        let refused = casemate_cache::open(&world.config, world.surroundings());
        let expected =
            matches!(refused, Err(CacheError::Files(casemate_fs::FsError::WrongOwner { owner: 12345, .. })));
        assert!(expected, "{place}");
    }
}

#[test]
fn a_directory_that_everybody_may_write_is_refused() {
    let world = World::process(true);
    fs::set_permissions(world.base.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = casemate_cache::open(&world.config, world.surroundings());
    assert!(matches!(refused, Err(CacheError::Files(casemate_fs::FsError::OpenParent { .. }))));
}

#[test]
fn a_process_directory_exchanged_at_the_end_is_not_removed() {
    let world = World::process(true);
    let cache = world.open();
    put(&*cache, "", CONTENT);
    let ours = processes(&world).remove(0);
    fs::rename(&ours, world.base.path().join("moved")).unwrap();
    fs::create_dir(&ours).unwrap();
    fs::write(ours.join("precious"), b"").unwrap();
    drop(cache);
    assert!(ours.join("precious").exists());
    assert_eq!(fs::read_dir(world.base.path().join("moved")).unwrap().count(), 0, "ours was emptied");
}
