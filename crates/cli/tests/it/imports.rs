//! Names of the earlier registry.

use serde_json::{Value, json};

use crate::binary::User;

/// What became of each record, by what it said.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report.as_array().unwrap().iter().map(|fate| (text(&fate["record"]), text(&fate["outcome"]))).collect()
}

fn pair(record: &str, outcome: &str) -> (String, String) {
    (record.to_owned(), outcome.to_owned())
}

#[test]
fn what_is_free_is_taken_over_and_the_rest_is_told() {
    let user = User::new();
    let _node = user.serve();
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    assert_eq!(user.run(&["name", "claim", "held.sov", "cm://builds/app"]).code, 0);
    let cid = format!("bafk{}", &blake3::hash(b"<h1>").to_hex()[..32]);
    std::fs::create_dir(user.path("blobs")).unwrap();
    user.file(&format!("blobs/{cid}"), b"<h1>");
    user.file("blobs/bafk00", b"something else");
    let records = json!([
        {"domain": "Shop.sov", "registered_at": 10, "expires_at": 4_000_000_000_u64,
         "content_mappings": {"/index.html": cid, "/gone.html": "bafk00", "/../up": "bafk../../x"}},
        {"domain": "shop.sov", "registered_at": 20},
        {"domain": "held.sov"}, {"domain": "old.sov", "expires_at": 5}, {"domain": "-bad-.sov"},
    ]);
    user.file("records.json", records.to_string().as_bytes());

    let report = user.run(&["name", "import", "records.json", "--json"]);
    assert_eq!(report.code, 1);
    let told = outcomes(&serde_json::from_slice(&report.stdout).unwrap());
    let rest = [
        pair("shop.sov", "conflict"),
        pair("held.sov", "taken"),
        pair("old.sov", "expired"),
        pair("-bad-.sov", "refused"),
    ];
    assert_eq!(told, [&[pair("Shop.sov", "new")][..], &rest].concat());
    assert_ne!(user.run(&["name", "show", "shop.sov"]).code, 0, "nothing was changed");

    let import = ["name", "import", "records.json", "--to", "imported", "--content", "blobs", "--json"];
    let report: Value = serde_json::from_slice(&user.run(&import).stdout).unwrap();
    assert_eq!(outcomes(&report)[0], pair("Shop.sov", "incomplete"));
    assert_ne!(user.run(&["name", "show", "shop.sov"]).code, 0, "what lacks content waits for it");
    let taken = user.run(&[&import[..], &["--with-missing"]].concat());
    let report: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!(outcomes(&report), [&[pair("Shop.sov", "imported")][..], &rest].concat(), "{}", taken.stderr);
    assert_eq!(report[0]["missing"].as_array().unwrap().len(), 2, "{report}");
    let held = user.run(&["name", "show", "shop.sov", "--json"]).json();
    let stored = user.run(&["stat", "cm://imported/shop.sov/record.json", "--json"]).json();
    assert_eq!(held["digest"], stored["digest"]);
    assert_eq!(user.run(&["cp", "cm://imported/shop.sov/content/index.html", "-"]).stdout, b"<h1>");
    // Once more changes nothing, and what means something else now is somebody's.
    let report: Value = serde_json::from_slice(&user.run(&import).stdout).unwrap();
    assert_eq!(outcomes(&report)[0], pair("Shop.sov", "imported"));
    assert_eq!(user.run(&["name", "set", "shop.sov", "cm://builds/app"]).code, 0);
    let report: Value = serde_json::from_slice(&user.run(&import).stdout).unwrap();
    assert_eq!(outcomes(&report)[0], pair("Shop.sov", "taken"));

    user.file("bad.json", b"{\"domain\": ");
    let bad = user.run(&["name", "import", "bad.json"]);
    assert!(bad.stderr.contains("this is no JSON"), "{}", bad.stderr);
}
