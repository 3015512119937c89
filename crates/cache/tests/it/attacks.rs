//! One test for each attack. None hands out wrong bytes; each is seen.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use casemate_cache::{CacheError, CacheEvent, CacheSecret, EntryKey, Sign, Step};
use casemate_model::Digest;

use crate::world::{CONTENT, HOUR, World, get, key_of, put};

/// Lets an attacker act on the only content file of a fresh cache, and says what a get gives and shows then.
fn after_attack(world: &World, attack: impl Fn(&std::path::Path)) -> (Option<Vec<u8>>, Vec<Sign>) {
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    attack(&world.file(".content"));
    let got = get(&*cache, &key);
    assert_eq!(get(&*cache, &key), None, "evicted");
    assert_eq!(world.files(".entry"), [] as [std::path::PathBuf; 0], "evicted from the disk");
    put(&*cache, "releases/", CONTENT);
    assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT), "usable again");
    (got, world.witness.signs())
}

#[test]
fn poisoning_an_entry_evicts_it() {
    for encrypted in [false, true] {
        let poison = |path: &std::path::Path| fs::write(path, b"malicious").unwrap();
        assert_eq!(after_attack(&World::process(encrypted), poison), (None, vec![Sign::Altered]));
    }
}

#[test]
fn poisoning_with_content_of_the_same_length_evicts_it() {
    let poison = |path: &std::path::Path| {
        let length = fs::metadata(path).unwrap().len();
        fs::write(path, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
    };
    assert_eq!(after_attack(&World::process(false), poison), (None, vec![Sign::Altered]));
}

#[test]
fn poisoning_at_the_put_is_refused() {
    let world = World::process(false);
    let cache = world.open();
    let key = key_of("releases/", CONTENT);
    let refused = cache.put(&key, b"malicious");
    let Err(CacheError::WrongContent { expected, found }) = refused else { panic!("{refused:?}") };
    assert_eq!((expected, found), (Digest::of(CONTENT), Digest::of(b"malicious")));
    assert_eq!(world.files(""), world.files("lock"));
}

#[test]
fn toctou_bytes_swapped_after_the_check_of_the_file_are_not_handed_out() {
    for (encrypted, sign) in [(false, Sign::WrongHash), (true, Sign::Broken)] {
        let world = World::process(encrypted);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        let path = world.file(".content");
        let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        world.witness.strike_at(Step::ContentOpened, move || fs::write(&path, vec![b'x'; length]).unwrap());
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs(), [sign]);
    }
}

#[test]
fn toctou_a_file_renamed_over_during_the_read_changes_nothing_that_is_handed_out() {
    let world = World::process(false);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let path = world.file(".content");
    let evil = world.base.path().join("evil");
    fs::write(&evil, vec![b'x'; CONTENT.len()]).unwrap();
    world.witness.strike_at(Step::ContentOpened, move || fs::rename(&evil, &path).unwrap());
    // The file that is open is still the one that was committed.
    assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
    assert_eq!(get(&*cache, &key), None);
    assert_eq!(world.witness.signs(), [Sign::WrongKind], "a file that others may read");
}

#[test]
fn toctou_a_swap_after_the_hash_reaches_nobody() {
    let world = World::process(false);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let path = world.file(".content");
    world.witness.strike_at(Step::ContentCopied, move || fs::write(&path, b"malicious").unwrap());
    let sealed = cache.get(&key).unwrap().unwrap();
    assert_eq!(sealed.as_slice().unwrap(), CONTENT);
}

#[test]
fn toctou_a_swap_of_the_record_between_its_reading_and_the_contents() {
    let world = World::process(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let other = put(&*cache, "other/", b"something else");
    let (records, contents) = (world.files(".entry"), world.files(".content"));
    world.witness.strike_at(Step::RecordRead, move || {
        fs::rename(&records[0], &records[1]).unwrap();
        fs::rename(&contents[0], &contents[1]).unwrap();
    });
    for key in [&key, &other] {
        assert!(get(&*cache, key).is_none_or(|got| Digest::of(&got) == key.digest()));
    }
    assert!(!world.witness.signs().is_empty());
}

#[test]
fn truncation_evicts() {
    for encrypted in [false, true] {
        let cut = |path: &std::path::Path| {
            fs::File::options().write(true).open(path).unwrap().set_len(5).unwrap();
        };
        assert_eq!(after_attack(&World::process(encrypted), cut), (None, vec![Sign::Altered]));
    }
}

#[test]
fn truncation_during_the_read_evicts() {
    for encrypted in [false, true] {
        let world = World::process(encrypted);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        let path = world.file(".content");
        world.witness.strike_at(Step::ContentOpened, move || {
            fs::File::options().write(true).open(&path).unwrap().set_len(5).unwrap();
        });
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs(), [Sign::Broken]);
    }
}

#[test]
fn bomb_a_file_that_grew_huge_is_not_read() {
    let world = World::kept(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let path = world.file(".content");
    drop(cache);
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(get(&*world.open(), &key), None);
    assert_eq!(world.witness.signs(), [Sign::Broken]);
}

#[test]
fn bomb_a_file_that_grows_without_end_while_it_is_read() {
    let world = World::process(false);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let path = world.file(".content");
    world.witness.strike_at(Step::ContentOpened, move || {
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    });
    assert_eq!(get(&*cache, &key), None);
    assert_eq!(world.witness.signs(), [Sign::Broken]);
}

#[test]
fn symlink_in_the_place_of_an_entry_is_not_followed() {
    for kind in [".content", ".entry"] {
        let world = World::process(false);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        let path = world.file(kind);
        let moved = world.base.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs(), [Sign::WrongKind]);
        assert!(moved.exists(), "what it led to is untouched");
        assert!(path.symlink_metadata().is_err(), "the link is gone");
    }
}

#[test]
fn hardlink_to_an_entry_evicts_it() {
    for kind in [".content", ".entry"] {
        let world = World::process(false);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        fs::hard_link(world.file(kind), world.base.path().join("second")).unwrap();
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs(), [Sign::WrongKind]);
    }
}

#[test]
fn an_entry_exchanged_for_a_directory_or_fifo_or_socket_evicts_it() {
    let directory = |path: &std::path::Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir_all(path.join("deep")).unwrap();
    };
    assert_eq!(after_attack(&World::process(true), directory), (None, vec![Sign::WrongKind]));
    let fifo = |path: &std::path::Path| {
        fs::remove_file(path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    };
    assert_eq!(after_attack(&World::process(true), fifo), (None, vec![Sign::WrongKind]));
}

#[test]
fn an_entry_opened_to_others_evicts_it() {
    let open = |path: &std::path::Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    assert_eq!(after_attack(&World::process(true), open), (None, vec![Sign::WrongKind]));
}

#[test]
fn wrong_owner_of_an_entry_evicts_it() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file away; CI runs this suite as root too.
        return;
    }
    let give_away = |path: &std::path::Path| std::os::unix::fs::chown(path, Some(12345), None).unwrap();
    assert_eq!(after_attack(&World::process(true), give_away), (None, vec![Sign::WrongKind]));
}

#[test]
fn deletion_of_an_entry_is_seen() {
    let delete = |path: &std::path::Path| fs::remove_file(path).unwrap();
    assert_eq!(after_attack(&World::process(true), delete), (None, vec![Sign::Missing]));
}

#[test]
fn a_directory_replaced_midway_serves_nothing_foreign() {
    for encrypted in [false, true] {
        let world = World::process(encrypted);
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        let path = world.file(".content");
        world.witness.strike_at(Step::Found, move || {
            let dir = path.parent().unwrap();
            let aside = dir.with_extension("aside");
            fs::rename(dir, &aside).unwrap();
            fs::create_dir(dir).unwrap();
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
            for file in fs::read_dir(&aside).unwrap() {
                let file = file.unwrap();
                fs::write(dir.join(file.file_name()), b"malicious").unwrap();
            }
        });
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs().len(), 1);
    }
}

#[test]
fn a_directory_replaced_by_a_link_serves_nothing_foreign() {
    let world = World::process(true);
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let dir = world.file(".content").parent().unwrap().to_owned();
    let aside = world.base.path().join("aside");
    fs::rename(&dir, &aside).unwrap();
    symlink(&aside, &dir).unwrap();
    assert_eq!(get(&*cache, &key), None);
    assert_eq!(world.witness.signs(), [Sign::WrongKind]);
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 2, "what it led to is untouched");
}

#[test]
fn a_directory_replaced_between_staging_and_commit_gets_nothing() {
    let world = World::process(true);
    let cache = world.open();
    let first = put(&*cache, "releases/", CONTENT);
    cache.forget(&first).unwrap();
    let outside = world.base.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let root = world.base.path().join("cache/v2/process");
    let target = outside.clone();
    world.witness.strike_at(Step::Staged, move || {
        let process = fs::read_dir(&root).unwrap().next().unwrap().unwrap().path();
        for entry in fs::read_dir(process).unwrap().flatten().filter(|entry| entry.file_name().len() == 2) {
            fs::rename(entry.path(), entry.path().with_extension("aside")).unwrap();
            symlink(&target, entry.path()).unwrap();
        }
    });
    let _ = cache.put(&first, CONTENT);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(cache.get(&first).unwrap().is_none());
}

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
