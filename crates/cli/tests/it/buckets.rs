//! Buckets of others, here in a directory: everything that needs neither node nor network.

use crate::binary::{Done, User, text};

/// Two versions of an archive: much of the second is the first.
pub(crate) fn versions() -> (Vec<u8>, Vec<u8>) {
    let mut state = 7_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let first: Vec<u8> = (0..200_000).map(|_| noise()).collect();
    let mut second = first.clone();
    second[1000..1100].fill(0);
    second.extend((0..500).map(|_| noise()));
    (first, second)
}

/// A user with an empty bucket, and its address.
pub(crate) fn bucket() -> (User, String) {
    let user = User::new();
    casemate_fs::make_user_dir(&user.path("bucket")).unwrap();
    let address = format!("file://{}", text(&user.path("bucket")));
    (user, address)
}

pub(crate) fn failed(done: Done, code: i32, says: &str) {
    assert_eq!(done.code, code, "{}", done.stderr);
    assert!(done.stderr.contains(says), "{}", done.stderr);
}

#[test]
fn archives_are_stored_as_deltas_and_come_back() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    let (one, two) = (user.file("app-1.zip", &first), user.file("app-2.zip", &second));
    let folder = format!("{bucket}//app/");
    user.run(&["cp", &one, &folder]).text();
    let copied = user.run(&["cp", &two, &folder, "--json"]).json();
    assert_eq!(copied[0]["size_bytes"], second.len());

    let key = format!("{folder}app-2.zip");
    let stat = user.run(&["stat", &key, "--json"]).json();
    assert_eq!((&stat["form"], &stat["size_bytes"]), (&"delta".into(), &second.len().into()));
    assert!(stat["stored_bytes"].as_u64().unwrap() < 2000, "{stat}");
    user.run(&["cp", &key, text(&user.path("back.zip"))]).text();
    assert_eq!(user.read("back.zip"), second);
    assert_eq!(user.run(&["cp", &key, "-"]).stdout, second);

    let listed = user.run(&["ls", "-r", &bucket, "--summarize", "--json"]).json();
    assert_eq!(listed["objects"][0]["key"], "app/app-1.zip");
    assert_eq!(listed["summary"]["objects"], 2);
    assert_eq!(user.run(&["ls", &bucket, "--json"]).json()["folders"][0], "app/");
    assert!(user.run(&["ls", "-h", &folder]).text().contains("195.3 KiB"));
    let verified = user.run(&["verify", &bucket, "--json"]).json();
    assert_eq!((&verified[0]["state"], &verified[1]["state"]), (&"verified".into(), &"verified".into()));
    assert_eq!(user.run(&["stats", &bucket, "--detailed", "--json"]).json()["deltas"], 2);
    assert_eq!(user.run(&["du", &bucket, "--json"]).json()["total"]["objects"], 2);
    assert_eq!(user.run(&["rescue", &bucket, "--json"]).json()[0]["state"], "healthy");
    assert_eq!(user.run(&["purge", &bucket, "--json"]).json()["deleted"], 0);

    failed(user.run(&["rm", &folder]), 2, "hint: add -r");
    failed(user.run(&["rm", "-r", &folder, "--dryrun"]), 0, "(dryrun) delete");
    user.run(&["rm", &key]).text();
    failed(user.run(&["stat", &key]), 3, "error: there is no object `app/app-2.zip`");
    failed(user.run(&["verify", &key]), 3, "error: there is nothing at");
    user.run(&["rm", "-r", &folder]).text();
    assert_eq!(user.run(&["ls", "-r", &bucket]).text(), "");
}

#[test]
fn whoever_has_no_home_has_a_cache_in_memory() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    for (name, content) in [("a-1.zip", &first), ("a-2.zip", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    let mut command = user.command(&["cp", &format!("{bucket}//a-2.zip"), "-"]);
    let got = Done::of(command.env_remove("HOME").spawn().unwrap());
    assert_eq!((got.code, got.stdout, got.stderr.as_str()), (0, second, ""));
    let mut command = user.command(&["cache", "show", "--json"]);
    let shown = Done::of(command.env_remove("HOME").spawn().unwrap()).json();
    assert_eq!(shown["cache"], "in memory, at most 100 MiB");
}

#[test]
fn damage_is_found_and_never_given_out() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    for (name, content) in [("a-1.zip", &first), ("a-2.zip", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    let path = user.path("bucket/reference.bin");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50_000] ^= 1;
    // In place, so that what is attached to the file stays.
    std::fs::write(&path, bytes).unwrap();
    failed(user.run(&["verify", &bucket]), 1, "2 objects checked, 2 damaged");
    failed(user.run(&["cp", &format!("{bucket}//a-2.zip"), "-"]), 1, "error: ");
    assert!(user.run(&["cp", &format!("{bucket}//a-2.zip"), "-"]).stdout.is_empty());
}

#[test]
fn directories_are_synchronized_both_ways() {
    let (user, bucket) = bucket();
    casemate_fs::make_user_dir(&user.path("dist/sub")).unwrap();
    user.file("dist/a.txt", b"a");
    user.file("dist/sub/b.txt", b"b");
    user.file("dist/c.log", b"c");
    let (dist, target) = (text(&user.path("dist")).to_owned(), format!("{bucket}//site"));
    let done = user.run(&["sync", &dist, &target, "--exclude", "*.log", "--json"]).json();
    assert_eq!(done["copied"].as_array().unwrap().len(), 2);
    let again = user.run(&["sync", &dist, &target, "--exclude", "*.log", "--json"]).json();
    assert_eq!(again["copied"], serde_json::json!([]));

    user.run(&["rm", &format!("{target}/a.txt")]).text();
    failed(user.run(&["sync", &target, &dist, "--delete", "--dryrun"]), 0, "(dryrun) delete");
    user.run(&["sync", &target, &dist, "--delete", "--size-only"]).text();
    assert!(!user.path("dist/a.txt").exists() && !user.path("dist/c.log").exists());
    assert_eq!(user.read("dist/sub/b.txt"), b"b");

    // Two names of this machine may be one file, which a move would lose.
    let (from, to) = (format!("{target}/sub/b.txt"), format!("{bucket}//moved.txt"));
    failed(user.run(&["mv", &from, &to]), 2, "may be one file under two names");
    failed(user.run(&["mv", text(&user.path("dist/sub/b.txt")), &to]), 2, "may be one file under two names");
    user.run(&["cp", &from, &to]).text();
    assert_eq!(user.run(&["cp", &to, "-"]).text(), "b");
    user.run(&["rm", &from]).text();
    failed(user.run(&["stat", &from]), 3, "error: ");
    user.run_with_input(&["cp", "-", &format!("{bucket}//piped.txt")], b"piped").text();
    user.run(&["cp", "-r", &bucket, text(&user.path("all")), "--include", "*.txt"]).text();
    assert_eq!(user.read("all/piped.txt"), b"piped");
}

#[test]
fn addresses_that_cannot_be() {
    let (user, bucket) = bucket();
    failed(user.run(&["ls", "s3:///key"]), 2, "names no bucket");
    failed(user.run(&["rm", "s3://"]), 2, "names no bucket");
    failed(user.run(&["ls", "file://relative"]), 2, "absolute");
    failed(user.run(&["stats", &format!("{bucket}//app")]), 2, "names more than a bucket");
    failed(user.run(&["ls", "file:///absent/bucket"]), 3, "error: ");
    let file = user.file("a.txt", b"a");
    failed(user.run(&["cp", &file, &format!("{bucket}//a/../b")]), 2, "cannot name an object");
    failed(user.run(&["cp", &file, &format!("{bucket}//.deltaglider/x")]), 2, "cannot name an object");
    failed(user.run(&["cp", &file, "s3://b/k", "--max-ratio", "2"]), 2, "between 0 and 1");
    failed(user.run(&["ls", "s3://b", "--profile", "nobody"]), 2, "no profile `nobody`");
}
