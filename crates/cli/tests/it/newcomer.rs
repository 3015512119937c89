//! What a new user gets wrong, and what must not come of it.

use std::path::Path;

use rustix::process::Signal;

use crate::binary::{Done, User, send_signal, text};
use crate::buckets::{bucket, failed, versions};
use crate::s3::{Gate, Shop};

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A user with a directory `dist` that has `kept.txt`.
fn user_with_dist() -> (User, String) {
    let user = User::new();
    casemate_fs::make_user_dir(&user.path("dist")).unwrap();
    user.file("dist/kept.txt", b"kept");
    let dist = text(&user.path("dist")).to_owned();
    (user, dist)
}

#[test]
fn a_bucket_that_is_not_there_is_no_empty_bucket() {
    let (user, dist) = user_with_dist();
    let _node = user.serve();
    user.run(&["bucket", "create", "builds"]).text();
    let commands: [&[&str]; 11] = [
        &["sync", "cm://bulids/dist/", &dist, "--delete"],
        &["sync", "cm://bulids/dist/", &dist],
        &["cp", "-r", "cm://bulids/", &dist],
        &["mv", "-r", "cm://bulids/", &dist],
        &["rm", "-r", "cm://bulids/"],
        &["rm", "-r", "--versions", "cm://bulids/"],
        &["ls", "cm://bulids"],
        &["ls", "cm://bulids", "--versions"],
        &["verify", "cm://bulids"],
        &["migrate", "cm://bulids", "cm://builds"],
        &["du", "cm://bulids"],
    ];
    for command in commands {
        failed(user.run(command), 3, "error: there is no bucket `bulids`\n");
    }
    assert_eq!(names_in(&user.path("dist")), ["kept.txt"]);
    // As a target it is made.
    user.run(&["sync", &dist, "cm://fresh/dist/", "--delete"]).text();
    assert_eq!(user.run(&["cp", "cm://fresh/dist/kept.txt", "-"]).text(), "kept");
}

#[test]
fn an_empty_source_deletes_only_with_leave() {
    let shop = Shop::new();
    casemate_fs::make_user_dir(&shop.user.path("empty")).unwrap();
    casemate_fs::make_user_dir(&shop.user.path("dist")).unwrap();
    shop.user.file("dist/kept.txt", b"kept");
    let (empty, dist) = (text(&shop.user.path("empty")).to_owned(), text(&shop.user.path("dist")).to_owned());
    let directory = format!("file://{empty}//dist/");
    for source in ["cm://one/dits/", "s3://one/dits/", &directory, &empty] {
        let says = format!(
            "error: the source {source} is empty: nothing was deleted\nhint: see that it is the right place; --allow-empty"
        );
        failed(shop.run(&["sync", source, &dist, "--delete"]), 3, &says);
        failed(shop.run(&["sync", source, &dist, "--delete", "--dryrun"]), 3, &says);
        assert_eq!(names_in(&shop.user.path("dist")), ["kept.txt"]);
    }
    failed(shop.run(&["sync", "cm://one/dits/", &dist, "--allow-empty"]), 2, "--delete");
    let deleted = shop.run(&["sync", "cm://one/dits/", &dist, "--delete", "--allow-empty", "--json"]).json();
    assert_eq!(deleted["deleted"].as_array().unwrap().len(), 1);
    assert_eq!(names_in(&shop.user.path("dist")), [] as [&str; 0]);
    shop.run(&["sync", "cm://one/dits/", &dist, "--delete"]).text();
}

#[test]
fn a_download_that_is_interrupted_leaves_nothing() {
    let user = User::new();
    let node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/app/one"], b"content").text();
    let key = user.run(&["key", "create", "--label", "copy", "--role", "admin"]).text();
    let key = user.file("key", key.trim().as_bytes());
    let server = node.url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let gate = Gate::before(server);
    casemate_fs::make_user_dir(&user.path("into")).unwrap();
    let into = text(&user.path("into")).to_owned();
    for command in ["cp", "sync"] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            gate.hold("GET /api/v1/objects/builds/app/one");
            let verb: &[&str] = if command == "cp" { &["cp", "-r"] } else { &["sync"] };
            let ends = ["cm://builds/app/", &into, "--url", &gate.url, "--api-key-file", &key];
            let copy = user.command(&[verb, &ends].concat()).spawn().unwrap();
            gate.wait();
            assert!(names_in(&user.path("into"))[0].starts_with(".casemate-staged-"));
            send_signal(&copy, signal);
            failed(Done::of(copy), code, "interrupted; what was not written whole was removed\n");
            assert_eq!(names_in(&user.path("into")), [] as [&str; 0]);
            gate.open();
        }
    }
}

#[test]
fn what_a_killed_copy_left_is_no_file_and_goes_with_time() {
    let (user, dist) = user_with_dist();
    let _node = user.serve();
    let (old, new) = (
        user.path("dist/.casemate-staged-0123456789abcdef"),
        user.path("dist/.casemate-staged-fedcba9876543210"),
    );
    for path in [&old, &new] {
        std::fs::write(path, b"half").unwrap();
    }
    let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(two_days_ago).unwrap();
    let copied = user.run(&["sync", &dist, "cm://builds/", "--json"]).json();
    assert_eq!(copied["copied"].as_array().unwrap().len(), 1);
    let copied = user.run(&["cp", "-r", &dist, "cm://builds/again/", "--json"]).json();
    assert_eq!(copied.as_array().unwrap().len(), 1);
    assert!(old.exists(), "it is the target's leftovers that go");
    user.run(&["cp", "cm://builds/kept.txt", &dist]).text();
    assert_eq!(names_in(&user.path("dist")), [".casemate-staged-fedcba9876543210", "kept.txt"]);
}

#[test]
fn content_that_is_gone_is_named_as_such() {
    let user = User::new();
    let _node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content of a").text();
    user.run_with_input(&["cp", "-", "cm://builds/b"], b"content of b").text();
    let hex = casemate_model::Digest::of(b"content of a").to_hex();
    let content = user.path(".local/share/casemate/objects/content/default");
    std::fs::remove_file(content.join(&hex[..2]).join(&hex[2..4]).join(&hex)).unwrap();
    let says = "error: the content of cm://builds/a is missing or damaged on the node\n\
                hint: put the same content again; on the node, `casemate fsck --objects` names";
    failed(user.run(&["cp", "cm://builds/a", "-"]), 1, says);
    failed(user.run(&["cp", "cm://builds/a", "cm://other/a"]), 1, says);
    failed(user.run(&["diff", "cm://builds/a", "cm://builds/b"]), 1, says);
    let copied = user.run(&["cp", "-r", "cm://builds/", text(&user.path("back"))]);
    failed(copied, 1, "failed: cm://builds/a: the content of cm://builds/a is missing");
    assert_eq!(user.read("back/b"), b"content of b");
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content of a").text();
    assert_eq!(user.run(&["cp", "cm://builds/a", "-"]).text(), "content of a");
}

#[test]
fn versions_are_compared_copied_and_deleted_altogether() {
    let user = User::new();
    let _node = user.serve();
    user.run(&["bucket", "create", "builds", "--versioning", "on"]).text();
    for content in ["one", "two", "three"] {
        user.run_with_input(&["cp", "-", "cm://builds/a.zip"], content.as_bytes()).text();
    }
    let listed = user.run(&["ls", "cm://builds", "--versions", "--json"]).json();
    let id = |row: usize| listed[row]["version"].as_str().unwrap();
    let one = ["diff", "cm://builds/a.zip", "cm://builds/a.zip", "--json", "--version-id", id(2)];
    let newest = user.run(&one);
    assert_eq!(newest.code, 1, "{}", newest.stderr);
    let newest: serde_json::Value = serde_json::from_slice(&newest.stdout).unwrap();
    assert_eq!((&newest["one"]["version"], &newest["one"]["size_bytes"]), (&id(2).into(), &3.into()));
    assert_eq!(newest["other"]["size_bytes"], 5);
    let older = user.run(&[&one[..], &["--other-version-id", id(1)]].concat());
    let older: serde_json::Value = serde_json::from_slice(&older.stdout).unwrap();
    assert_eq!((&older["other"]["version"], &older["other"]["size_bytes"]), (&id(1).into(), &3.into()));
    let same = user.run(&[&one[..], &["--other-version-id", id(2)]].concat()).json();
    assert_eq!(same["same"], true);
    let file = user.file("a.zip", b"one");
    failed(user.run(&["diff", &file, "cm://builds/a.zip", "--version-id", id(2)]), 2, "has no versions");

    // From one bucket to another.
    let copied = user.run(&["cp", "cm://builds/a.zip", "cm://kept/", "--json"]).json();
    assert_eq!((&copied["bucket"], &copied["media_type"]), (&"kept".into(), &"application/zip".into()));
    user.run(&["cp", "cm://builds/a.zip", "cm://kept/old", "--version-id", id(2)]).text();
    assert_eq!(user.run(&["cp", "cm://kept/a.zip", "-"]).text(), "three");
    assert_eq!(user.run(&["cp", "cm://kept/old", "-"]).text(), "one");
    failed(
        user.run(&["cp", "cm://kept/old", "cm://kept/old"]),
        2,
        "source and target are both cm://kept/old",
    );
    let dry = user.run(&["cp", "cm://builds/a.zip", "cm://kept/dry", "--dryrun", "--json"]).json();
    assert_eq!(dry[0]["size_bytes"], 5);
    failed(user.run(&["stat", "cm://kept/dry"]), 3, "error: ");

    // What was never there gets no mark, and what is marked no second one.
    failed(user.run(&["rm", "cm://builds/absent"]), 3, "there is no object `absent` in the bucket `builds`");
    user.run(&["rm", "cm://builds/a.zip"]).text();
    failed(user.run(&["rm", "cm://builds/a.zip"]), 3, "it was deleted");
    let rows = user.run(&["ls", "cm://builds", "--versions", "--json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 4);

    failed(
        user.run(&["bucket", "rm", "builds"]),
        5,
        "hint: `casemate rm -r --versions cm://BUCKET` deletes every",
    );
    failed(user.run(&["rm", "--versions", "cm://builds"]), 2, "--recursive");
    failed(
        user.run(&["rm", "-r", "--versions", "cm://builds", "--dryrun"]),
        0,
        "(dryrun) delete cm://builds/a.zip ver_",
    );
    let gone = user.run(&["rm", "-r", "--versions", "cm://builds", "--json"]).json();
    assert_eq!(gone.as_array().unwrap().len(), 4);
    assert_eq!((&gone[1]["version"], &gone[1]["state"]), (&id(0).into(), &"deleted".into()));
    let removed = user.run(&["bucket", "rm", "cm://builds", "--json"]).json();
    assert_eq!(removed, serde_json::json!({ "bucket": "builds", "state": "deleted" }));
}

#[test]
fn every_command_that_changes_something_says_so_as_json() {
    let user = User::new();
    let _node = user.serve();
    for key in ["a/1", "a/2", "b"] {
        user.run_with_input(&["cp", "-", &format!("cm://builds/{key}")], b"12345").text();
    }
    let usage = user.run(&["du", "cm://builds", "--json"]).json();
    let total = serde_json::json!({ "objects": 3, "size_bytes": 15, "stored_bytes": null });
    assert_eq!((&usage["total"], &usage["cm://builds/a/"]["objects"]), (&total, &2.into()));
    failed(user.run(&["stats", "cm://builds"]), 2, "`casemate bucket show BUCKET` shows");
    let back = text(&user.path("back")).to_owned();
    let got = user.run(&["cp", "cm://builds/b", &back, "--json"]).json();
    let expected = serde_json::json!([{ "source": "cm://builds/b", "target": &back, "size_bytes": 5 }]);
    assert_eq!(got, expected);
    let dry = user.run(&["cp", &back, "cm://builds/c", "--dryrun", "--json"]).json();
    assert_eq!(dry[0]["size_bytes"], 5);
    let gone = user.run(&["rm", "cm://builds/b", "--json"]).json();
    assert_eq!(gone, serde_json::json!([{ "address": "cm://builds/b", "state": "deleted" }]));
    let planned = user.run(&["rm", "-r", "cm://builds/a/", "--dryrun", "--json"]).json();
    assert_eq!(
        (&planned[0]["address"], &planned[0]["state"]),
        (&"cm://builds/a/1".into(), &"planned".into())
    );
    let gone = user.run(&["rm", "-r", "cm://builds/a/", "--json"]).json();
    assert_eq!(gone.as_array().unwrap().len(), 2);
    let set = user.run(&["bucket", "rule", "set", "builds", "n", "--expire-days", "3", "--json"]).json();
    assert_eq!((&set["id"], &set["expire_days"]), (&"n".into(), &3.into()));
    let removed = user.run(&["bucket", "rule", "rm", "cm://builds/", "n", "--json"]).json();
    assert_eq!(removed, serde_json::json!({ "bucket": "builds", "id": "n", "state": "deleted" }));
}

#[test]
fn addresses_that_are_not_quite_right() {
    let (user, dist) = user_with_dist();
    let file = text(&user.path("dist/kept.txt")).to_owned();
    failed(user.run(&["cp", &file, "ftp://b/k"]), 2, "`ftp://b/k` has the unknown scheme `ftp`");
    failed(user.run(&["cp", &file, "casemate://b/k"]), 2, "objects of a node are at cm://b/k");
    failed(user.run(&["cp", &file, "s3:/foo"]), 2, "has a slash too few: s3://foo");
    failed(user.run(&["sync", "http://b/k", &dist, "--delete"]), 2, "the unknown scheme `http`");
    failed(user.run(&["ls", "builds"]), 2, "expected cm://BUCKET/KEY, such as cm://builds");
    failed(user.run(&["ls", "ftp://b"]), 2, "has the unknown scheme `ftp`");
    for command in [&["cp", &dist, "cm://bbb/"][..], &["mv", &dist, "cm://bbb/"], &["cp", &dist, "s3://b/"]] {
        failed(user.run(command), 2, "hint: add -r for all of them");
    }
    failed(user.run(&["cp", "cm://bbb/folder/", &dist]), 2, "hint: add -r for all of them");
    failed(user.run(&["purge", "cm://builds"]), 2, "this is for buckets elsewhere");
    failed(user.run(&["bucket", "show", "cm://builds/key"]), 2, "error: ");
}

#[test]
fn a_directory_that_lost_its_metadata_says_how_to_copy_it() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    for (name, content) in [("a-1.zip", &first), ("a-2.zip", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    // As `cp -r` copies: without extended attributes.
    casemate_fs::make_user_dir(&user.path("copy")).unwrap();
    for name in names_in(&user.path("bucket")) {
        let bytes = std::fs::read(user.path("bucket").join(&name)).unwrap();
        std::fs::write(user.path("copy").join(&name), bytes).unwrap();
    }
    let copy = format!("file://{}", text(&user.path("copy")));
    let says = "a-2.zip.delta` is of DeltaGlider's format and has lost its metadata; copy directories of objects \
                with `cp -a` or `rsync -X`";
    failed(user.run(&["verify", &copy]), 1, says);
    failed(user.run(&["rescue", &copy]), 1, says);
    failed(user.run(&["cp", "-r", &copy, text(&user.path("out"))]), 1, says);
    failed(user.run(&["verify", &copy]), 1, "reference.bin");
    // What is somebody else's stays theirs.
    std::fs::write(user.path("bucket/notes.delta"), b"no delta").unwrap();
    failed(user.run(&["verify", &bucket]), 0, "3 objects checked, 0 damaged");
}
