//! Ways through a node, as curl goes them.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::binary::{Done, User};
use crate::edge::call;
use crate::nodes::{Worker, nodes, server, wait_until};

/// An address that is free now.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

struct Way<'a> {
    user: &'a User,
    started: Value,
    certificate: String,
}

impl<'a> Way<'a> {
    /// Starts a session, as soon as the node has said that it relays.
    fn open(user: &'a User, name: &str, arguments: &[&str]) -> Self {
        let certificate = format!("{name}.pem");
        let open = ["relay", "open", "--json", "--detach", "--certificate", &certificate];
        let open = [&open[..], arguments].concat();
        let mut opened = Done { code: 1, stdout: Vec::new(), stderr: String::new() };
        wait_until("the node relays", || {
            opened = user.run(&open);
            opened.code != 5
        });
        let started = opened.json();
        Self { user, certificate: user.path(&certificate).display().to_string(), started }
    }

    fn text(&self, field: &str) -> String {
        self.started[field].as_str().unwrap().to_owned()
    }

    /// What curl gets through the proxy: the proxy's status, and the page if it let curl through.
    fn get(&self, token: &str, url: &str) -> (String, Vec<u8>) {
        let proxy = format!("https://{}:{token}@{}", self.text("session_id"), self.text("address"));
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--proxytunnel",
            "--max-time",
            "20",
            "--write-out",
            "%{stderr}%{http_connect}",
        ]);
        curl.args(["--proxy", &proxy, "--proxy-cacert", &self.certificate, url]);
        let done = curl.output().unwrap();
        (String::from_utf8(done.stderr).unwrap(), done.stdout)
    }

    fn shown(&self) -> Value {
        self.user.run(&["relay", "show", &self.text("session_id"), "--json"]).json()
    }
}

#[test]
fn a_session_leads_where_it_was_to_and_nowhere_else() {
    let user = User::new();
    let server = server(&user);
    let none = user.run(&["relay", "open", "--to", "example.org:443", "--certificate", "none.pem"]);
    assert_eq!(none.code, 5, "nothing is open by default: {}", none.stderr);
    let relay = free_address();
    let listen = ["--relay-listen", &relay, "--relay-allow", "127.0.0.1"];
    let _worker = Worker::join(&user, &server, "open", &listen);
    let target = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let health = format!("http://{target}/api/v1/health/live");

    let way = Way::open(&user, "one", &["--to", &target]);
    let token = way.text("session_token");
    assert_eq!(way.started["address"], Value::from(relay.clone()));
    wait_until("the node knows of the session", || way.get(&token, &health).0 == "200");
    let (status, page) = way.get(&token, &health);
    assert_eq!(status, "200");
    assert_eq!(page, call(&server, "GET", "/api/v1/health/live", "", "").body.into_bytes());
    assert_eq!(way.get("casemate_rly_wrong", &health).0, "407");
    let other = Way::open(&user, "two", &["--to", &target]);
    assert_eq!(way.get(&other.text("session_token"), &health).0, "407", "a token is of one session");
    for elsewhere in [format!("http://{relay}/"), "http://127.0.0.1.example.org/".to_owned()] {
        assert_eq!(way.get(&token, &elsewhere).0, "403", "{elsewhere}");
    }
    wait_until("what went through is counted", || way.shown()["bytes_in"].as_u64() > Some(0));
    for file in ["casemate.db", "casemate.db-wal"] {
        let stored = user.read(&format!(".local/share/casemate/state/{file}"));
        assert!(!contains(&stored, token.as_bytes()), "the token is stored nowhere");
    }

    let small = Way::open(&user, "small", &["--to", &target, "--bytes", "2KiB"]);
    let of_small = small.text("session_token");
    wait_until("the node knows of the session", || small.get(&of_small, &health).0 == "200");
    let document = format!("http://{target}/api/v1/openapi.json");
    let (_, page) = small.get(&of_small, &document);
    assert!(page.len() <= 2 << 10, "{} bytes came through", page.len());
    wait_until("its bytes are used up", || small.shown()["status"] == "exhausted");

    user.run(&["relay", "stop", &way.text("session_id")]).text();
    assert_eq!(way.shown()["status"], "stopped");
    wait_until("the node lets nothing through any more", || way.get(&token, &health).0 == "407");
}

#[test]
fn a_node_leads_to_no_private_address_unless_its_operator_says_so() {
    let user = User::new();
    let server = server(&user);
    let _worker = Worker::join(&user, &server, "box", &["--relay-listen", &free_address()]);
    let target = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let node = nodes(&user)[0]["id"].as_str().unwrap().to_owned();
    let port = target.rsplit_once(':').unwrap().1;
    let by_name = format!("localhost:{port}");
    let way = Way::open(&user, "one", &["--to", &target, "--to", &by_name, "--node", &node]);
    let token = way.text("session_token");
    for host in [&target, &by_name] {
        let url = format!("http://{host}/api/v1/health/live");
        wait_until("the node knows of the session", || way.get(&token, &url).0 != "407");
        assert_eq!(way.get(&token, &url).0, "403", "{host}");
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
