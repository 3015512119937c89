//! The headers that protect browsers, on every kind of answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::binary::{Node, User};
use crate::edge::{Answer, PATIENCE, call, exchange, key, request};
use crate::tls::Authority;

/// How the answers of a node are asked for.
enum Dial<'a> {
    Plain,
    Encrypted(&'a Authority),
}

impl Dial<'_> {
    fn ask(&self, url: &str, request: &str) -> Answer {
        let (_, at) = url.split_once("://").unwrap();
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream: Box<dyn Stream> = match self {
            Self::Plain => Box::new(stream),
            Self::Encrypted(authority) => Box::new(authority.over(stream)),
        };
        exchange(&mut stream, request.as_bytes())
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

const ON_ALL: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

const ENCRYPTED: [(&str, &str); 2] =
    [("strict-transport-security", "max-age=63072000"), ("expect-ct", "max-age=86400, enforce")];

fn check(answer: &Answer, encrypted: bool, what: &str) {
    for (name, value) in ON_ALL {
        assert_eq!(answer.header(name), Some(value), "{what}: {}", answer.head);
    }
    for (name, value) in ENCRYPTED {
        assert_eq!(answer.header(name), encrypted.then_some(value), "{what}: {}", answer.head);
    }
    let policy =
        answer.header("content-security-policy").unwrap_or_else(|| panic!("{what}: {}", answer.head));
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{what}: {policy}"
    );
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
}

/// Every kind of answer of a node, with the status that it must have.
fn walk(node: &Node, dial: &Dial<'_>, key: &str, encrypted: bool) {
    let json = format!("{key}content-type: application/json\r\n");
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(256 << 10));
    let tag = dial.ask(&node.url, &request("GET", "/", "", "")).header("etag").unwrap().to_owned();
    let ask = |method: &str, path: &str, headers: &str, body: &str| request(method, path, headers, body);
    let api = [
        (200, ask("GET", "/", "", "")),
        (304, ask("GET", "/", &format!("if-none-match: {tag}\r\n"), "")),
        (200, ask("HEAD", "/api/v1/health", "", "")),
        (200, ask("GET", "/api/v1/openapi.json", "", "")),
        (201, ask("PUT", "/api/v1/objects/builds/a", key, "content")),
        (206, ask("GET", "/api/v1/objects/builds/a", &format!("{key}range: bytes=0-1\r\n"), "")),
        (416, ask("GET", "/api/v1/objects/builds/a", &format!("{key}range: bytes=90-\r\n"), "")),
        (204, ask("DELETE", "/api/v1/objects/builds/a", key, "")),
        (400, ask("POST", "/api/v1/names", &json, "{")),
        (401, ask("GET", "/api/v1/buckets", "", "")),
        (401, ask("GET", "/api/v1/buckets", "x-api-key: bad\r\n", "")),
        (404, ask("GET", "/nowhere", "", "")),
        (404, ask("GET", "/api/v1/objects/builds/gone", key, "")),
        (405, ask("DELETE", "/", "", "")),
        (405, ask("OPTIONS", "/api/v1/names", "origin: https://a.example\r\n", "")),
        (413, ask("POST", "/api/v1/names", &json, &large)),
        (415, ask("POST", "/api/v1/names", key, "{}")),
        (400, "nonsense\r\n\r\n".to_owned()),
        (431, long.clone()),
    ];
    let s3 = [
        (403, ask("GET", "/", "", "")),
        (403, ask("PUT", "/builds/a", "", "content")),
        (400, ask("OPTIONS", "/builds/a", "", "")),
        (400, "nonsense\r\n\r\n".to_owned()),
        (431, long),
    ];
    for (url, requests) in [(node.url.as_str(), &api[..]), (node.s3_url(), &s3[..])] {
        // What is left unread resets the connection, and over TLS that may overtake the answer: `listen.rs` tests it.
        for (status, request) in requests.iter().filter(|(status, _)| *status != 431 || !encrypted) {
            let what = &request[..60.min(request.len())];
            let answer = dial.ask(url, request);
            assert_eq!(answer.status, *status, "{what}: {} {}", answer.head, answer.body);
            check(&answer, encrypted, what);
        }
    }
}

#[test]
fn every_kind_of_answer_protects_browsers() {
    let user = User::new();
    let node = user.serve();
    walk(&node, &Dial::Plain, &key(&user), false);
}

#[test]
fn with_tls_every_kind_of_answer_says_to_stay_with_it() {
    let user = User::new();
    let (authority, node) = crate::tls::serve(&user);
    walk(&node, &Dial::Encrypted(&authority), &key(&user), true);
}

#[test]
fn who_asks_too_fast_is_refused_with_all_headers() {
    let user = User::new();
    let limits = b"[limits.general]\nper_second = 1\nburst = 2\n[limits.s3]\nper_second = 1\nburst = 2\n";
    user.file("config.toml", limits);
    let node = user.serve_with(&["--config", "config.toml"]);
    for (url, status) in [(node.url.as_str(), 429), (node.s3_url(), 503)] {
        let answers: Vec<_> = (0..4).map(|_| Dial::Plain.ask(url, &request("GET", "/", "", ""))).collect();
        let refused = answers.iter().find(|answer| answer.status == status).expect("a refusal");
        check(refused, false, url);
    }
}

#[test]
fn pages_of_listed_origins_use_the_api_with_a_key_and_no_cookie() {
    let user = User::new();
    user.file("config.toml", b"cors_origins = [\"https://app.example\"]\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    let key = key(&user);
    let preflight = |origin: &str| {
        let asked = "access-control-request-method: PUT\r\naccess-control-request-headers: x-api-key\r\n";
        call(&node, "OPTIONS", "/api/v1/names", &format!("origin: {origin}\r\n{asked}"), "")
    };
    let let_in = preflight("https://app.example");
    assert_eq!(let_in.status, 204, "{}", let_in.head);
    assert_eq!(let_in.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(let_in.header("access-control-allow-headers").unwrap().contains("x-api-key"));
    assert_eq!(let_in.header("access-control-allow-credentials"), None);
    check(&let_in, false, "preflight");
    for origin in ["https://evil.example", "null", "https://app.example:444", "http://app.example"] {
        let kept_out = preflight(origin);
        assert_eq!(
            (kept_out.status, kept_out.header("access-control-allow-origin")),
            (405, None),
            "{origin}"
        );
        assert_eq!(kept_out.header("vary"), Some("Origin"), "{origin}");
    }

    let get = |headers: &str| call(&node, "GET", "/api/v1/buckets", headers, "");
    let read = get(&format!("{key}origin: https://app.example\r\n"));
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, Some("https://app.example")));
    assert_eq!(get(&key).header("vary"), Some("Origin"), "also without an origin");
    let refused = get("origin: https://app.example\r\n");
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, Some("https://app.example"))
    );

    let link = user.run(&["login"]).text();
    let body = serde_json::json!({ "link_token": link.trim().split("token=").nth(1).unwrap() }).to_string();
    let opened = call(&node, "POST", "/api/v1/session", "content-type: application/json\r\n", &body);
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(get(&format!("cookie: {cookie}\r\n")).status, 200);
    let across = get(&format!("cookie: {cookie}\r\norigin: https://app.example\r\n"));
    assert_eq!(across.problem(), (403, "cross_origin".to_owned()));
}

#[test]
fn an_origin_that_no_browser_writes_is_refused_with_what_would_do() {
    let user = User::new();
    for origin in ["*", "null", "https://*.example", "https://a.example/"] {
        user.file("config.toml", format!("cors_origins = [\"{origin}\"]\n").as_bytes());
        let refused = user.run(&["config", "check", "--config", "config.toml"]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains(&format!("`cors_origins` cannot be `{origin}`")),
            "{}",
            refused.stderr
        );
    }
}
