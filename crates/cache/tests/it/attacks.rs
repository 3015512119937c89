//! One test for each attack on files and directories. None hands out wrong bytes; each is seen.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use casemate_cache::{CacheError, Sign, Step};
use casemate_model::Digest;

use crate::world::{CONTENT, World, get, key_of, put};

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
