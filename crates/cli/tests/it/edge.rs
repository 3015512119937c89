//! The node's public address, as strangers meet it: HTTP written by hand, so that nothing helps it to be right.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::binary::{Node, User};

/// How long a test waits for bytes that must come before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of a problem, which must say its request's id.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["request"].as_str(), self.header("x-request-id"), "{problem}");
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// Somewhere that speaks HTTP.
pub(crate) trait Place {
    fn url(&self) -> &str;
}

impl Place for Node {
    fn url(&self) -> &str {
        &self.url
    }
}

impl Place for str {
    fn url(&self) -> &str {
        self
    }
}

pub(crate) fn connect<P: Place + ?Sized>(place: &P) -> TcpStream {
    let stream = TcpStream::connect(place.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends one request as it stands and reads the answer to its end.
fn send<P: Place + ?Sized>(place: &P, request: &[u8]) -> Answer {
    exchange(&mut connect(place), request)
}

/// The same on a connection that there is already.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> Answer {
    // The node may answer and hang up before it has read everything.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) fn call<P: Place + ?Sized>(
    place: &P,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    send(place, request(method, path, headers, body).as_bytes())
}

/// A request as it stands on the wire, the last of its connection.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A key that may do everything, as a header line.
pub(crate) fn key(user: &User) -> String {
    let secret = user.run(&["key", "create", "--label", "edge", "--role", "admin"]).text();
    format!("x-api-key: {}\r\n", secret.trim())
}

#[test]
fn bodies_that_are_not_as_they_should_be() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let json = format!("{key}content-type: application/json\r\n");
    let post = |headers: &str, body: &str| call(&node, "POST", "/api/v1/names", headers, body);
    let refused = |code: &str, status: u16| (status, code.to_owned());
    assert_eq!(post(&key, "{}").problem(), refused("unsupported_media_type", 415));
    for (body, pointer) in [
        ("", ""),
        ("{", ""),
        ("{}", "/name"),
        ("[]", ""),
        (r#"{"name":7}"#, "/name"),
        (r#"{"name":"a.b","digest":"sha256:00","extra":1}"#, "/extra"),
    ] {
        let answer = post(&json, body);
        assert_eq!(answer.problem(), refused("invalid_body", 400), "{body}: {}", answer.body);
        assert_eq!(answer.json()["pointer"].as_str().unwrap_or_default(), pointer, "{body}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(post(&json, &deep).problem(), refused("invalid_body", 400));
    let wide = format!("[{}1]", "1,".repeat(60_000));
    assert_eq!(post(&json, &wide).problem(), refused("invalid_body", 400));
    let large = " ".repeat(2 << 20);
    assert_eq!(post(&json, &large).problem(), refused("body_too_large", 413));
    // None of it had a consequence.
    assert_eq!(user.run(&["name", "list", "--json"]).json(), serde_json::json!([]));
    let health = call(&node, "GET", "/api/v1/health", &key, "").json();
    assert_eq!(health["status"], "ok", "{health}");
}

#[test]
fn a_refused_upload_gets_its_answer_when_it_was_sent_whole() {
    let user = User::new();
    let node = user.serve();
    let mut stream = connect(&node);
    let head = "PUT /api/v1/objects/builds/large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let body = vec![b'x'; 8 << 20];
    stream.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    stream.write_all(&body).expect("the node takes it all");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn content_is_not_read_for_who_does_not_want_it() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let digest = user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    let tag = format!("\"{}\"", digest.trim());
    let ask = |method: &str, headers: &str| {
        call(&node, method, "/api/v1/objects/builds/a", &format!("{key}{headers}"), "")
    };
    let whole = ask("GET", "");
    assert_eq!(
        (whole.status, whole.body.as_str(), whole.header("etag")),
        (200, "content", Some(tag.as_str()))
    );
    let head = ask("HEAD", "");
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (200, "", Some("7")));
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let answer = ask("GET", &format!("if-none-match: {known}\r\n"));
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{known}");
    }
    assert_eq!(ask("GET", "if-none-match: \"other\"\r\n").status, 200);
}

#[test]
fn a_login_link_reaches_no_further_than_its_maker() {
    let user = User::new();
    let node = user.serve();
    let make = ["key", "create", "--label", "keys", "--role", "admin", "--scope", "keys:write"];
    let secret = user.run(&make).text();
    let id = user.run(&["key", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    let key = format!("x-api-key: {}\r\n", secret.trim());
    let link = call(&node, "POST", "/api/v1/login-links", &key, "");
    assert_eq!(link.status, 201, "{}", link.body);
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let token = url.split("token=").nth(1).unwrap();
    let body = serde_json::json!({ "link_token": token }).to_string();
    let opened = call(&node, "POST", "/api/v1/session", "content-type: application/json\r\n", &body);
    let cookie =
        opened.header("set-cookie").unwrap_or_else(|| panic!("{}", opened.body)).split(';').next().unwrap();
    let cookie = format!("cookie: {cookie}\r\n");
    assert_eq!(
        call(&node, "GET", "/api/v1/session", &cookie, "").json()["scopes"],
        serde_json::json!(["keys:write"])
    );
    assert_eq!(call(&node, "GET", "/api/v1/buckets", &cookie, "").problem().0, 403);
    user.run(&["key", "revoke", &id]).text();
    assert_eq!(call(&node, "GET", "/api/v1/session", &cookie, "").problem().0, 401, "it hangs on the key");
}

#[test]
fn a_key_does_not_outlive_the_key_that_made_it() {
    let user = User::new();
    let node = user.serve();
    let secret = user
        .run(&["key", "create", "--label", "short", "--role", "admin", "--expires", "2998-01-01T00:00:00Z"])
        .text();
    let headers = format!("x-api-key: {}\r\ncontent-type: application/json\r\n", secret.trim());
    let make = |expires: serde_json::Value| {
        let body = serde_json::json!({ "label": "x", "role": "viewer", "scopes": ["names:read"], "expires": expires });
        call(&node, "POST", "/api/v1/keys", &headers, &body.to_string()).status
    };
    assert_eq!(make(serde_json::Value::Null), 403);
    assert_eq!(make("2999-01-01T00:00:00Z".into()), 403);
    let own = user.run(&["key", "list", "--json"]).json()[0]["expires"].clone();
    assert_eq!(make(own), 201);
    let denied = user.run(&["audit", "tail", "-n", "20"]).text();
    assert!(denied.contains("reach further than its maker"), "{denied}");
}

#[test]
fn the_log_is_the_nodes_and_not_every_projects() {
    let user = User::new();
    let node = user.serve();
    let admin = ["key", "create", "--label", "x", "--role", "admin"];
    let ours = format!("x-api-key: {}\r\n", user.run(&admin).text().trim());
    let theirs = user.run(&[&admin[..], &["--project", "beta"]].concat()).text();
    let theirs = format!("x-api-key: {}\r\n", theirs.trim());
    let get = |key: &str, path: &str| call(&node, "GET", &format!("/api/v1{path}"), key, "").status;
    for path in ["/audit/entries", "/audit/entries/0/proof", "/audit/checkpoint", "/log/tile/entries/000.p/1"]
    {
        assert_eq!(get(&theirs, path), 403, "{path}");
        assert_ne!(get(&ours, path), 403, "{path}");
    }
    assert_eq!(get(&theirs, "/buckets"), 200, "what is theirs stays theirs");
    let entries = user.run(&["audit", "tail", "--project", "beta", "--json"]).text();
    let project = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["project"].clone();
    let projects: Vec<_> = entries.lines().map(project).collect();
    assert!(projects.contains(&"beta".into()) && projects.contains(&"default".into()), "{entries}");
}

#[test]
fn one_principal_does_not_fill_the_log_with_refusals() {
    let user = User::new();
    let node = user.serve();
    let entries = || user.run(&["audit", "tail", "-n", "1", "--json"]).json()["sequence"].as_u64().unwrap();
    let before = entries();
    for _ in 0..300 {
        assert_eq!(call(&node, "GET", "/api/v1/buckets", "", "").status, 401);
    }
    let more = entries() - before;
    assert!((100..200).contains(&more), "{more}");
}

#[test]
fn requests_that_are_no_http() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(256 << 10));
    let both = "POST /api/v1/names HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde";
    let smuggled =
        "POST /api/v1/names HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, x\r\n\r\n0\r\n\r\n";
    for (request, status) in [(long.as_str(), 431), (both, 400), (smuggled, 400), ("nonsense\r\n\r\n", 400)] {
        assert_eq!(send(&node, request.as_bytes()).status, status, "{}", &request[..40.min(request.len())]);
    }
    for path in [
        "/api/v1/objects/builds/%00",
        "/api/v1/objects/builds/%ff",
        "/api/v1/names/%2e%2e%2f",
        "/%2e%2e/etc/passwd",
    ] {
        let answer = call(&node, "GET", path, &key, "");
        assert!(answer.status == 400 || answer.status == 404, "{path}: {}", answer.head);
    }
}

#[test]
fn a_network_that_asks_too_fast() {
    let user = User::new();
    user.file("config.toml", b"[limits.general]\nper_second = 1\nburst = 5\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    let answers: Vec<_> = (0..8).map(|_| call(&node, "GET", "/api/v1/health", "", "")).collect();
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"general\";q=5;w=5"));
    assert_eq!(answers[0].header("ratelimit"), Some("\"general\";r=4;t=1"));
    let limited = answers.last().unwrap();
    assert_eq!(limited.problem(), (429, "rate_limited".to_owned()));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    // The operator's own socket is not the network.
    for _ in 0..8 {
        assert_eq!(user.run(&["ls"]).text(), "");
    }
}

#[test]
fn metrics_need_a_key_and_have_no_strangers_words() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    assert_eq!(call(&node, "GET", "/metrics", "", "").problem(), (401, "unauthenticated".to_owned()));
    call(&node, "GET", "/made-up/by-a-stranger", &key, "");
    call(&node, "BREW", "/api/v1/health", &key, "");
    let metrics = call(&node, "GET", "/metrics", &key, "");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.body.contains("http_request_count{method=\"GET\",route=\"/metrics\",status=\"401\"} 1\n")
    );
    for words in ["by-a-stranger", "BREW", key.trim().trim_start_matches("x-api-key: ")] {
        assert!(!metrics.body.contains(words), "{words}");
    }
}

#[test]
fn an_upload_in_parts_goes_on_and_a_download_too() {
    let user = User::new();
    let node = user.serve();
    user.run(&["bucket", "create", "builds"]).text();
    let key = key(&user);
    let json = format!("{key}content-type: application/json\r\n");
    let (first, second) = ("a".repeat(5 << 20), "the end");
    let begun = call(&node, "POST", "/api/v1/uploads", &json, r#"{"bucket":"builds","key":"big"}"#);
    let id = begun.json()["upload"].as_str().unwrap().to_owned();
    let part = |number: u32, body: &str| {
        let path = format!("/api/v1/uploads/{id}/parts/{number}?bucket=builds&key=big");
        call(&node, "PUT", &path, &key, body).status
    };
    assert_eq!((part(2, second), part(0, "x"), part(10_001, "x")), (201, 400, 400));
    let complete = |size: usize| {
        let body = format!(r#"{{"bucket":"builds","key":"big","size_bytes":{size}}}"#);
        call(&node, "POST", &format!("/api/v1/uploads/{id}/complete"), &json, &body)
    };
    let whole = first.len() + second.len();
    assert_eq!(complete(whole).problem(), (409, "conflict".to_owned()), "a part is missing");
    assert_eq!(part(1, &first), 201);
    let parts = format!("/api/v1/uploads/{id}/parts?bucket=builds&key=big&limit=1");
    let listed = call(&node, "GET", &parts, &key, "").json();
    assert_eq!((&listed["items"][0]["size_bytes"], &listed["next"]), (&first.len().into(), &"1".into()));
    // An id opens nothing without its place.
    let elsewhere = format!("/api/v1/uploads/{id}/parts?bucket=builds&key=other");
    assert_eq!(call(&node, "GET", &elsewhere, &key, "").problem(), (404, "not_found".to_owned()));
    let done = complete(whole);
    assert_eq!((done.status, &done.json()["size_bytes"]), (201, &whole.into()));
    assert_eq!(complete(whole).problem(), (404, "not_found".to_owned()), "it is over");

    let get = |range: &str| {
        call(&node, "GET", "/api/v1/objects/builds/big", &format!("{key}range: {range}\r\n"), "")
    };
    let end = get("bytes=5242880-");
    assert_eq!((end.status, end.body.as_str()), (206, second));
    assert_eq!(end.header("content-range"), Some("bytes 5242880-5242886/5242887"));
    assert_eq!(get("bytes=5242887-").problem(), (416, "range_not_satisfiable".to_owned()));
    let tag = end.header("etag").unwrap();
    let go_on = |tag: &str| get(&format!("bytes=5242885-\r\nif-range: {tag}"));
    assert_eq!((go_on(tag).status, go_on("\"sha256:00\"").status), (206, 200), "other content is sent anew");
}

#[test]
fn settings_of_a_bucket_change_together_or_not_at_all() {
    let user = User::new();
    let node = user.serve();
    user.run(&["bucket", "create", "builds"]).text();
    let json = format!("{}content-type: application/json\r\n", key(&user));
    let patch = |body: &str| call(&node, "PATCH", "/api/v1/buckets/builds", &json, body);
    for (body, pointer) in [
        (r#"{"versioning":"on","lifecycle":[{"id":"a"}]}"#, "/lifecycle/0"),
        (r#"{"versioning":"on","lifecycle":[{"id":"","lone_marks":true}]}"#, "/lifecycle/0/id"),
        (r#"{"versioning":"off"}"#, "/versioning"),
        (r#"{"versioning":"on","colour":"red"}"#, "/colour"),
    ] {
        let answer = patch(body);
        assert_eq!(answer.problem(), (400, "invalid_body".to_owned()), "{body}: {}", answer.body);
        assert_eq!(answer.json()["pointer"], pointer, "{body}");
        assert_eq!(user.run(&["bucket", "show", "builds", "--json"]).json()["versioning"], "off", "{body}");
    }
    let set = patch(r#"{"versioning":"on","lifecycle":[{"id":"a","older_versions":{"keep":2}}]}"#).json();
    assert_eq!((&set["versioning"], &set["lifecycle"][0]["enabled"]), (&"on".into(), &true.into()));
    assert_eq!(patch("{}").json()["lifecycle"][0]["older_versions"]["keep"], 2, "what is absent stays");
}
