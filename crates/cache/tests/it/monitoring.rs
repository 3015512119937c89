//! What is done to the files is noticed within a second, without any read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use casemate_cache::{CacheEvent, Sign};

use crate::world::{CONTENT, World, get, put};

/// Does something to one file of a watched cache, waits for the alarm, and checks that the entry is gone.
fn alarm(end: &str, act: impl Fn(&Path), wanted: Sign) {
    for world in [World::process(true).monitored(), World::kept(false).monitored()] {
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        act(&world.file(end));
        let event = world
            .witness
            .wait_for(|event| matches!(event, CacheEvent::Tampered { sign, .. } if *sign == wanted));
        assert!(event.is_some(), "{wanted:?} of {end}: {:?}", world.witness.events());
        assert_eq!(cache.usage().entries, 0, "{wanted:?} of {end}");
        assert_eq!(get(&*cache, &key), None);
        put(&*cache, "releases/", CONTENT);
        assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
    }
}

#[test]
fn writing_to_an_entry_raises_an_alarm() {
    for end in [".content", ".entry"] {
        alarm(end, |path| fs::write(path, b"malicious").unwrap(), Sign::Altered);
    }
}

#[test]
fn changing_the_mode_of_an_entry_raises_an_alarm() {
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    alarm(".content", open, Sign::Altered);
}

#[test]
fn setting_the_same_mode_again_raises_an_alarm_too() {
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    alarm(".content", open, Sign::Altered);
}

#[test]
fn deleting_an_entry_raises_an_alarm() {
    for end in [".content", ".entry"] {
        alarm(end, |path| fs::remove_file(path).unwrap(), Sign::Missing);
    }
}

#[test]
fn moving_an_entry_away_raises_an_alarm() {
    let away = |path: &Path| fs::rename(path, path.with_extension("away")).unwrap();
    alarm(".content", away, Sign::Missing);
}

#[test]
fn moving_something_over_an_entry_raises_an_alarm() {
    let over = |path: &Path| {
        let evil = std::env::temp_dir().join(format!("evil-{}", std::process::id()));
        fs::write(&evil, b"malicious").unwrap();
        fs::rename(evil, path).unwrap();
    };
    alarm(".entry", over, Sign::Altered);
}

#[test]
fn moving_a_whole_directory_away_raises_an_alarm() {
    let away = |path: &Path| {
        let dir = path.parent().unwrap();
        fs::rename(dir, dir.with_extension("away")).unwrap();
    };
    alarm(".content", away, Sign::Missing);
    let outer = |path: &Path| {
        let dir = path.parent().unwrap().parent().unwrap();
        fs::rename(dir, dir.with_extension("away")).unwrap();
    };
    alarm(".entry", outer, Sign::Missing);
}

#[test]
fn opening_a_directory_to_others_raises_an_alarm_and_is_undone() {
    let world = World::process(true).monitored();
    let cache = world.open();
    put(&*cache, "releases/", CONTENT);
    let dir = world.file(".content").parent().unwrap().to_owned();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let alarm = |event: &CacheEvent| matches!(event, CacheEvent::Tampered { sign: Sign::OpenDirectory, .. });
    assert!(world.witness.wait_for(alarm).is_some());
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn an_intruder_is_removed() {
    let world = World::process(true).monitored();
    let cache = world.open();
    let key = put(&*cache, "releases/", CONTENT);
    let content = world.file(".content");
    let planted = content.with_file_name("planted");
    fs::write(&planted, b"malicious").unwrap();
    let alarm = |event: &CacheEvent| matches!(event, CacheEvent::Tampered { sign: Sign::Intruder, .. });
    assert!(world.witness.wait_for(alarm).is_some());
    assert!(!planted.exists());
    assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
}

#[test]
fn an_overflow_of_the_queue_leads_to_a_full_check() {
    let world = World::process(true).monitored();
    let cache = world.open();
    let keys: Vec<_> = (0..20_u8).map(|at| put(&*cache, "releases/", &[at; 100])).collect();
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    let noise = world.files(".content")[0].with_file_name("noise");
    let held =
        world.witness.hold_at(|event| matches!(event, CacheEvent::Tampered { sign: Sign::Intruder, .. }));
    fs::write(&noise, b"").unwrap();
    held.wait_until_held();
    // The monitor stands still now. Events that differ from their predecessor are not merged.
    for round in 0..=queue {
        fs::write(noise.with_file_name(if round % 2 == 0 { "noise" } else { "more" }), b"x").unwrap();
    }
    let victims: Vec<_> = world.files(".entry").into_iter().skip(10).collect();
    victims.iter().for_each(|victim| fs::remove_file(victim).unwrap());
    held.release();
    assert!(world.witness.wait_for(|event| *event == CacheEvent::Rescanned).is_some());
    assert_eq!(cache.usage().entries, 10);
    let missing = world.witness.signs().into_iter().filter(|sign| *sign == Sign::Missing).count();
    assert_eq!(missing, 10);
    assert_eq!(keys.iter().filter(|key| get(&*cache, key).is_some()).count(), 10);
}

#[test]
fn ordinary_work_raises_no_alarm() {
    let mut world = World::process(false).monitored();
    let base = world.base.path().join("cache");
    world.config.place = casemate_cache::Place::Process { base, bytes_max: 300_000 };
    let cache = world.open();
    for round in 0..200_u32 {
        let content = (round % 90).to_be_bytes().repeat(500);
        let key = crate::world::key_of("p/", &content);
        cache.put(&key, &content).unwrap();
        assert!(get(&*cache, &key).is_some());
        if round % 7 == 0 {
            cache.forget(&key).unwrap();
        }
    }
    // The monitor works through what it was told in order, so that this alarm comes after all false ones.
    fs::write(&world.files(".content")[0], b"x").unwrap();
    let alarm = |event: &CacheEvent| matches!(event, CacheEvent::Tampered { .. });
    assert!(world.witness.wait_for(alarm).is_some());
    drop(cache);
    assert_eq!(world.witness.signs().len(), 1);
}
