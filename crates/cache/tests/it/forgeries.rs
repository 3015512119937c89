//! One test for each attack on keys, owners and time. None hands out wrong bytes; each is seen.

use std::fs;

use casemate_cache::{CacheEvent, CacheSecret, EntryKey, Sign, Step};
use casemate_model::Digest;

use crate::world::{CONTENT, HOUR, World, get, put};

#[test]
fn key_confusion_an_entry_of_another_place_is_not_served_for_this_one() {
    for encrypted in [false, true] {
        let world = World::process(encrypted);
        let cache = world.open();
        put(&*cache, "releases/", CONTENT);
        let digest = Digest::of(CONTENT);
        let places = [
            ("https://s3.example", "builds", "other/"),
            ("https://s3.example", "other", "releases/"),
            ("https://other.example", "builds", "releases/"),
            ("https://s3.examplebuilds", "", "releases/"),
        ];
        for (endpoint, bucket, prefix) in places {
            let key = EntryKey::new(endpoint, bucket, prefix, digest).unwrap();
            assert_eq!(get(&*cache, &key), None, "{key:?}");
        }
    }
}

#[test]
fn key_confusion_files_moved_to_the_names_of_another_entry_are_refused() {
    for encrypted in [false, true] {
        let world = World::kept(encrypted);
        let cache = world.open();
        put(&*cache, "one/", CONTENT);
        let one = (world.file(".entry"), world.file(".content"));
        let other_content = vec![b'y'; CONTENT.len()];
        let two = put(&*cache, "two/", &other_content);
        let record = world.files(".entry").into_iter().find(|path| *path != one.0).unwrap();
        let content = world.files(".content").into_iter().find(|path| *path != one.1).unwrap();
        drop(cache);
        fs::copy(&one.0, &record).unwrap();
        fs::copy(&one.1, &content).unwrap();
        let cache = world.open();
        assert_eq!(get(&*cache, &two), None);
        assert_eq!(world.witness.signs(), [Sign::Forged]);
    }
}

#[test]
fn key_confusion_content_alone_moved_is_refused() {
    for (encrypted, sign) in [(false, Sign::WrongHash), (true, Sign::Broken)] {
        let world = World::kept(encrypted);
        let cache = world.open();
        put(&*cache, "one/", CONTENT);
        let first = world.file(".content");
        let two = put(&*cache, "two/", &vec![b'y'; CONTENT.len()]);
        let second = world.files(".content").into_iter().find(|path| *path != first).unwrap();
        drop(cache);
        fs::copy(&first, &second).unwrap();
        assert_eq!(get(&*world.open(), &two), None);
        assert_eq!(world.witness.signs(), [sign]);
    }
}

#[test]
fn forged_record_is_refused_and_removed() {
    for offset in [4, 5, 6, 16, 24, 32, 40, 44, 48, 80, 112, 184, 215] {
        let world = World::kept(true);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        drop(cache);
        let path = world.file(".entry");
        let mut record = fs::read(&path).unwrap();
        record[offset] ^= 1;
        fs::write(&path, record).unwrap();
        let cache = world.open();
        assert_eq!(get(&*cache, &key), None, "offset {offset}");
        let sign = if offset == 4 { Sign::Malformed } else { Sign::Forged };
        assert_eq!(world.witness.signs(), [sign], "offset {offset}");
        assert!(!path.exists());
    }
}

#[test]
fn an_entry_signed_with_another_key_is_a_miss_and_stays() {
    let mut world = World::kept(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    drop(cache);
    let before = world.files("");
    let ours = world.config.secret.replace(CacheSecret::from_bytes([8; 32]));
    let cache = world.open();
    assert_eq!(get(&*cache, &key), None);
    drop(cache);
    assert!(before.iter().all(|path| path.exists()));
    world.config.secret = ours;
    assert_eq!(get(&*world.open(), &key).as_deref(), Some(CONTENT));
    assert_eq!(world.witness.events(), []);
}

#[test]
fn a_record_of_another_key_in_our_directory_is_left_alone() {
    let mut world = World::kept(true);
    let cache = world.open();
    put(&*cache, "releases/", CONTENT);
    drop(cache);
    let theirs = world.file(".entry");
    world.config.secret = Some(CacheSecret::from_bytes([8; 32]));
    drop(world.open());
    let kept = world.base.path().join("cache/v2/kept");
    let dirs: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    let their_home = dirs.iter().find(|dir| theirs.starts_with(dir)).unwrap();
    let our_home = dirs.iter().find(|dir| *dir != their_home).unwrap();
    let planted = our_home.join(theirs.strip_prefix(their_home).unwrap());
    fs::create_dir_all(planted.parent().unwrap()).unwrap();
    fs::copy(&theirs, &planted).unwrap();
    drop(world.open());
    assert!(matches!(&world.witness.events()[..], [CacheEvent::Foreign { .. }]));
    assert!(planted.exists());
}

#[test]
fn multi_user_an_entry_of_another_user_is_a_miss_and_stays() {
    let mut world = World::kept(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    drop(cache);
    world.uid = 1001;
    let cache = world.open();
    assert_eq!(get(&*cache, &key), None);
    assert!(matches!(&world.witness.events()[..], [CacheEvent::Foreign { .. }]));
    drop(cache);
    world.uid = 1000;
    assert_eq!(get(&*world.open(), &key).as_deref(), Some(CONTENT));
}

#[test]
fn expired_entries_are_a_miss_and_are_removed() {
    for encrypted in [false, true] {
        let world = World::process(encrypted);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        world.clocks.pass(24 * HOUR - std::time::Duration::from_secs(1));
        assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
        world.clocks.pass(std::time::Duration::from_secs(1));
        assert_eq!(get(&*cache, &key), None);
        assert!(matches!(&world.witness.events()[..], [CacheEvent::Expired { .. }]));
        assert!(world.files(".entry").is_empty() && world.files(".content").is_empty());
    }
}

#[test]
fn replay_of_an_expired_entry_is_refused() {
    let world = World::kept(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let saved: Vec<_> = world.files("").into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    world.clocks.pass(25 * HOUR);
    assert_eq!(get(&*cache, &key), None);
    let replay = || saved.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    replay();
    assert_eq!(get(&*cache, &key), None, "in the same process");
    drop(cache);
    replay();
    assert_eq!(get(&*world.open(), &key), None, "in the next one");
    assert!(world.files(".entry").is_empty());
}

#[test]
fn replay_of_an_older_record_of_the_same_entry_is_refused() {
    let world = World::process(false);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let (path, old) = (world.file(".entry"), fs::read(world.file(".entry")).unwrap());
    cache.forget(&key).unwrap();
    world.clocks.pass(HOUR);
    put(&*cache, "releases/", CONTENT);
    fs::write(&path, old).unwrap();
    assert_eq!(get(&*cache, &key), None);
    assert_eq!(world.witness.signs(), [Sign::Altered]);
}

#[test]
fn clock_set_back_does_not_prolong_an_entry() {
    let world = World::process(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    world.clocks.pass(23 * HOUR);
    world.clocks.set_wall_back(22 * HOUR);
    assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
    world.clocks.pass(HOUR);
    assert_eq!(get(&*cache, &key), None, "24 hours have passed, whatever the wall clock says");
}

#[test]
fn clock_set_back_before_an_entry_was_made_ends_it() {
    let world = World::kept(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    world.clocks.set_wall_back(HOUR);
    assert_eq!(get(&*cache, &key), None);
    put(&*cache, "releases/", CONTENT);
    drop(cache);
    world.clocks.set_wall_back(HOUR);
    assert_eq!(get(&*world.open(), &key), None);
}

#[test]
fn clock_jump_forward_costs_entries_and_nothing_else() {
    let world = World::process(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    world.clocks.set_wall_forward(100_000 * HOUR);
    assert_eq!(get(&*cache, &key), None);
    put(&*cache, "releases/", CONTENT);
    assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
    assert_eq!(world.witness.signs(), []);
}

#[test]
fn nothing_readable_is_ever_on_the_disk_of_an_encrypted_cache() {
    let world = World::process(true);
    let cache = world.open();
    let content = b"secret-marker ".repeat(20_000);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(0));
    let (base, count) = (world.base.path().to_owned(), std::sync::Arc::clone(&seen));
    let searched = content.clone();
    let look = move || {
        let mut found = Vec::new();
        crate::world::collect(&base, &mut found);
        for path in found {
            let bytes = fs::read(&path).unwrap();
            let name = path.to_string_lossy().into_owned();
            let digest = Digest::of(&searched);
            for secret in [&b"secret-marker"[..], b"s3.example", b"builds", b"releases", digest.as_bytes()] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
            }
            assert!(!name.contains(&digest.to_hex()), "{name}");
            *count.lock().unwrap() += 1;
        }
    };
    let while_staged = look.clone();
    world.witness.strike_at(Step::Staged, while_staged);
    let key = put(&*cache, "releases/", &content);
    let while_read = look;
    world.witness.strike_at(Step::ContentCopied, while_read);
    assert_eq!(get(&*cache, &key), Some(content));
    assert!(*seen.lock().unwrap() >= 6, "lock, content and record, staged and committed");
}
