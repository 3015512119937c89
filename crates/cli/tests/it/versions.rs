//! Buckets of a node, the versions in them, and how their content is stored.

use crate::binary::{Done, User};

fn failed(done: Done, code: i32, says: &str) {
    assert_eq!(done.code, code, "{}", done.stderr);
    assert!(done.stderr.contains(says), "{}", done.stderr);
}

/// Content that no compressor makes smaller.
fn noise(bytes: usize, mut state: u64) -> Vec<u8> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_bucket_is_made_shown_configured_and_removed() {
    let user = User::new();
    let _node = user.serve();
    user.run(&["bucket", "create", "builds"]).text();
    failed(user.run(&["bucket", "create", "builds"]), 5, "the bucket `builds` is there already");
    failed(user.run(&["bucket", "create", "No"]), 2, "error: ");
    failed(user.run(&["bucket", "show", "absent"]), 3, "there is no bucket `absent`");
    let shown = user.run(&["bucket", "configure", "builds", "--versioning", "on", "--json"]).json();
    assert_eq!((&shown["versioning"], &shown["objects"]), (&"on".into(), &0.into()));
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    failed(user.run(&["bucket", "rm", "builds"]), 5, "is not empty");
    user.run(&["rm", "cm://builds/a"]).text();
    failed(user.run(&["bucket", "rm", "builds"]), 5, "is not empty");
    let versions = user.run(&["ls", "cm://builds", "--versions", "--json"]).json();
    for version in versions.as_array().unwrap() {
        user.run(&["rm", "cm://builds/a", "--version-id", version["version"].as_str().unwrap()]).text();
    }
    user.run(&["bucket", "rm", "builds"]).text();
    assert_eq!(user.run(&["bucket", "ls", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn versions_are_listed_read_restored_and_removed() {
    let user = User::new();
    let _node = user.serve();
    user.run(&["bucket", "create", "builds", "--versioning", "on"]).text();
    for content in [b"one", b"two"] {
        user.run_with_input(&["cp", "-", "cm://builds/a"], content).text();
    }
    user.run_with_input(&["cp", "-", "cm://builds/a/below"], b"x").text();
    user.run(&["rm", "cm://builds/a"]).text();
    failed(user.run(&["cp", "cm://builds/a", "-"]), 3, "it was deleted, and older versions of it are there");
    let list = || user.run(&["ls", "cm://builds/a", "--versions", "--json"]).json();
    let listed = list();
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|row| (&row["key"], &row["latest"])).collect();
    let (a, below) = ("a".into(), "a/below".into());
    let (yes, no) = (true.into(), false.into());
    assert_eq!(states, [(&a, &yes), (&a, &no), (&a, &no), (&below, &yes)]);
    let id = |row: usize| listed[row]["version"].as_str().unwrap().to_owned();
    assert_eq!(listed[0]["digest"], serde_json::Value::Null, "it says that it was deleted");
    assert_eq!(user.run(&["cp", "cm://builds/a", "-", "--version-id", &id(2)]).text(), "one");
    let stat = user.run(&["stat", "cm://builds/a", "--version-id", &id(1), "--json"]).json();
    assert_eq!((&stat["size_bytes"], &stat["form"]), (&3.into(), &"whole".into()));

    let restored = user.run(&["restore", "cm://builds/a", "--version-id", &id(2), "--json"]).json();
    assert_eq!(restored["digest"], listed[2]["digest"]);
    assert_eq!(user.run(&["cp", "cm://builds/a", "-"]).text(), "one");
    failed(user.run(&["restore", "cm://builds/a", "--version-id", &id(0)]), 3, "says that it was deleted");
    failed(user.run(&["restore", "cm://builds/a", "--version-id", "old"]), 2, "error: ");

    let newest = restored["version"].as_str().unwrap();
    user.run(&["rm", "cm://builds/a", "--version-id", newest]).text();
    assert_eq!(list(), listed, "the mark came to light again");
    failed(user.run(&["rm", "cm://builds/a", "--version-id", newest]), 3, "there is no such version");
    let shown = user.run(&["bucket", "show", "builds", "--json"]).json();
    assert_eq!(
        (&shown["objects"], &shown["versions"], &shown["version_bytes"]),
        (&1.into(), &3.into(), &6.into())
    );
}

#[test]
fn what_is_stored_is_told_verified_and_found_damaged() {
    let user = User::new();
    let _node = user.serve();
    let first = noise(200_000, 7);
    let second = [&first[..150_000], b"changed", &first[150_000..]].concat();
    user.run(&["cp", &user.file("1.bin", &first), "cm://builds/app/1.bin"]).text();
    user.run(&["cp", &user.file("2.bin", &second), "cm://builds/app/2.bin"]).text();
    // Each look is a whole command, so this does not spin.
    let stat = loop {
        let stats = ["1", "2"]
            .map(|name| user.run(&["stat", &format!("cm://builds/app/{name}.bin"), "--json"]).json());
        if let Some(found) = stats.into_iter().find(|stat| stat["form"] == "difference") {
            break found;
        }
    };
    let other = if stat["key"] == "app/1.bin" { "app/2.bin" } else { "app/1.bin" };
    assert_eq!((&stat["base"]["bucket"], &stat["base"]["key"]), (&"builds".into(), &other.into()));
    let key = stat["key"].as_str().unwrap();
    let said = user.run(&["stat", &format!("cm://builds/{key}")]).text();
    assert!(said.contains(&format!("as a difference to cm://builds/{other}")), "{said}");
    let shown = user.run(&["bucket", "show", "builds", "--json"]).json();
    assert_eq!(shown["measured"]["content_bytes"], 400_007);
    assert!(shown["measured"]["stored_bytes"].as_u64().unwrap() < 202_000, "{shown}");

    let verified = user.run(&["verify", "cm://builds/app/", "--json"]).json();
    assert_eq!((&verified[0]["state"], &verified[1]["state"]), (&"verified".into(), &"verified".into()));
    failed(user.run(&["verify", "cm://builds/none"]), 3, "there is nothing at");
    let base = user.run(&["stat", &format!("cm://builds/{other}"), "--json"]).json();
    let hex = base["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let blobs = user.path(".local/share/casemate/objects/content/default").join(&hex[..2]).join(&hex[2..4]);
    for entry in std::fs::read_dir(blobs).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    failed(user.run(&["verify", &format!("cm://builds/{other}")]), 1, "1 objects checked, 1 damaged");
    failed(user.run(&["cp", &format!("cm://builds/{other}"), "-"]), 1, "is missing or damaged on the node");
    let tail = user.run(&["audit", "tail", "--json"]).text();
    assert!(tail.contains("objects.quarantine"), "{tail}");
    // The bytes are kept, and the same content again heals it.
    let content = if other == "app/1.bin" { "1.bin" } else { "2.bin" };
    user.run(&["cp", content, &format!("cm://builds/{other}")]).text();
    assert_eq!(
        user.run(&["verify", &format!("cm://builds/{other}"), "--json"]).json()[0]["state"],
        "verified"
    );
}

#[test]
fn lifecycle_rules_are_set_listed_and_removed() {
    let user = User::new();
    let _node = user.serve();
    user.run(&["bucket", "create", "builds", "--versioning", "on"]).text();
    user.run(&["bucket", "rule", "set", "builds", "trim", "--keep-versions", "1"]).text();
    user.run(&["bucket", "rule", "set", "builds", "tmp", "--prefix", "tmp/", "--expire-days", "3"]).text();
    user.run(&["bucket", "rule", "set", "builds", "tmp", "--prefix", "tmp/", "--expire-days", "5"]).text();
    let listed = user.run(&["bucket", "rule", "ls", "builds"]).text();
    assert_eq!(listed, "trim\t\tenabled\tkeep 1 older versions\ntmp\ttmp/\tenabled\texpire after 5 d\n");
    failed(user.run(&["bucket", "rule", "set", "builds", "none"]), 2, "says what is to happen");
    failed(
        user.run(&["bucket", "rule", "set", "builds", "x", "--expire-days", "0"]),
        2,
        "days are counted from 1",
    );
    failed(user.run(&["bucket", "rule", "rm", "builds", "none"]), 3, "has no rule `none`");
    user.run(&["bucket", "rule", "rm", "builds", "trim"]).text();
    assert_eq!(user.run(&["bucket", "rule", "ls", "builds", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_project_stays_within_its_quota() {
    let user = User::new();
    let config = user.file("casemate.toml", b"project_bytes_max = \"10B\"\nproject_objects_max = 2\n");
    let _node = user.serve_with(&["--config", &config]);
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"12345678").text();
    let refused = user.run_with_input(&["cp", "-", "cm://builds/b"], b"123");
    failed(refused, 6, "the project has 8 bytes of the 10 that it may have, and 3 more were to be stored");
    user.run_with_input(&["cp", "-", "cm://builds/b"], b"12").text();
    failed(user.run_with_input(&["cp", "-", "cm://builds/c"], b""), 6, "2 objects and versions of the 2");
    let usage = user.run(&["bucket", "usage", "--json"]).json();
    assert_eq!(
        (&usage["bytes"], &usage["bytes_max"], &usage["objects"], &usage["upload_bytes"]),
        (&10.into(), &10.into(), &2.into(), &0.into())
    );
    // Each project has a quota of its own, and deleting makes room.
    user.run_with_input(&["cp", "-", "cm://builds/a", "--project", "other"], b"12345678").text();
    user.run(&["rm", "cm://builds/a"]).text();
    user.run_with_input(&["cp", "-", "cm://builds/c"], b"1").text();
}
