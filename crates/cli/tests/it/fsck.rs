//! `casemate fsck` on what a node left.

use std::path::{Path, PathBuf};

use casemate_model::Digest;

use crate::binary::{Done, User, text};

/// A user whose node has stored `a` and `b` and was stopped, and its data directory.
fn stopped() -> (User, PathBuf) {
    let user = User::new();
    let data = user.path("data");
    let node = user.serve_with(&["--data-dir", text(&data)]);
    for name in ["a", "b"] {
        let file = user.file(name, format!("content of {name}").as_bytes());
        user.run(&["cp", &file, &format!("cm://builds/{name}"), "--data-dir", text(&data)]).text();
    }
    node.stop();
    (user, data)
}

fn fsck(user: &User, data: &Path, options: &[&str]) -> Done {
    user.run(&[&["fsck", "--data-dir", text(data)], options].concat())
}

fn blob(data: &Path, content: &[u8]) -> PathBuf {
    let hex = Digest::of(content).to_hex();
    data.join("objects/content/default").join(&hex[..2]).join(&hex[2..4]).join(hex)
}

/// The kinds of what is found, in order, and how many of them are not mended.
fn found(done: Done, code: i32) -> (Vec<String>, u64) {
    assert_eq!(done.code, code, "{}", done.stderr);
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["database"]["findings"], serde_json::json!([]));
    let kinds = report["objects"]["findings"].as_array().unwrap().iter();
    let kinds = kinds.map(|finding| finding["kind"].as_str().unwrap().to_owned());
    (kinds.collect(), report["objects"]["unmended"].as_u64().unwrap())
}

#[test]
fn a_sound_node_is_sound_and_a_running_one_is_not_looked_at() {
    let (user, data) = stopped();
    let done = fsck(&user, &data, &["--objects"]);
    assert_eq!((done.code, &done.stdout[..]), (0, &b""[..]), "{}", done.stderr);
    assert!(done.stderr.contains("2 blobs and 0 parts of 24 bytes: 0 findings"), "{}", done.stderr);
    assert!(fsck(&user, &data, &[]).stderr.ends_with("rows: 0 findings\n"));
    assert_eq!(found(fsck(&user, &data, &["--objects", "--json"]), 0), (vec![], 0));
    assert_eq!(fsck(&user, &data, &["--repair"]).code, 2, "nothing to repair without --objects");
    assert_eq!(fsck(&user, &user.path("elsewhere"), &["--objects"]).code, 3);
    let node = user.serve_with(&["--data-dir", text(&data)]);
    let refused = fsck(&user, &data, &["--objects"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    node.stop();
}

#[test]
fn damage_is_named_with_the_way_out_and_mended_where_that_is_safe() {
    let (user, data) = stopped();
    std::fs::write(blob(&data, b"content of a"), b"Content of a").unwrap();
    let orphan = blob(&data, b"orphan");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"orphan").unwrap();

    let done = fsck(&user, &data, &["--objects"]);
    let digest = Digest::of(b"content of a");
    let said = String::from_utf8(done.stdout).unwrap();
    let expected = [
        format!("damaged: the whole form of default/{digest} is damaged; it is that of cm://builds/a in default"),
        "  hint: put the same content again under any key of the project, which heals it; or put its file back from a copy \
         of `objects/`; or delete the objects that have it"
            .to_owned(),
        format!("orphan: no row knows the content default/{}, which takes 6 bytes", Digest::of(b"orphan")),
        "  hint: nothing is lost: the node removes it, and so does `--repair`".to_owned(),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("2 findings, 2 of them not mended"), "{}", done.stderr);

    let repaired = found(fsck(&user, &data, &["--objects", "--repair", "--json"]), 1);
    assert_eq!(repaired, (vec!["damaged".to_owned(), "orphan".to_owned()], 1));
    assert!(!orphan.exists());
    let left = fsck(&user, &data, &["--objects"]);
    assert!(left.stderr.contains("which nothing needs: 1, of 12 bytes"), "{}", left.stderr);
    assert_eq!(found(fsck(&user, &data, &["--objects", "--json"]), 1), (vec!["missing".to_owned()], 1));

    let node = user.serve_with(&["--data-dir", text(&data)]);
    user.run(&["cp", &user.file("again", b"content of a"), "cm://builds/again", "--data-dir", text(&data)])
        .text();
    assert_eq!(user.run(&["cp", "cm://builds/a", "-", "--data-dir", text(&data)]).text(), "content of a");
    node.stop();
    assert_eq!(found(fsck(&user, &data, &["--objects", "--json"]), 0), (vec![], 0));
}
