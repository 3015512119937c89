//! Requests that are sent more than once and carried out once.

use std::time::{Duration, Instant};

use crate::binary::{Node, User};
use crate::edge::{Answer, call, key};

const JSON: &str = "content-type: application/json\r\n";

fn post(node: &Node, path: &str, headers: &str, once: &str, body: &str) -> Answer {
    call(node, "POST", path, &format!("{headers}idempotency-key: {once}\r\n"), body)
}

fn same(first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
}

#[test]
fn what_is_sent_again_is_answered_again_and_done_once() {
    let user = User::new();
    let node = user.serve();
    let json = format!("{}{JSON}", key(&user));
    let body = r#"{"label":"ci","role":"viewer","scopes":["objects:read"]}"#;
    let first = post(&node, "/api/v1/keys", &json, "\"one\"", body);
    assert_eq!(first.status, 201, "{}", first.body);
    same(&first, &post(&node, "/api/v1/keys", &json, "\"one\"", body));
    same(&first, &post(&node, "/api/v1/keys", &json, "one", body));
    assert_eq!(
        user.run(&["key", "list", "--json"]).json().as_array().unwrap().len(),
        2,
        "its own and the new one"
    );

    let other = body.replace("\"ci\"", "\"cd\"");
    let refused = post(&node, "/api/v1/keys", &json, "one", &other);
    assert_eq!(refused.problem(), (422, "idempotency_mismatch".to_owned()));
    let elsewhere = post(&node, "/api/v1/buckets", &json, "one", r#"{"bucket":"builds"}"#);
    assert_eq!(elsewhere.problem(), (422, "idempotency_mismatch".to_owned()));
    // Another caller's keys are other keys, also with the same text.
    let stranger = format!(
        "x-api-key: {}\r\n{JSON}",
        user.run(&["key", "create", "--label", "b", "--role", "admin"]).text().trim()
    );
    assert_eq!(post(&node, "/api/v1/keys", &stranger, "one", &other).status, 201);

    // Nothing was changed, so the key is free for the request as it should have been.
    let bad = post(&node, "/api/v1/buckets", &json, "two", r#"{"bucket":"No Bucket"}"#);
    assert_eq!(bad.problem(), (400, "invalid_body".to_owned()));
    let good = post(&node, "/api/v1/buckets", &json, "two", r#"{"bucket":"builds"}"#);
    assert_eq!(good.status, 201, "{}", good.body);
    same(&good, &post(&node, "/api/v1/buckets", &json, "two", r#"{"bucket":"builds"}"#));
    assert_eq!(post(&node, "/api/v1/buckets", &json, "three", r#"{"bucket":"builds"}"#).problem().0, 409);

    for bad in ["\"\"", &"x".repeat(256), "a\"b"] {
        let refused = post(&node, "/api/v1/buckets", &json, bad, r#"{"bucket":"other"}"#);
        assert_eq!(refused.problem(), (400, "invalid_parameter".to_owned()), "{bad}");
    }
    assert_eq!(post(&node, "/api/v1/keys", JSON, "one", body).problem().0, 401, "nobody in particular");
}

#[test]
fn an_answer_outlives_the_node_and_lies_nowhere_in_clear() {
    let user = User::new();
    let node = user.serve();
    let json = format!("{}{JSON}", key(&user));
    let body = r#"{"label":"ci","role":"viewer","scopes":["objects:read"]}"#;
    let first = post(&node, "/api/v1/keys", &json, "one", body);
    let made: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    drop(node);
    let secret = made["secret"].as_str().unwrap();
    let found = std::process::Command::new("grep")
        .args(["-r", "-a", "-l", "-F", secret])
        .arg(user.path(".local/share/casemate"))
        .output()
        .unwrap();
    assert_eq!((found.status.code(), String::from_utf8(found.stdout).unwrap().as_str()), (Some(1), ""));
    let node = user.serve();
    same(&first, &post(&node, "/api/v1/keys", &json, "one", body));
}

/// A guest that runs until its time is over.
const LOOP: &str = r#"(module (func (export "_start") (loop (br 0))))"#;

#[test]
fn while_one_is_under_way_another_is_refused_and_later_answered() {
    let user = User::new();
    let node = user.serve();
    let json = format!("{}{JSON}", key(&user));
    let module = wat::parse_str(LOOP).unwrap();
    let digest = user.run_with_input(&["cp", "-", "cm://guests/loop.wasm"], &module).text();
    let body = format!(r#"{{"module":"{}","limits":{{"wall_ms":3000}}}}"#, digest.trim());
    let submit = |path: &str| post(&node, path, &json, "one", &body);
    let path = "/api/v1/tasks?wait=60";
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| submit(path));
        let end = Instant::now() + Duration::from_secs(30);
        while user.run(&["task", "list", "--json"]).json() == serde_json::json!([]) {
            assert!(Instant::now() < end, "the task is not there");
        }
        let second = submit(path);
        assert_eq!(second.problem(), (409, "idempotency_in_flight".to_owned()));
        assert_eq!(second.header("retry-after"), Some("1"));
        assert_eq!(submit("/api/v1/tasks").problem().0, 422, "another address is another request");
        first.join().unwrap()
    });
    assert_eq!(first.status, 201, "{}", first.body);
    let again = submit(path);
    same(&first, &again);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(user.run(&["task", "list", "--json"]).json().as_array().unwrap().len(), 1);
}
