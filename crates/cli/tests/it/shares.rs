//! Links that open an object to whoever holds them, and what does not open them.

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

/// Shares an object and returns the path of its link.
fn share(user: &User, arguments: &[&str]) -> String {
    let url = user.run(&[&["share"], arguments].concat()).text();
    let at = url.find("/api/").unwrap();
    url[at..].trim_end().to_owned()
}

fn get(node: &Node, path: &str) -> Answer {
    call(node, "GET", path, "", "")
}

fn is_refused(node: &Node, path: &str, what: &str) {
    let answer = get(node, path);
    assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{what}");
    assert!(
        answer.body.contains("this link does not open anything, or not any more"),
        "{what}: {}",
        answer.body
    );
}

#[test]
fn a_link_opens_one_version_and_nothing_else() {
    let user = User::new();
    let node = user.serve();
    user.run(&["bucket", "create", "builds", "--versioning", "on"]).text();
    user.run_with_input(&["cp", "-", "cm://builds/a/größe.txt"], b"first").text();
    user.run_with_input(&["cp", "-", "cm://builds/other"], b"other").text();
    let link = share(&user, &["cm://builds/a/größe.txt"]);
    let answer = get(&node, &link);
    assert_eq!((answer.status, answer.body.as_str()), (200, "first"));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt")
    );
    let policy = "default-src 'none'; sandbox; frame-ancestors 'none'";
    assert_eq!(answer.header("content-security-policy"), Some(policy));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let stale = "cookie: casemate_session=old\r\nx-api-key: none\r\n";
    assert_eq!(call(&node, "GET", &link, stale, "").body, "first", "no other credential is looked at");

    user.run_with_input(&["cp", "-", "cm://builds/a/größe.txt"], b"second").text();
    assert_eq!(get(&node, &link).body, "first", "what came later was not shared");
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        let answer = call(&node, method, &link, "", "");
        assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()), "{method}");
    }
    for path in ["/api/v1/buckets", "/api/v1/objects/builds/other", "/api/v1/buckets/builds/versions"] {
        let token = link.rsplit('/').next().unwrap();
        assert_eq!(get(&node, path).status, 401, "a link is no credential elsewhere");
        let bearer = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(call(&node, "GET", path, &bearer, "").status, 401, "{path}");
    }
    let other = share(&user, &["cm://builds/other"]);
    let (start, end) = (&link[..link.len() - 12], &other[other.len() - 12..]);
    is_refused(&node, &format!("{start}{end}"), "parts of two links");
    is_refused(&node, &link[..link.len() - 1], "a shortened link");
    is_refused(&node, "/api/v1/shares/casemate_shr_", "no link");
    is_refused(&node, &link.replace("casemate_shr_", "casemate_key_"), "another kind");

    let version = user.run(&["ls", "cm://builds/a/", "--versions", "--json"]).json();
    let first = version[1]["version"].as_str().unwrap();
    user.run(&["rm", "cm://builds/a/größe.txt", "--version-id", first]).text();
    is_refused(&node, &link, "its version is gone");
    let tail = user.run(&["audit", "tail", "--json"]).text();
    for said in ["link made", "sent to the holder of a link", "the link does not open anything"] {
        assert!(tail.contains(said), "{said}: {tail}");
    }
    assert!(!tail.contains("casemate_shr_"), "no link is in the log");
}

#[test]
fn a_link_ends_with_the_key_of_its_maker_and_with_its_content() {
    let user = User::new();
    let node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    let key = user.run(&["key", "create", "--label", "sharer", "--json"]).json();
    let file = user.file("key", key["secret"].as_str().unwrap().as_bytes());
    let by_key = share(&user, &["cm://builds/a", "--api-key-file", &file]);
    let by_user = share(&user, &["cm://builds/a", "--expires-in", "30d"]);
    assert_eq!((get(&node, &by_key).status, get(&node, &by_user).status), (200, 200));
    user.run(&["key", "revoke", key["key"]["id"].as_str().unwrap()]).text();
    is_refused(&node, &by_key, "its maker's key is revoked");
    assert_eq!(get(&node, &by_user).status, 200);
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"new content").text();
    is_refused(&node, &by_user, "other content is in its place");
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    assert_eq!(get(&node, &by_user).status, 200, "the very content that was shared");
    user.run(&["rm", "cm://builds/a"]).text();
    is_refused(&node, &by_user, "its object is gone");
}

#[test]
fn who_may_not_share_does_not_and_times_are_bounded() {
    let user = User::new();
    let node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    for (role, scope) in [("viewer", "objects:share"), ("developer", "objects:read")] {
        let key = ["key", "create", "--label", "x", "--role", role, "--scope", scope];
        let file = user.file("key", user.run(&key).text().trim().as_bytes());
        assert_eq!(user.run(&["share", "cm://builds/a", "--api-key-file", &file]).code, 4, "{role} {scope}");
    }
    assert_eq!(user.run(&["share", "cm://builds/a", "--expires-in", "31d"]).code, 2);
    assert_eq!(user.run(&["share", "cm://builds/a", "--expires-in", "0m"]).code, 2);
    assert_eq!(user.run(&["share", "cm://builds/none"]).code, 3);
    let anonymous = call(&node, "POST", "/api/v1/shares", "Content-Type: application/json\r\n", "{}");
    assert!(anonymous.status == 400 || anonymous.status == 401, "{}", anonymous.head);
}
