//! The cache of references as its users have it: what it saves, and what is left of it.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::binary::{Done, send_signal, text};
use crate::s3::{Shop, failed, version};

const REFERENCE: &str = "GET /one/app/reference.bin";
/// 32 bytes, as anybody would make them.
const KEY: (&str, &str) = ("CASEMATE_CACHE_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

/// Three versions of a file in a folder. Nobody has read the reference yet.
fn shop() -> Shop {
    let shop = Shop::new();
    for n in [1, 2, 3] {
        let file = shop.user.file(&format!("app-{n}.zip"), &version(n));
        shop.run(&["cp", &file, "s3://one/app/", "--no-cache"]).text();
    }
    shop
}

/// Every file of the cache.
fn files(shop: &Shop) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&shop.user.path(".cache/casemate"), &mut found);
    found
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}

fn contents(shop: &Shop) -> Vec<PathBuf> {
    files(shop).into_iter().filter(|path| path.file_name().unwrap() != "lock").collect()
}

#[test]
fn a_second_use_of_a_reference_costs_no_download() {
    let shop = shop();
    let before = shop.gate.count(REFERENCE);
    let get = |variables: &[(&str, &str)], n: u8, flags: &[&str]| {
        let key = format!("s3://one/app/app-{n}.zip");
        let command = [&["cp", &key, "-"], flags].concat();
        assert_eq!(shop.run_with(variables, &command).stdout, version(n));
        shop.gate.count(REFERENCE) - before
    };
    // Once a process: a folder is copied with one download.
    shop.run(&["cp", "-r", "s3://one/app/", text(&shop.user.path("all"))]).text();
    assert_eq!(shop.gate.count(REFERENCE) - before, 1);
    assert_eq!(get(&[], 2, &[]), 2);
    assert_eq!(contents(&shop), [] as [PathBuf; 0], "nothing is kept without a key");
    // Once for all processes with the same key.
    assert_eq!(get(&[KEY], 2, &[]), 3);
    assert_eq!(get(&[KEY], 3, &[]), 3);
    assert_eq!(get(&[("DG_CACHE_ENCRYPTION_KEY", KEY.1)], 2, &[]), 3);
    let file = shop.user.file("app-4.zip", &version(4));
    shop.run_with(&[KEY], &["cp", &file, "s3://one/app/"]).text();
    assert_eq!(get(&[KEY], 4, &[]), 3);
    // Flags go before variables, ours before DeltaGlider's.
    assert_eq!(get(&[KEY], 2, &["--no-cache"]), 4);
    assert_eq!(get(&[KEY, ("DG_NO_CACHE", "1")], 2, &[]), 5);
    assert_eq!(get(&[KEY, ("DG_NO_CACHE", "1"), ("CASEMATE_CACHE_OFF", "false")], 2, &[]), 5);
    // A check of the bucket believes the bucket only, and asks it once.
    shop.run_with(&[KEY], &["verify", "s3://one/app/"]).text();
    assert_eq!(shop.gate.count(REFERENCE) - before, 6);
    failed(
        shop.run_with(&[("CASEMATE_CACHE_SIZE", "1")], &["ls", "s3://one"]),
        2,
        "is no setting of the cache",
    );
}

#[test]
fn a_poisoned_entry_raises_an_alarm_and_is_not_used() {
    let shop = shop();
    let get = || shop.run_with(&[KEY], &["cp", "s3://one/app/app-2.zip", "-"]);
    assert_eq!(get().stdout, version(2));
    let before = shop.gate.count(REFERENCE);
    assert_eq!((get().stdout, shop.gate.count(REFERENCE)), (version(2), before));
    let kept = contents(&shop);
    assert_eq!(kept.len(), 2);
    for (n, path) in (1..).zip(kept) {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let poisoned = get();
        assert_eq!(poisoned.stdout, version(2));
        assert!(poisoned.stderr.contains("alarm: the cache's"), "{}", poisoned.stderr);
        assert_eq!(shop.gate.count(REFERENCE), before + n);
    }
    // Somebody else's link in the place of the directory is not followed.
    let (cache, elsewhere) = (shop.user.path(".cache/casemate"), shop.user.path("elsewhere"));
    std::fs::rename(&cache, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &cache).unwrap();
    let linked = get();
    assert_eq!(linked.stdout, version(2));
    assert!(linked.stderr.contains("going on without a cache"), "{}", linked.stderr);
}

/// Starts a copy of the folder that has used the reference and stands still before its last file.
fn stopped_in_the_middle(shop: &Shop) -> std::process::Child {
    shop.gate.hold("GET /one/app/app-3.zip.delta");
    let target = shop.user.path("out");
    let copy = shop.start(&["cp", "-r", "s3://one/app/", text(&target), "--jobs", "1"]);
    shop.gate.wait();
    assert_eq!(contents(shop).len(), 2, "an entry and its content");
    copy
}

#[test]
fn a_killed_process_leaves_nothing_readable_and_the_next_one_sweeps() {
    let shop = shop();
    let mut copy = stopped_in_the_middle(&shop);
    copy.kill().unwrap();
    copy.wait().unwrap();
    let reference = version(1);
    for path in contents(&shop) {
        let left = std::fs::read(&path).unwrap();
        let shown = reference.windows(16).step_by(997).any(|piece| left.windows(16).any(|w| w == piece));
        assert!(!shown, "{} has plain content", path.display());
        // Noise holds any three letters by chance, but hardly nine.
        for name in ["one/app/reference", "reference", "127.0.0.1"] {
            let named = left.windows(name.len()).any(|w| w == name.as_bytes());
            assert!(!named, "{} names {name}", path.display());
        }
        for name in ["app", "one", "reference", "127.0.0.1"] {
            assert!(!text(&path).rsplit("casemate/").next().unwrap().contains(name));
        }
    }
    let seen = shop.run(&["cache", "show", "--json"]).json();
    assert_eq!((&seen["found"][0]["in_use"], &seen["found"][0]["files"]), (&false.into(), &2.into()));
    shop.gate.open();
    let next = shop.run_with(&[("RUST_LOG", "casemate::cache=info")], &["cp", "s3://one/app/app-3.zip", "-"]);
    assert_eq!(next.stdout, version(3));
    let told = "1 caches of processes that are gone were removed";
    assert!(next.stderr.contains(told), "{}", next.stderr);
    assert_eq!(files(&shop), [] as [PathBuf; 0]);
}

#[test]
fn a_signal_takes_the_cache_along() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let shop = shop();
        let copy = stopped_in_the_middle(&shop);
        send_signal(&copy, signal);
        assert_eq!(Done::of(copy).code, code);
        assert_eq!(files(&shop), [] as [PathBuf; 0]);
    }
}

#[test]
fn caches_are_shown_and_cleared() {
    let shop = shop();
    shop.run_with(&[KEY], &["cp", "s3://one/app/app-2.zip", "-"]);
    let seen = shop.run_with(&[KEY], &["cache", "show"]).text();
    assert!(seen.contains("kept with its key") && seen.contains(KEY.0) && !seen.contains(KEY.1), "{seen}");
    let seen = shop.run_with(&[("DG_CACHE_BACKEND", "memory")], &["cache", "show", "--json"]).json();
    assert_eq!(seen["cache"], "in memory, at most 100 MiB");
    let file = shop.user.file("casemate.toml", b"[cache]\nbackend = \"memory\"\nmemory_size_mb = 7\n");
    let seen = shop.run_with(&[("CASEMATE_CONFIG", &file)], &["cache", "show", "--json"]).json();
    assert_eq!(seen["cache"], "in memory, at most 7 MiB");
    let seen =
        shop.run_with(&[("CASEMATE_CONFIG", &file)], &["cache", "show", "--no-cache", "--json"]).json();
    assert_eq!(seen["cache"], "none");
    // The same file is a node's, who checks the section and does not show it.
    let shown = shop.run_with(&[KEY], &["config", "show", "--config", &file]).text();
    assert!(!shown.contains("memory_size_mb") && !shown.contains(KEY.1), "{shown}");
    let wrong = shop.user.file("wrong.toml", b"[cache]\nbackand = \"memory\"\n");
    failed(
        shop.run(&["config", "check", "--config", &wrong]),
        2,
        "`cache.backand` is no setting of the cache",
    );

    let cleared = shop.run(&["cache", "clear", "--json"]).json();
    assert_eq!(
        (cleared["removed"].as_array().unwrap().len(), &cleared["in_use"]),
        (1, &serde_json::json!([]))
    );
    assert_eq!(files(&shop), [] as [PathBuf; 0]);
    failed(shop.run(&["cache", "show"]), 0, "no cache lies there");
}

#[test]
fn caches_of_deltaglider_go_only_with_leave() {
    let shop = Shop::new();
    let tmp = shop.user.path("tmp");
    let shared = tmp.join(".deltaglider/reference_cache");
    std::fs::create_dir_all(&shared).unwrap();
    std::fs::write(shared.join("ab"), b"plain").unwrap();
    let migrate =
        |flags: &[&str]| shop.run_with(&[("TMPDIR", text(&tmp))], &[&["cache", "migrate"], flags].concat());
    assert!(migrate(&["--dry-run"]).text().contains("kept the old shared cache"));
    // Nobody can be asked here.
    failed(migrate(&[]), 0, "nothing was deleted");
    assert!(shared.join("ab").exists());
    let done = migrate(&["--yes", "--json"]).json();
    assert_eq!((&done[0]["outcome"], &done[0]["files"]), (&"deleted".into(), &1.into()));
    assert!(!shared.exists());
    failed(migrate(&["--yes"]), 0, "there are no caches of DeltaGlider");
}
