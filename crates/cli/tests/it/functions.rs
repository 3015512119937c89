//! Functions: components that answer requests, and what hostile ones and hostile callers come to.

use std::io::Write;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::binary::{Node, User};
use crate::edge::{Answer, call, connect, exchange, request};
use crate::nodes::wait_until;

/// The path of a built example.
pub(crate) fn guest(name: &str) -> String {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_casemate"));
    let guests = binary.parent().unwrap().with_file_name("guests");
    let path = guests.join(name);
    assert!(path.exists(), "there is no {}: `cargo xtask guests` builds it", path.display());
    path.into_os_string().into_string().unwrap()
}

pub(crate) fn deploy(user: &User, name: &str, more: &[&str]) -> u32 {
    let edge = guest("edge.wasm");
    let deployed = user.run(&[&["fn", "deploy", name, &edge][..], more].concat());
    assert_eq!(deployed.code, 0, "{}", deployed.stderr);
    deployed.text().trim().parse().unwrap()
}

fn get(node: &Node, path: &str) -> Answer {
    call(node, "GET", path, "", "")
}

/// The same from the function's own host.
fn get_at_host(node: &Node, path: &str) -> Answer {
    let asked = request("GET", path, "", "").replace("host: localhost", "host: edge.localhost");
    exchange(&mut connect(node), asked.as_bytes())
}

pub(crate) fn key(user: &User, role: &str) -> String {
    user.run(&["key", "create", "--label", role, "--role", role]).text().trim().to_owned()
}

/// The body of an answer whose length is not announced.
pub(crate) fn text(answer: &Answer) -> String {
    let (mut rest, mut whole) = (answer.body.as_str(), String::new());
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&after[..length]);
        rest = &after[length..][2..];
        if length == 0 {
            return whole;
        }
    }
    panic!("the answer was cut off: {:?}", answer.body)
}

#[test]
fn a_function_is_deployed_called_rolled_back_and_removed() {
    let user = User::new();
    let node = user.serve();
    assert_eq!(user.run(&["fn", "ls"]).text(), "");
    assert_eq!(get(&node, "/fn/edge/hello").problem(), (404, "not_found".to_owned()));
    assert_eq!(deploy(&user, "edge", &["--public", "--env", "GREETING=one"]), 1);
    assert_eq!(text(&get(&node, "/fn/edge/hello")), "hello\n");
    assert_eq!(text(&get(&node, "/fn/edge/env")), "one");
    let echoed = call(&node, "POST", "/fn/edge/echo", "content-type: text/plain\r\n", "call me Ishmael");
    assert_eq!((echoed.status, text(&echoed).as_str()), (200, "call me Ishmael"));
    assert_eq!(text(&get_at_host(&node, "/env")), "one");
    assert_eq!(get(&node, "/fn/edge/nothing").status, 404);

    // A canary takes its part, and another version takes everything back.
    assert_eq!(deploy(&user, "edge", &["--public", "--env", "GREETING=two", "--percent", "50"]), 2);
    let greetings: Vec<String> = (0..60).map(|_| text(&get(&node, "/fn/edge/env"))).collect();
    let twos = greetings.iter().filter(|greeting| *greeting == "two").count();
    assert!((1..60).contains(&twos) && greetings.iter().all(|one| one == "one" || one == "two"), "{twos}");
    let listed = user.run(&["fn", "show", "edge", "--json"]).json();
    assert_eq!(listed["route"], json!([{ "version": 1, "percent": 50 }, { "version": 2, "percent": 50 }]));
    assert_eq!(user.run(&["fn", "rollback", "edge"]).code, 0);
    assert!((0..20).all(|_| text(&get(&node, "/fn/edge/env")) == "one"));
    assert_eq!(user.run(&["fn", "rollback", "edge", "--to", "2"]).code, 0);
    assert_eq!(text(&get(&node, "/fn/edge/env")), "two");
    assert_eq!(user.run(&["fn", "route", "edge", "1=100"]).code, 0);
    let mistakes: [(&[&str], i32, &str); 5] = [
        (&["fn", "route", "edge", "1=50", "2=40"], 2, "make 90 together"),
        (&["fn", "route", "edge", "9=100"], 3, "has no version 9"),
        (&["fn", "rollback", "edge"], 5, "has no earlier version"),
        (&["fn", "deploy", "Edge", "edge.wasm"], 2, "is no name of a function"),
        (&["fn", "deploy", "edge", &guest("wordcount-1.wasm")], 2, "so it is no function"),
    ];
    for (arguments, code, said) in mistakes {
        let done = user.run(arguments);
        assert!(done.code == code && done.stderr.contains(said), "{}: {}", done.code, done.stderr);
    }

    // What it has done outlives nothing, what was deployed outlives everything.
    get(&node, "/fn/edge/log");
    wait_until("the log has it", || user.run(&["fn", "logs", "edge"]).text().contains("to standard error"));
    let figures = &user.run(&["fn", "show", "edge", "--json"]).json()["figures"];
    assert!(figures["answered"].as_u64() > Some(80), "{figures}");
    let counted: u64 =
        figures["latency"].as_array().unwrap().iter().map(|part| part["count"].as_u64().unwrap()).sum();
    assert_eq!(Some(counted), figures["answered"].as_u64());
    node.signal(rustix::process::Signal::KILL);
    drop(node);
    let node = user.serve();
    assert_eq!(text(&get(&node, "/fn/edge/env")), "one");
    assert_eq!(user.run(&["fn", "versions", "edge", "--json"]).json().as_array().unwrap().len(), 2);
    assert_eq!(user.run(&["fn", "rm", "edge"]).code, 0);
    assert_eq!(get(&node, "/fn/edge/hello").status, 404);
    assert_eq!(user.run(&["fn", "rm", "edge"]).code, 3);
    deploy(&user, "edge", &[]);
    node.stop();
    assert_eq!(user.run(&["db", "check", "--json"]).json()["findings"], json!([]));
}

#[test]
fn a_function_that_is_not_public_takes_a_key_and_shows_it_to_nobody() {
    let user = User::new();
    let node = user.serve();
    deploy(&user, "edge", &[]);
    assert_eq!(get(&node, "/fn/edge/hello").problem(), (401, "unauthenticated".to_owned()));
    let bad = call(&node, "GET", "/fn/edge/hello", "x-api-key: cm_live_x\r\n", "");
    assert_eq!(bad.problem(), (401, "unauthenticated".to_owned()));
    let viewer = key(&user, "viewer");
    let denied = call(&node, "GET", "/fn/edge/hello", &format!("x-api-key: {viewer}\r\n"), "");
    assert_eq!(denied.problem(), (403, "denied".to_owned()));
    let developer = key(&user, "developer");
    for header in ["x-api-key: ", "authorization: Bearer "] {
        let shown = call(&node, "GET", "/fn/edge/request", &format!("{header}{developer}\r\n"), "");
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert!(!shown.body.contains(&developer), "the guest saw the key");
    }
    // A page elsewhere has the browser send the cookie, so the cookie counts for nothing.
    let link = user.run(&["login"]).text();
    let token = link.trim().rsplit_once("token=").unwrap().1.to_owned();
    let body = json!({ "link_token": token }).to_string();
    let signed_in = call(&node, "POST", "/api/v1/session", "content-type: application/json\r\n", &body);
    let cookie = signed_in.header("set-cookie").unwrap_or_else(|| panic!("{}", signed_in.body));
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(call(&node, "GET", "/api/v1/functions", &cookie, "").status, 200);
    let refused = call(&node, "GET", "/fn/edge/hello", &cookie, "");
    assert_eq!(refused.problem(), (401, "unauthenticated".to_owned()));
}

#[test]
fn below_the_consoles_address_a_function_has_no_cookies_and_no_origin() {
    let user = User::new();
    let node = user.serve();
    deploy(&user, "edge", &["--public"]);
    let sent = "cookie: casemate_session=secret\r\nx-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\n\
                authorization: Bearer for-the-guest\r\nconnection: close, x-hop\r\nx-hop: 1\r\nte: trailers\r\n";
    let shown = text(&call(&node, "GET", "/fn/edge/request?a=b", sent, ""));
    assert!(shown.starts_with("GET\n/request?a=b\n"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("6.6.6.6"), "{shown}");
    assert!(!shown.contains("\nx-hop:") && !shown.contains("\nte:"), "{shown}");
    assert!(shown.contains("authorization: Bearer for-the-guest"), "it may have callers of its own: {shown}");
    assert!(shown.contains("x-forwarded-for: 127.0.0.1") && shown.contains("x-forwarded-prefix: /fn/edge"));
    let page = get(&node, "/fn/edge/page");
    assert_eq!(page.header("set-cookie"), None);
    assert_eq!(page.header("content-security-policy"), Some("sandbox allow-scripts allow-forms"));
    let worker = call(&node, "GET", "/fn/edge/page", "service-worker: script\r\n", "");
    assert_eq!(worker.problem(), (403, "denied".to_owned()));
    let injected = "sec-fetch-site: same-origin\r\nsec-fetch-dest: script\r\n";
    let code = call(&node, "GET", "/fn/edge/page", injected, "");
    assert_eq!(code.problem(), (403, "denied".to_owned()));
    // No function sees what opens the node, whoever sends it by mistake.
    let own = key(&user, "viewer");
    for header in ["x-api-key: ", "authorization: Bearer ", "authorization: bearer "] {
        let shown = text(&call(&node, "GET", "/fn/edge/request", &format!("{header}{own}\r\n"), ""));
        assert!(!shown.contains(&own) && shown.contains("x-forwarded-for"), "{shown}");
    }
    // At its own host it is a site of its own.
    let page = get_at_host(&node, "/page");
    assert_eq!(page.header("set-cookie"), Some("a=b"));
    assert_eq!(page.header("content-security-policy"), None);
}

#[test]
fn hostile_functions_are_stopped_and_their_neighbours_answer() {
    let user = User::new();
    let node = user.serve();
    let tight = ["--public", "--limit", "wall=1s", "--limit", "memory=16MiB", "--limit", "output=100KiB"];
    deploy(&user, "hostile", &tight);
    deploy(&user, "good", &["--public"]);
    for (path, status, said) in [
        ("spin", 504, "function_timed_out"),
        ("sleep", 504, "function_timed_out"),
        ("grow", 502, "it reached its memory limit"),
        ("trap", 502, "trapped"),
        ("silent", 502, "it returned without a whole answer"),
    ] {
        let answer = get(&node, &format!("/fn/hostile/{path}"));
        assert!(answer.status == status && answer.body.contains(said), "{path}: {}", answer.body);
        assert_eq!(text(&get(&node, "/fn/good/hello")), "hello\n");
    }
    // An answer that was begun cannot be taken back, but nobody takes it for whole.
    let flood = get(&node, "/fn/hostile/flood");
    assert!(flood.status == 200 && !flood.body.ends_with("0\r\n\r\n"), "{}", flood.body.len());
    let failed = user.run(&["fn", "show", "hostile", "--json"]).json()["figures"]["failed"].as_u64();
    assert_eq!(failed, Some(6));
    let log = user.run(&["fn", "logs", "hostile"]).text();
    assert!(log.contains("casemate: stopped at its memory limit"), "{log}");

    let large = "x".repeat(9 << 20);
    let refused = call(&node, "POST", "/fn/good/echo", "", &large);
    assert_eq!(refused.problem(), (413, "body_too_large".to_owned()));
}

#[test]
fn more_requests_than_a_function_may_have_are_refused_at_once() {
    let user = User::new();
    let node = user.serve();
    deploy(&user, "slow", &["--public", "--concurrency", "1", "--limit", "wall=20s"]);
    deploy(&user, "rare", &["--public", "--rate", "1"]);
    // One is answered, four wait, and the rest is refused.
    let start = Barrier::new(12);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let began = Instant::now();
                    let status = get(&node, "/fn/slow/sleep").status;
                    (status, began.elapsed())
                })
            })
            .collect();
        let answers: Vec<_> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
        let at_once = answers.iter().filter(|(_, took)| *took < Duration::from_secs(4));
        assert_eq!(at_once.count(), 7);
        answers.into_iter().map(|(status, _)| status).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 11, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 504).count(), 1, "{statuses:?}");

    assert_eq!(get(&node, "/fn/rare/hello").status, 200);
    let refused = get(&node, "/fn/rare/hello");
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let figures = user.run(&["fn", "show", "rare", "--json"]).json();
    assert_eq!(figures["figures"]["refused"], 1);
}

#[test]
fn whoever_sends_or_reads_slowly_keeps_nobody_from_an_answer() {
    let user = User::new();
    let node = user.serve();
    deploy(&user, "edge", &["--public", "--concurrency", "4", "--limit", "output=4MiB"]);
    let ask = |path: &str, more: &str| {
        let mut stream = connect(&node);
        let head = format!("POST /fn/edge/{path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    // As many as are answered at once and more send nothing, and as many read nothing.
    let _silent: Vec<_> = (0..8).map(|_| ask("echo", "content-length: 9\r\n")).collect();
    let _deaf: Vec<_> = (0..8).map(|_| ask("flood", "content-length: 0\r\n")).collect();
    wait_until("the floods are over", || {
        user.run(&["fn", "show", "edge", "--json"]).json()["figures"]["failed"] == 8
    });
    assert_eq!(text(&get(&node, "/fn/edge/hello")), "hello\n");
}

#[test]
fn a_function_asks_declared_hosts_at_addresses_that_are_allowed_and_nobody_else() {
    let user = User::new();
    // The node itself is somebody to ask.
    user.file("config.toml", b"[functions]\nallow_networks = [\"127.0.0.1/32\", \"169.254.0.0/16\"]\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    let own = node.url.strip_prefix("http://").unwrap();
    let port = own.rsplit_once(':').unwrap().1;
    let hosts = [
        format!("http://{own}"),
        "http://169.254.169.254".to_owned(),
        "http://127.0.0.2".to_owned(),
        format!("http://[::1]:{port}"),
    ];
    let mut arguments = vec!["--public"];
    for host in &hosts {
        arguments.extend(["--allow-host", host]);
    }
    deploy(&user, "asks", &arguments);
    deploy(&user, "mute", &["--public"]);
    let fetch = |function: &str, url: &str| get(&node, &format!("/fn/{function}/fetch?{url}"));
    let asked = fetch("asks", &format!("http://{own}/api/v1/health/live"));
    assert!(asked.status == 200 && asked.body.contains("version"), "{}", asked.body);
    // What the guest says is the number of the error by which it was told.
    let mut seen = Vec::new();
    for (function, url) in [
        ("mute", format!("http://{own}/api/v1/health/live")),
        ("asks", "http://127.0.0.1:1/".to_owned()),
        ("asks", format!("http://localhost:{port}/")),
        ("asks", format!("http://{own}@example.org/")),
        ("asks", format!("http://127.1:{port}/")),
        ("asks", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("asks", "http://127.0.0.2/".to_owned()),
        ("asks", format!("http://[::1]:{port}/")),
    ] {
        let answer = fetch(function, &url);
        assert_eq!(answer.status, 502, "{url}: {}", answer.body);
        seen.push(text(&answer).trim().to_owned());
    }
    let (denied, prohibited) = (seen[0].clone(), seen[5].clone());
    assert_ne!(denied, prohibited);
    assert_eq!(seen[1..5], [denied.as_str(); 4]);
    assert_eq!(seen[5..], [prohibited.as_str(); 3]);
}
