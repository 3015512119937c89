//! JSON bodies and parameters as attackers and typing errors make them: each refused at its place, none with a
//! consequence.

use crate::binary::{Node, User};
use crate::edge::{Answer, call, key};

const JSON: &str = "content-type: application/json\r\n";

fn refused(answer: &Answer) -> (u16, String, String) {
    let (status, code) = answer.problem();
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    (status, code, problem["pointer"].as_str().unwrap_or_default().to_owned())
}

fn expect(answer: &Answer, status: u16, code: &str, pointer: &str) {
    assert_eq!(refused(answer), (status, code.to_owned(), pointer.to_owned()), "{}", answer.body);
}

fn names(user: &User, node: &Node) -> String {
    let health = call(node, "GET", "/api/v1/health", "", "");
    assert_eq!(health.status, 200, "{}", health.body);
    user.run(&["name", "list", "--json"]).text().trim().to_owned()
}

#[test]
fn bombs_are_refused_where_they_go_off() {
    let user = User::new();
    let node = user.serve();
    let json = format!("{}{JSON}", key(&user));
    let post = |body: &str| call(&node, "POST", "/api/v1/names", &json, body);
    let bad = |body: &str, pointer: &str| expect(&post(body), 400, "invalid_body", pointer);
    bad(&"[".repeat(200_000), &"/0".repeat(16));
    bad(&"{\"a\":".repeat(40_000), &"/a".repeat(16));
    let members: Vec<String> = (0..20_000).map(|n| format!("\"{n}\":0")).collect();
    bad(&format!("{{{}}}", members.join(",")), "/1000");
    bad(&format!("[{}0]", "0,".repeat(100_000)), "/19999");
    bad(&format!("{{\"name\":\"{}\"}}", "x".repeat(70_000)), "/name");
    bad(&format!("{{\"{}\":1}}", "x".repeat(70_000)), "");
    bad(&format!("{{\"name\":{}}}", "9".repeat(70_000)), "/name");
    bad(r#"{"name":"a.b","digest":"x","name":"c.d"}"#, "/name");
    bad(r#"{"name":"a.b","n\u0061me":"c.d"}"#, "/name");
    let huge = format!("\"{}\"", "x".repeat(4 << 20));
    expect(&post(&huge), 413, "body_too_large", "");
    expect(&post(&" ".repeat(4 << 20)), 413, "body_too_large", "");
    assert_eq!(names(&user, &node), "[]");
}

#[test]
fn what_json_does_not_have_is_refused() {
    let user = User::new();
    let node = user.serve();
    let json = format!("{}{JSON}", key(&user));
    let bad = |path: &str, body: &str, pointer: &str| {
        expect(&call(&node, "POST", path, &json, body), 400, "invalid_body", pointer);
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    for (number, pointer) in [
        ("NaN", "/seconds"),
        ("Infinity", "/seconds"),
        ("-1", "/seconds"),
        ("1.5", "/seconds"),
        ("1e3", "/seconds"),
        ("18446744073709551616", "/seconds"),
        ("01", "/seconds"),
        ("true", "/seconds"),
        ("\"60\"", "/seconds"),
        ("0", "/seconds"),
        ("18446744073709551615", "/seconds"),
    ] {
        let body = format!(r#"{{"bucket":"builds","key":"a","seconds":{number}}}"#);
        let answer = call(&node, "POST", "/api/v1/shares", &json, &body);
        assert_eq!(answer.problem(), (400, "invalid_body".to_owned()), "{body}: {}", answer.body);
        // What is no JSON at all ends where it stops being any.
        assert!([pointer, ""].contains(&refused(&answer).2.as_str()), "{body}: {}", answer.body);
    }
    bad("/api/v1/names", r#"{"name":"\ud800","digest":"x"}"#, "/name");
    bad("/api/v1/names", &format!(r#"{{"name":"a.b","digest":"{digest}"}} 1"#), "");
    bad("/api/v1/names", &format!(r#"{{"name":"a.b","digest":"{digest}"}}{{}}"#), "");
    bad("/api/v1/names", "{\"name\":\"a\u{0}b\",\"digest\":\"x\"}", "/name");
    bad("/api/v1/names", r#"{"name":"a.b"}"#, "/digest");
    bad("/api/v1/names", r#"{"name":null,"digest":"x"}"#, "/name");
    bad("/api/v1/names", r#"{"name":"no name","digest":"x"}"#, "/name");
    bad("/api/v1/tasks", r#"{"module":{"bucket":"b"}}"#, "/module/key");
    bad("/api/v1/tasks", r#"{"module":{"bucket":"b","kay":"k"}}"#, "/module/kay");
    bad(
        "/api/v1/tasks",
        r#"{"module":"x","inputs":[{"path":"a","source":{"bucket":7,"key":"k"}}]}"#,
        "/inputs/0/source/bucket",
    );
    bad("/api/v1/tasks", r#"{"module":"x","limits":{"fuel":"lots"}}"#, "/limits/fuel");
    bad("/api/v1/tasks", r#"{"module":"x","limits":{"colour":1}}"#, "/limits/colour");
    bad("/api/v1/keys", r#"{"label":"x","role":"admin","scopes":["objects:read","no:scope"]}"#, "/scopes/1");
    assert_eq!(names(&user, &node), "[]");
}

#[test]
fn bodies_come_as_they_are_and_in_utf_8() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let post = |headers: &str| {
        call(&node, "POST", "/api/v1/buckets", &format!("{key}{headers}"), r#"{"bucket":"one"}"#)
    };
    for media_type in [
        "text/json",
        "application/json; charset=utf-16",
        "application/json;charset=latin1",
        "application/jsonp",
    ] {
        let answer = post(&format!("content-type: {media_type}\r\n"));
        assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()), "{media_type}");
    }
    for coding in ["gzip", "identity, gzip", "br", "deflate"] {
        let answer = post(&format!("{JSON}content-encoding: {coding}\r\n"));
        expect(&answer, 415, "unsupported_media_type", "content-encoding");
    }
    // Content is neither unpacked nor stored as something that it is not.
    let coded = format!("{key}content-encoding: gzip\r\n");
    let answer = call(&node, "PUT", "/api/v1/objects/one/bomb", &coded, "packed");
    expect(&answer, 415, "unsupported_media_type", "content-encoding");
    let buckets = call(&node, "GET", "/api/v1/buckets", &key, "");
    assert_eq!(buckets.body, "{\"items\":[],\"next\":null}");
    let answer = post("content-type: Application/JSON; charset=\"UTF-8\"\r\ncontent-encoding: identity\r\n");
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[test]
fn parameters_are_named_when_they_are_wrong() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let bad = |path: &str, name: &str| {
        expect(&call(&node, "GET", path, &key, ""), 400, "invalid_parameter", name);
    };
    bad("/api/v1/names?limit=0", "limit");
    bad("/api/v1/names?limit=many", "limit");
    bad("/api/v1/names?limit=1&limit=2", "limit");
    bad("/api/v1/names?colour=red", "colour");
    bad("/api/v1/names?limit%00=1", "limit\u{0}");
    bad("/api/v1/names?prefix=%ff", "prefix");
    bad("/api/v1/session?colour=red", "colour");
    bad("/api/v1/health?x", "x");
    bad("/api/v1/names/%ff", "path");
    bad("/api/v1/tasks/nonsense", "id");
    bad("/api/v1/tasks/tsk_01kg9ys7kv040g2081040g2081?wait=-1", "wait");
}

#[test]
fn what_a_body_may_hold_is_the_operators_to_say() {
    let user = User::new();
    let file = user.file("node.toml", b"json_bytes_max = \"4KiB\"\njson_string_bytes_max = \"1KiB\"\n");
    let node = user.serve_with(&["--config", &file]);
    let json = format!("{}{JSON}", key(&user));
    let post = |body: &str| call(&node, "POST", "/api/v1/buckets", &json, body);
    expect(&post(&" ".repeat(4097)), 413, "body_too_large", "");
    expect(&post(&format!("{{\"bucket\":\"{}\"}}", "x".repeat(1025))), 400, "invalid_body", "/bucket");
    assert_eq!(post(&format!("{{\"bucket\":\"one\"}}{}", " ".repeat(4000))).status, 201);
}
