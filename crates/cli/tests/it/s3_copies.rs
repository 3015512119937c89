//! Copies between files, a node and S3, in every direction.

use crate::binary::{Done, text};
use crate::s3::{Shop, failed, version};

#[test]
fn files_objects_and_s3_in_every_direction() {
    let shop = Shop::new();
    for n in [1, 2, 3] {
        let file = shop.user.file(&format!("app-{n}.zip"), &version(n));
        shop.run(&["cp", &file, "s3://one/app/"]).text();
    }
    let stat = shop.run(&["stat", "s3://one/app/app-2.zip", "--json"]).json();
    assert_eq!((&stat["form"], &stat["size_bytes"]), (&"delta".into(), &200_000.into()));
    assert!(stat["stored_bytes"].as_u64().unwrap() < 2000, "{stat}");
    shop.run(&["cp", "s3://one/app/app-2.zip", text(&shop.user.path("back.zip"))]).text();
    assert_eq!(shop.user.read("back.zip"), version(2));
    assert_eq!(shop.run(&["cp", "s3://one/app/app-3.zip", "-"]).stdout, version(3));

    // s3:// to cm://, cm:// to s3://, and between two buckets of S3.
    shop.run(&["cp", "-r", "s3://one/app/", "cm://builds/app/"]).text();
    assert_eq!(shop.run(&["cp", "cm://builds/app/app-1.zip", "-"]).stdout, version(1));
    let copied = shop.run(&["cp", "-r", "cm://builds/app/", "s3://two/again/", "--json"]).json();
    assert_eq!(copied.as_array().unwrap().len(), 3);
    shop.run(&["cp", "s3://two/again/app-3.zip", "s3://one/copy.zip"]).text();
    assert_eq!(shop.run(&["cp", "s3://one/copy.zip", "-"]).stdout, version(3));
    let listed = shop.run(&["ls", "s3://", "--json"]).json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap()).collect();
    assert_eq!(names, ["s3://builds", "s3://one", "s3://two"]);

    // A move removes each when its copy is stored.
    shop.run(&["mv", "s3://two/again/app-1.zip", "cm://builds/moved.zip"]).text();
    failed(shop.run(&["stat", "s3://two/again/app-1.zip"]), 3, "there is no object");
    assert_eq!(shop.run(&["cp", "cm://builds/moved.zip", "-"]).stdout, version(1));
    shop.run(&["mv", "-r", "s3://two/again/", "s3://one/app/", "--quiet"]).text();
    assert_eq!(shop.run(&["ls", "-r", "s3://two", "--json"]).json()["objects"], serde_json::json!([]));
    let back = text(&shop.user.path("back.zip")).to_owned();
    failed(shop.run(&["cp", "--dryrun", &back, "cm://builds/dry"]), 0, "to cm://builds/dry");
    failed(shop.run(&["stat", "cm://builds/dry"]), 3, "error: ");
    let stored = shop.run(&["cp", "-q", text(&shop.user.path("back.zip")), "cm://builds/quiet"]);
    assert_eq!((stored.code, stored.stderr.as_str(), stored.stdout.len()), (0, "", 0));
    let quiet = shop.run(&["cp", "-q", "s3://one/copy.zip", text(&shop.user.path("quiet.zip"))]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn places_are_synchronized_and_what_is_gone_goes() {
    let shop = Shop::new();
    for name in ["tree/a.txt", "tree/sub/b.zip", "tree/sub/c.log"] {
        casemate_fs::make_user_dir(shop.user.path(name).parent().unwrap()).unwrap();
        shop.user.file(name, &version(4));
    }
    let tree = text(&shop.user.path("tree")).to_owned();
    let done = shop.run(&["sync", &tree, "s3://one/site", "--json"]).json();
    assert_eq!(done["copied"].as_array().unwrap().len(), 3);
    let again = shop.run(&["sync", &tree, "s3://one/site", "--json"]).json();
    assert_eq!(again, serde_json::json!({ "copied": [], "deleted": [] }));
    shop.run(&["sync", "s3://one/site", "cm://mirror/site"]).text();
    assert_eq!(shop.run(&["cp", "cm://mirror/site/sub/b.zip", "-"]).stdout, version(4));

    shop.run(&["rm", "s3://one/site/a.txt"]).text();
    let sync = ["sync", "s3://one/site", "cm://mirror/site", "--delete"];
    failed(shop.run(&[&sync[..], &["--dryrun"]].concat()), 0, "(dryrun) delete cm://mirror/site/a.txt");
    failed(shop.run(&[&sync[..], &["--dry-run", "-q"]].concat()), 0, "(dryrun) delete");
    shop.run(&sync).text();
    failed(shop.run(&["stat", "cm://mirror/site/a.txt"]), 3, "error: ");
    shop.run(&["sync", "s3://one/site", &tree, "--delete", "--exclude", "*.log"]).text();
    assert!(!shop.user.path("tree/a.txt").exists() && shop.user.path("tree/sub/c.log").exists());
    // The reference is nobody's file, so that it outlives the deletion of all else.
    shop.run(&["rm", "s3://one/site/sub/c.log"]).text();
    assert_eq!(shop.run(&["cp", "s3://one/site/sub/b.zip", "-"]).stdout, version(4));
}

#[test]
fn more_keys_than_a_list_gives_at_once() {
    let shop = Shop::new();
    casemate_fs::make_user_dir(&shop.user.path("many")).unwrap();
    for n in 0..1203 {
        shop.user.file(&format!("many/{n:04}.txt"), format!("file {n}").as_bytes());
    }
    let many = text(&shop.user.path("many")).to_owned();
    shop.run(&["cp", "-r", &many, "cm://one/many/", "-q"]).text();
    let listed = shop.run(&["ls", "-r", "s3://one", "--summarize", "--json"]).json();
    assert_eq!(listed["summary"]["objects"], 1203);
    assert_eq!(listed["objects"][1202]["key"], "many/1202.txt");
    shop.run(&["sync", "s3://one/many", text(&shop.user.path("back")), "-q"]).text();
    for n in [0, 999, 1000, 1001, 1202] {
        assert_eq!(shop.user.read(&format!("back/{n:04}.txt")), format!("file {n}").into_bytes());
    }
    assert_eq!(std::fs::read_dir(shop.user.path("back")).unwrap().count(), 1203);
    let again =
        shop.run(&["sync", "s3://one/many", text(&shop.user.path("back")), "--size-only", "--json"]).json();
    assert_eq!(again["copied"], serde_json::json!([]));
}

#[test]
fn keys_that_clients_get_wrong() {
    let shop = Shop::new();
    let names = [
        "with space.zip",
        "plus+and&amp;.zip",
        "50%.zip",
        "%41.zip",
        "what?.zip",
        "hash#.zip",
        "quote'\".zip",
        "semi;colon=.zip",
        "ümläut-日本語-🦀.zip",
        "tilde~(1)[2]{3}!$*,@^`|.zip",
        "back\\slash.zip",
        "reference.bin",
        "trick.zip.delta",
    ];
    casemate_fs::make_user_dir(&shop.user.path("odd")).unwrap();
    for (n, name) in (0..).zip(names) {
        shop.user.file(&format!("odd/{name}"), &version(n));
    }
    let odd = text(&shop.user.path("odd")).to_owned();
    shop.run(&["sync", &odd, "s3://one/odd keys/"]).text();
    let listed = shop.run(&["ls", "-r", "s3://one", "--json"]).json();
    assert_eq!(listed["objects"].as_array().unwrap().len(), names.len());
    shop.run(&["cp", "-r", "s3://one/odd keys/", "cm://two/odd keys/"]).text();
    shop.run(&["cp", "-r", "cm://two/odd keys/", text(&shop.user.path("back"))]).text();
    for (n, name) in (0..).zip(names) {
        assert_eq!(shop.user.read(&format!("back/{name}")), version(n), "{name}");
        let key = format!("s3://one/odd keys/{name}");
        assert_eq!(shop.run(&["cp", &key, "-"]).stdout, version(n), "{name}");
    }
    shop.run(&["rm", "-r", "s3://one/odd keys/"]).text();
    assert_eq!(shop.run(&["ls", "-r", "s3://one", "--json"]).json()["objects"], serde_json::json!([]));
}

#[test]
fn writers_at_once_lose_nothing() {
    let shop = Shop::new();
    let files: Vec<String> = (0..6).map(|n| shop.user.file(&format!("first-{n}.zip"), &version(n))).collect();
    // Each is the first of its folder, for all it knows.
    let writers: Vec<_> = files.iter().map(|file| shop.start(&["cp", file, "s3://one/race/"])).collect();
    for writer in writers {
        Done::of(writer).text();
    }
    for n in 0..6 {
        let key = format!("s3://one/race/first-{n}.zip");
        assert_eq!(shop.run(&["cp", &key, "-"]).stdout, version(n));
    }

    let writers: Vec<_> =
        files.iter().map(|file| shop.start(&["cp", file, "s3://one/race/same.zip"])).collect();
    let codes: Vec<i32> = writers.into_iter().map(|writer| Done::of(writer).code).collect();
    // Whoever lost was told so.
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 5].contains(code)), "{codes:?}");
    let stored = shop.run(&["cp", "s3://one/race/same.zip", "-"]).stdout;
    let winner = (0..6).find(|n| version(*n) == stored).unwrap();
    assert_eq!(codes[usize::from(winner)], 0);
    shop.run(&["verify", "s3://one/race/"]).text();
}

#[test]
fn whoever_cannot_reach_a_bucket_is_told_why_and_what_to_do() {
    let shop = Shop::new();
    let file = shop.user.file("a.zip", &version(1));
    shop.run(&["cp", &file, "s3://one/"]).text();

    let wrong = [("AWS_SECRET_ACCESS_KEY", "not-the-secret")];
    for command in [&["ls", "s3://one"][..], &["ls", "s3://"], &["cp", &file, "s3://one/"]] {
        failed(shop.run_with(&wrong, command), 4, "hint: name other credentials with --profile");
    }
    let absent = shop.run(&["ls", "s3://absent"]);
    let absent = failed(absent, 7, "hint: `casemate ls s3://` lists the buckets");
    assert!(absent.stderr.contains("NoSuchBucket"), "{}", absent.stderr);

    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let commands = [
        &["ls", "s3://one"][..],
        &["ls", "s3://"],
        &["cp", "s3://one/a.zip", "-"],
        &["sync", "s3://one", "out"],
    ];
    for command in commands {
        let down = shop.run_with(&[("AWS_ENDPOINT_URL", &url)], command);
        let down = failed(down, 7, "hint: see that --endpoint-url names the server and its port");
        assert!(down.stderr.contains("because: ") && down.stdout.is_empty(), "{}", down.stderr);
    }
    failed(shop.run_with(&[("AWS_MAX_ATTEMPTS", "many")], &["ls", "s3://one"]), 2, "AWS_MAX_ATTEMPTS");
}
