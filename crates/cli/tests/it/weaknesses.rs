//! What Python DeltaGlider 6.2 was shown to get wrong, one test each, tried against `casemate` as its users run it. The
//! table in `docs/s3-buckets.md` names them; where a weakness has sides that only a library shows, tests of the same number
//! are in `crates/remote` and `crates/cache`.

mod endpoint;
mod stranger;

use std::path::Path;
use std::process::Child;

use crate::binary::{Done, User, text};
use crate::buckets::{bucket, failed, versions};
use endpoint::Endpoint;
use stranger::Stranger;

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// What lies in a directory, by name.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The keys of a list.
fn keys(listed: &serde_json::Value) -> Vec<String> {
    let objects = listed["objects"].as_array().unwrap().iter();
    objects.map(|object| object["key"].as_str().unwrap().to_owned()).collect()
}

fn form(user: &User, address: &str) -> String {
    user.run(&["stat", address, "--json"]).json()["form"].as_str().unwrap().to_owned()
}

#[test]
fn weakness_01_cp_to_a_prefix_keeps_the_prefix_and_to_a_name_the_name() {
    let (user, bucket) = bucket();
    let file = user.file("app-1.zip", &versions().0);
    user.run(&["cp", &file, &format!("{bucket}//releases/2025/")]).text();
    user.run(&["cp", &file, &format!("{bucket}//releases/latest.zip")]).text();
    user.run(&["cp", &file, &format!("{bucket}//")]).text();
    let listed = user.run(&["ls", "-r", &bucket, "--json"]).json();
    assert_eq!(keys(&listed), ["app-1.zip", "releases/2025/app-1.zip", "releases/latest.zip"]);
}

#[test]
fn weakness_02_a_delta_above_the_ratio_is_not_stored() {
    let (user, bucket) = bucket();
    let (first, second) = (noise(1, 50_000), noise(2, 50_000));
    user.run(&["cp", &user.file("1.zip", &first), &format!("{bucket}//")]).text();
    user.run(&["cp", &user.file("2.zip", &second), &format!("{bucket}//"), "--max-ratio", "0.1"]).text();
    assert_eq!(form(&user, &format!("{bucket}//2.zip")), "whole");
    assert_eq!(user.run(&["cp", &format!("{bucket}//2.zip"), "-"]).stdout, second);
    let mut like = first.clone();
    like[7] ^= 1;
    let strict = ["--max-ratio", "0.0001"];
    user.run(&[&["cp", &user.file("3.zip", &like), &format!("{bucket}//")], &strict[..]].concat()).text();
    assert_eq!(form(&user, &format!("{bucket}//3.zip")), "whole");
    user.run(&["cp", &user.file("4.zip", &like), &format!("{bucket}//")]).text();
    assert_eq!(form(&user, &format!("{bucket}//4.zip")), "delta");
}

#[test]
fn weakness_03_an_empty_archive_is_a_file_like_others() {
    let (user, bucket) = bucket();
    user.run(&["cp", &user.file("1.zip", &versions().0), &format!("{bucket}//")]).text();
    for folder in ["", "other/"] {
        user.run(&["cp", &user.file("empty.zip", b""), &format!("{bucket}//{folder}")]).text();
        assert_eq!(user.run(&["cp", &format!("{bucket}//{folder}empty.zip"), "-"]).stdout, b"");
    }
}

#[test]
fn weakness_04_no_key_leads_out_of_the_target() {
    let evil = ["../escaped.txt", "a/../../escaped.txt", "/escaped.txt", "..", "a/..", "fine.txt"];
    let stranger = Stranger::with_keys(evil.map(str::to_owned).to_vec());
    for command in [&["cp", "-r"][..], &["sync"]] {
        let user = User::new();
        casemate_fs::make_user_dir(&user.path("target")).unwrap();
        let target = text(&user.path("target")).to_owned();
        let mut process = user.command(&[command, &["s3://bucket", &target]].concat());
        process.env("AWS_ENDPOINT_URL", &stranger.url).env("AWS_REGION", "us-east-1");
        process.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        let done = Done::of(process.spawn().unwrap());
        assert_eq!(done.code, 1, "{command:?}: not everything was copied: {}", done.stderr);
        assert!(done.stderr.contains("5 of 6 failed"), "{command:?}: {}", done.stderr);
        assert_eq!(names_in(&user.path("")), ["target"], "{command:?}");
        let inside = names_in(&user.path("target"));
        assert_eq!(inside, ["fine.txt"], "{command:?}: the others are not stopped");
    }
}

#[test]
fn weakness_05_sync_delete_never_deletes_a_reference() {
    let (user, bucket) = bucket();
    casemate_fs::make_user_dir(&user.path("dist")).unwrap();
    let (first, second) = versions();
    user.file("dist/1.zip", &first);
    user.file("dist/2.zip", &second);
    let root = format!("{bucket}//");
    user.run(&["sync", text(&user.path("dist")), &root]).text();
    std::fs::remove_file(user.path("dist/1.zip")).unwrap();
    user.run(&["sync", text(&user.path("dist")), &root, "--delete"]).text();
    assert_eq!(keys(&user.run(&["ls", "-r", &bucket, "--json"]).json()), ["2.zip"]);
    assert!(user.path("bucket/reference.bin").exists());
    assert_eq!(user.run(&["cp", &format!("{bucket}//2.zip"), "-"]).stdout, second);
}

#[test]
fn weakness_06_rm_does_not_take_a_reference_from_its_dependents() {
    let (user, bucket) = bucket();
    user.run(&["cp", &user.file("1.zip", &versions().0), &format!("{bucket}//")]).text();
    failed(user.run(&["rm", &format!("{bucket}//reference.bin")]), 3, "there is no object `reference.bin`");
    assert_eq!(user.run(&["cp", &format!("{bucket}//1.zip"), "-"]).stdout, versions().0);
}

#[test]
fn weakness_07_statistics_are_kept_and_quick_ones_know_what_was_saved() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    for (name, content) in [("1.zip", &first), ("2.zip", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    let detailed = user.run(&["stats", &bucket, "--detailed", "--json"]).json();
    let kept = user.path("bucket/.deltaglider/stats_detailed.json");
    assert!(kept.exists());
    assert_eq!(
        user.run(&["stats", &bucket, "--detailed", "--json"]).json(),
        detailed,
        "its own file does not count"
    );
    let quick = user.run(&["stats", &bucket, "--json"]).json();
    // It asks no object for the size of its file, so it knows it by about.
    let [about, exact] = [&quick, &detailed].map(|stats| stats["saved_bytes"].as_u64().unwrap());
    assert_eq!(quick["objects"], 2);
    assert!(about.abs_diff(exact) < exact / 100 && exact > 190_000, "{quick} {detailed}");
}

#[test]
fn weakness_08_files_of_one_name_are_put_at_the_same_time() {
    let (user, bucket) = bucket();
    let contents: Vec<Vec<u8>> = (0..6).map(|seed| noise(seed, 30_000)).collect();
    let start = |(number, content): (usize, &Vec<u8>)| {
        casemate_fs::make_user_dir(&user.path(&format!("{number}"))).unwrap();
        let file = user.file(&format!("{number}/build.zip"), content);
        user.command(&["cp", &file, &format!("{bucket}//{number}/build.zip")]).spawn().unwrap()
    };
    let running: Vec<Child> = contents.iter().enumerate().map(start).collect();
    running.into_iter().for_each(|child| drop(Done::of(child).text()));
    for (number, content) in contents.iter().enumerate() {
        assert_eq!(user.run(&["cp", &format!("{bucket}//{number}/build.zip"), "-"]).stdout, *content);
    }
}

#[test]
fn weakness_09_nothing_is_written_beside_the_users_file() {
    use std::os::unix::fs::PermissionsExt;
    let (user, bucket) = bucket();
    let source = user.path("source");
    casemate_fs::make_user_dir(&source).unwrap();
    let (first, second) = versions();
    let (one, two) = (user.file("source/1.zip", &first), user.file("source/2.zip", &second));
    let writable = |mode| std::fs::set_permissions(&source, std::fs::Permissions::from_mode(mode)).unwrap();
    writable(0o555);
    let changed = std::fs::metadata(&source).unwrap().modified().unwrap();
    user.run(&["cp", &one, &format!("{bucket}//")]).text();
    user.run(&["cp", &two, &format!("{bucket}//")]).text();
    // The superuser may write everywhere; that nothing came and went shows in the directory's own time.
    assert_eq!(std::fs::metadata(&source).unwrap().modified().unwrap(), changed);
    writable(0o755);
    assert_eq!(user.run(&["cp", &format!("{bucket}//2.zip"), "-"]).stdout, second);
}

#[test]
fn weakness_10_what_is_said_of_an_object_is_kept_and_ranges_are_served() {
    let endpoint = Endpoint::start();
    let said = [("content-type", "text/x-log"), ("x-amz-meta-team", "red"), ("x-amz-tagging", "a=1")];
    let put = endpoint.send("PUT", "/builds/app.zip", &said, b"0123456789");
    assert_eq!((put.status, put.header("etag")), (200, "\"781e5e245d69b566979b86e28d23f2c7\""));
    let head = endpoint.send("HEAD", "/builds/app.zip", &[], b"");
    assert_eq!((head.header("content-length"), head.header("etag")), ("10", put.header("etag")));
    assert_eq!((head.header("content-type"), head.header("x-amz-meta-team")), ("text/x-log", "red"));
    assert_eq!(endpoint.send("GET", "/builds/app.zip", &[], b"").header("x-amz-tagging-count"), "1");
    let part = endpoint.send("GET", "/builds/app.zip", &[("range", "bytes=2-4")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &b"234"[..]));
    endpoint.node.stop();
}

#[test]
fn weakness_11_a_list_goes_on_where_its_last_page_ended() {
    let names: Vec<String> = (0..1_100).map(|number| format!("{number:04}.txt")).collect();
    let stranger = Stranger::with_keys(names.clone());
    let user = User::new();
    let mut process = user.command(&["ls", "-r", "s3://bucket", "--json"]);
    process.env("AWS_ENDPOINT_URL", &stranger.url).env("AWS_REGION", "us-east-1");
    process.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    assert_eq!(keys(&Done::of(process.spawn().unwrap()).json()), names);
    assert_eq!(stranger.asked().len(), 3, "three pages, and nothing else");
}

#[test]
fn weakness_12_files_of_a_folder_share_one_reference() {
    let (user, bucket) = bucket();
    casemate_fs::make_user_dir(&user.path("dist")).unwrap();
    for number in 0..4 {
        let mut content = noise(9, 40_000);
        content[number * 100] ^= 1;
        user.file(&format!("dist/{number}.zip"), &content);
    }
    user.run(&["cp", "-r", text(&user.path("dist")), &format!("{bucket}//app")]).text();
    for number in 0..4 {
        assert_eq!(form(&user, &format!("{bucket}//app/{number}.zip")), "delta");
    }
    let stored = names_in(&user.path("bucket/app"));
    assert_eq!(stored, ["0.zip.delta", "1.zip.delta", "2.zip.delta", "3.zip.delta", "reference.bin"]);
}

#[test]
fn weakness_13_of_two_forms_of_one_name_the_newer_counts() {
    let (user, bucket) = bucket();
    user.run(&["cp", &user.file("1.zip", &versions().0), &format!("{bucket}//")]).text();
    let delta = std::fs::File::open(user.path("bucket/1.zip.delta")).unwrap();
    delta.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3_600)).unwrap();
    std::fs::write(user.path("bucket/1.zip"), b"put by another tool").unwrap();
    assert_eq!(keys(&user.run(&["ls", "-r", &bucket, "--json"]).json()), ["1.zip"]);
    assert_eq!(user.run(&["cp", &format!("{bucket}//1.zip"), "-"]).text(), "put by another tool");
    user.run(&["rm", &format!("{bucket}//1.zip")]).text();
    assert!(keys(&user.run(&["ls", "-r", &bucket, "--json"]).json()).is_empty());
}

#[test]
fn weakness_14_names_beyond_ascii_are_names() {
    let endpoint = Endpoint::start();
    let (first, second) = versions();
    for (name, content) in [("bücher-1.zip", &first), ("grün ✓.zip", &second)] {
        let file = endpoint.user.file(name, content);
        endpoint.run(&["cp", &file, "s3://builds/ordner/"]).text();
    }
    let listed = endpoint.run(&["ls", "-r", "s3://builds", "--json"]).json();
    assert_eq!(keys(&listed), ["ordner/bücher-1.zip", "ordner/grün ✓.zip"]);
    assert_eq!(endpoint.run(&["cp", "s3://builds/ordner/grün ✓.zip", "-"]).stdout, second);
    assert_eq!(endpoint.run(&["stat", "s3://builds/ordner/grün ✓.zip", "--json"]).json()["form"], "delta");
    endpoint.node.stop();
}

#[test]
fn weakness_16_verify_and_cp_take_the_names_that_users_know() {
    let (user, bucket) = bucket();
    for (name, content) in [("1.zip", &versions().0[..]), ("a.txt", b"text")] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
        let verified = user.run(&["verify", &format!("{bucket}//{name}"), "--json"]).json();
        assert_eq!(verified[0]["state"], "verified", "{name}");
    }
    casemate_fs::make_user_dir(&user.path("here")).unwrap();
    user.run(&["cp", &format!("{bucket}//1.zip"), text(&user.path("here"))]).text();
    assert_eq!(user.read("here/1.zip"), versions().0);
}

#[test]
fn weakness_17_what_moved_far_is_found() {
    let (user, bucket) = bucket();
    // Longer than the 64 MiB that xdelta3 looks back: what stood in front now stands at the end.
    let first = noise(3, 72 << 20);
    let second = [&first[4 << 20..], &first[..4 << 20]].concat();
    for (name, content) in [("1.iso", &first), ("2.iso", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    let stat = user.run(&["stat", &format!("{bucket}//2.iso"), "--json"]).json();
    assert!(stat["stored_bytes"].as_u64().unwrap() < 100_000, "{stat}");
    assert!(user.run(&["cp", &format!("{bucket}//2.iso"), "-"]).stdout == second);
}

#[test]
fn weakness_18_bases_are_renewed_versions_kept_and_memory_bounded() {
    const VERSIONS: usize = 14;
    let endpoint = Endpoint::start();
    let user = &endpoint.user;
    // Each version differs from the last in an eighth; from the first soon in everything.
    let mut content = noise(5, 80_000);
    for version in 0..VERSIONS {
        let at = version % 8 * 10_000;
        content[at..at + 10_000].copy_from_slice(&noise(100 + version as u64, 10_000));
        let file = user.file("app.bin", &content);
        user.run(&["cp", &file, &format!("cm://builds/app/{version:02}.bin")]).text();
    }
    for version in 0..VERSIONS {
        user.wait_until_packed(&format!("cm://builds/app/{version:02}.bin"));
    }
    let stored = |version: usize| user.stored_bytes(&format!("cm://builds/app/{version:02}.bin")).unwrap();
    let total: u64 = (0..VERSIONS).map(stored).sum();
    assert!(
        total < (VERSIONS as u64) * 80_000 * 7 / 10,
        "one fixed base would give up at the eighth: {total}"
    );
    assert!(stored(VERSIONS - 1) < 72_000, "the last one is a difference");

    let before = endpoint.node.peak_memory_bytes();
    let large = user.file("large.bin", &noise(6, 300 << 20));
    user.run(&["cp", &large, "cm://builds/large.bin"]).text();
    user.run(&["cp", "cm://builds/large.bin", text(&user.path("back.bin"))]).text();
    assert_eq!(std::fs::metadata(user.path("back.bin")).unwrap().len(), 300 << 20);
    // Looking for what is alike in it takes about 120 MiB, however large it is.
    let more = endpoint.node.peak_memory_bytes().saturating_sub(before);
    assert!(more < 192 << 20, "{more} bytes");

    let versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(endpoint.send("PUT", "/builds?versioning=", &[], versioning).status, 200);
    let older = endpoint.send("PUT", "/builds/kept", &[], b"older");
    endpoint.send("PUT", "/builds/kept", &[], b"newer");
    let query = format!("/builds/kept?versionId={}", older.header("x-amz-version-id"));
    assert_eq!(endpoint.send("GET", &query, &[], b"").body, b"older");
    endpoint.node.stop();
}

#[test]
fn weakness_19_damage_is_not_hidden_behind_another_form_and_lists_ask_once() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    for (name, content) in [("1.zip", &first), ("2.zip", &second)] {
        user.run(&["cp", &user.file(name, content), &format!("{bucket}//")]).text();
    }
    let path = user.path("bucket/2.zip.delta");
    let mut delta = std::fs::read(&path).unwrap();
    let middle = delta.len() / 2;
    delta[middle] ^= 1;
    // In place, so that what is attached to the file stays.
    std::fs::write(&path, delta).unwrap();
    let done = user.run(&["cp", &format!("{bucket}//2.zip"), "-"]);
    assert_eq!((done.code, &done.stdout[..]), (1, &b""[..]), "{}", done.stderr);
    assert!(!done.stderr.contains("there is no object"), "{}", done.stderr);

    let stranger = Stranger::with_keys((0..50).map(|number| format!("{number}.txt")).collect());
    let mut process = user.command(&["ls", "-r", "s3://bucket"]);
    process.env("AWS_ENDPOINT_URL", &stranger.url).env("AWS_REGION", "us-east-1");
    process.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    Done::of(process.spawn().unwrap()).text();
    let asked = stranger.asked();
    assert!(asked.len() == 1 && asked[0].starts_with("GET /bucket?"), "{asked:?}");
}
