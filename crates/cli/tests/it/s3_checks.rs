//! Migrating, comparing and checking buckets of S3, broken off and gone on with.

use crate::binary::text;
use crate::s3::{Shop, failed, version};

fn shop() -> Shop {
    let shop = Shop::new();
    for n in 1..=4 {
        let file = shop.user.file(&format!("app-{n}.zip"), &version(n));
        shop.run(&["cp", &file, "s3://one/app/"]).text();
    }
    shop.run(&["cp", &shop.user.file("notes.txt", b"notes"), "s3://one/"]).text();
    shop
}

#[test]
fn a_migration_goes_on_where_it_was_broken_off() {
    let shop = shop();
    let dry = shop.run(&["migrate", "s3://one", "s3://two", "--dry-run"]);
    failed(dry, 0, "0 migrated and checked, 0 there already, 0 failed, 5 to migrate");
    assert_eq!(shop.run(&["ls", "-r", "s3://two", "--json"]).json()["objects"], serde_json::json!([]));

    shop.gate.hold("GET /one/app/app-3.zip.delta");
    let mut broken = shop.start(&["migrate", "s3://one", "s3://two", "--jobs", "1"]);
    shop.gate.wait();
    broken.kill().unwrap();
    broken.wait().unwrap();
    shop.gate.open();
    let done = shop.run(&["migrate", "s3://one", "s3://two"]);
    failed(done, 0, "3 migrated and checked, 2 there already, 0 failed");
    for n in 1..=4 {
        let key = format!("s3://two/app/app-{n}.zip");
        assert_eq!(shop.run(&["cp", &key, "-"]).stdout, version(n));
    }
    let again = shop.run(&["migrate", "s3://one", "s3://two", "--json"]).json();
    assert!(again.as_array().unwrap().iter().all(|fate| fate["state"] == "present"), "{again}");
    // The same size and other content is not the same.
    shop.run(&["cp", &shop.user.file("other.txt", b"NOTES"), "s3://two/notes.txt"]).text();
    failed(shop.run(&["migrate", "s3://one", "s3://two"]), 0, "1 migrated and checked, 4 there already");
    assert_eq!(shop.run(&["cp", "s3://two/notes.txt", "-"]).stdout, b"notes");
}

#[test]
fn a_migration_keeps_prefixes_checks_each_and_names_what_fails() {
    let shop = shop();
    shop.run(&["migrate", "s3://one/app/", "cm://fresh/old/", "--exclude", "*-4.zip"]).text();
    assert_eq!(shop.run(&["cp", "cm://fresh/old/app/app-2.zip", "-"]).stdout, version(2));
    failed(shop.run(&["stat", "cm://fresh/old/app/app-4.zip"]), 3, "error: ");
    shop.run(&["migrate", "s3://one/app/", "s3://two", "--no-preserve-prefix"]).text();
    assert_eq!(shop.run(&["cp", "s3://two/app-4.zip", "-"]).stdout, version(4));
    shop.run(&["migrate", "cm://fresh/old/app/", "s3://two/back/", "--no-preserve-prefix"]).text();
    assert_eq!(shop.run(&["cp", "s3://two/back/app-1.zip", "-"]).stdout, version(1));

    // A damaged delta fails, and the others go on. The node keeps no metadata over its own door.
    shop.run(&["rm", "cm://one/app/app-2.zip.delta"]).text();
    shop.run(&["cp", &shop.user.file("bad", b"bad"), "cm://one/app/app-2.zip.delta"]).text();
    failed(shop.run(&["migrate", "s3://one", "s3://one"]), 2, "source and target are both");
    failed(
        shop.run(&["migrate", text(&shop.user.path("x")), "s3://one"]),
        2,
        "is not the address of a bucket",
    );
    failed(shop.run(&["migrate", "s3://one/none/", "s3://two"]), 3, "there is nothing at");
    let notes = shop.user.file("broken.bin", &vec![1; 200_000]);
    shop.run(&["cp", &notes, "cm://one/app/reference.bin"]).text();
    let done = shop.run(&["migrate", "s3://one/app/", "s3://two/third/", "--no-cache", "--json"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("failed: s3://one/app/app-3.zip: "), "{}", done.stderr);
}

#[test]
fn a_check_reads_only_what_changed_since_an_earlier_one() {
    let shop = shop();
    let state = text(&shop.user.path("state.jsonl")).to_owned();
    let verify = ["verify", "s3://one", "--state", &state];
    let all = shop.run(&verify).text();
    assert_eq!(all.matches("verified").count(), 5, "{all}");
    let before = shop.gate.count("GET /one/app/app-2.zip.delta");
    let resumed = shop.run(&[&verify[..], &["--resume"]].concat());
    failed(resumed, 0, "5 objects checked, 5 of them earlier, 0 damaged");
    assert_eq!(shop.gate.count("GET /one/app/app-2.zip.delta"), before);
    // What has changed since is read again.
    shop.run(&["cp", &shop.user.file("app-2.zip", &version(9)), "s3://one/app/"]).text();
    let resumed = shop.run(&[&verify[..], &["--resume"]].concat());
    failed(resumed, 0, "5 objects checked, 4 of them earlier, 0 damaged");
    assert_eq!(shop.gate.count("GET /one/app/app-2.zip.delta"), before + 1);
    failed(shop.run(&["verify", "s3://one", "s3://two", "--state", &state]), 2, "state of one address");
    shop.user.file("state.jsonl", b"{}");
    failed(shop.run(&[&verify[..], &["--resume"]].concat()), 1, "cannot be read");
}

#[test]
fn a_check_that_ends_with_the_bucket_is_gone_on_with_by_default() {
    let shop = shop();
    // The bucket stops answering in the middle.
    shop.gate.refuse("GET /one/app/app-3.zip.delta");
    failed(shop.run(&["verify", "s3://one"]), 7, "cannot read");
    shop.gate.open();
    let before = shop.gate.count("GET /one/app/app-2.zip.delta");
    failed(
        shop.run(&["verify", "s3://one", "--resume"]),
        0,
        "5 objects checked, 2 of them earlier, 0 damaged",
    );
    assert_eq!(shop.gate.count("GET /one/app/app-2.zip.delta"), before);
    // It is done, so that the next one begins anew.
    failed(shop.run(&["verify", "s3://one", "--resume"]), 0, "5 objects checked, 0 damaged");
}

#[test]
fn objects_are_compared_wherever_they_are() {
    let shop = shop();
    let file = text(&shop.user.path("app-1.zip")).to_owned();
    let same = shop.run(&["diff", &file, "s3://one/app/app-1.zip", "--json"]).json();
    assert_eq!((&same["same"], &same["difference_bytes"]), (&true.into(), &0.into()));
    let done = shop.run(&["diff", "s3://one/app/app-1.zip", "s3://one/app/app-2.zip", "--json"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let differ: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!((1..500).contains(&differ["difference_bytes"].as_u64().unwrap()), "{differ}");
    assert_eq!(differ["other"]["size_bytes"], 200_000);
    assert_eq!(differ["members"], serde_json::Value::Null);
    failed(shop.run(&["diff", &file, "-"]), 2, "`-` is one stream");
    failed(shop.run(&["diff", &file, "s3://one/none"]), 3, "there is no object");
}
