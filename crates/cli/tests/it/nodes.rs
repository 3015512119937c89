//! Machines that join: real processes, mutual TLS, and what becomes of tasks when they die or lie.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Done, Node, User, send_signal};
use crate::edge::{call, key};
use crate::plans::COPIES;

/// A server that leaves tasks to nodes.
const CONFIG: &str = "mutual_listen = \"127.0.0.1:0\"\nrun_tasks = false\n";

/// A program that never ends by itself.
const SPINS: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;

pub(crate) fn server(user: &User) -> Node {
    server_with(user, "")
}

/// The same with more of a configuration, before the tables of it.
pub(crate) fn server_with(user: &User, more: &str) -> Node {
    user.file("config.toml", format!("{more}{CONFIG}").as_bytes());
    user.serve_with(&["--config", "config.toml"])
}

/// A machine at work, which ends with the test.
pub(crate) struct Worker {
    process: Child,
    said: Receiver<String>,
}

impl Worker {
    pub(crate) fn start(user: &User, arguments: &[&str]) -> Self {
        let mut process = user.command(&[&["node"], arguments].concat()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line.unwrap()))));
        let worker = Self { process, said };
        worker.wait_for("working for ");
        worker
    }

    pub(crate) fn join(user: &User, server: &Node, name: &str, more: &[&str]) -> Self {
        let token = user.run(&["node", "token", "--label", &format!("box={name}")]).text();
        let arguments = ["join", &server.url, "--token", token.trim(), "--name", name, "--directory", name];
        Self::start(user, &[&arguments[..], more].concat())
    }

    fn wait_for(&self, start: &str) -> String {
        let mut seen = String::new();
        loop {
            match self.said.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(start) => return line,
                Ok(line) => seen.push_str(&(line + "\n")),
                Err(_) => panic!("`{start}` was not said:\n{seen}"),
            }
        }
    }

    /// Stops the node as its operator would.
    fn stop(mut self) {
        send_signal(&self.process, Signal::TERM);
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn nodes(user: &User) -> Vec<Value> {
    serde_json::from_value(user.run(&["node", "ls", "--json"]).json()).unwrap()
}

pub(crate) fn shown(user: &User, task: &str) -> Value {
    user.run(&["task", "show", task, "--json"]).json()
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_machine_joins_once_runs_a_task_and_signs_for_it() {
    let user = User::new();
    let server = server(&user);
    let token = user.run(&["node", "token", "--label", "zone=a", "--json"]).json();
    assert_eq!(user.run(&["node", "tokens", "--json"]).json()[0]["labels"], json!(["zone=a"]));
    let secret = token["secret"].as_str().unwrap();
    let join = ["join", &server.url, "--token", secret, "--name", "box", "--directory", "box"];
    let worker = Worker::start(&user, &join);
    assert_eq!(user.run(&["node", "tokens", "--json"]).json(), json!([]), "it is used up");

    let [node] = &nodes(&user)[..] else { panic!("one node") };
    assert_eq!(
        (&node["name"], &node["state"], &node["health"]),
        (&json!("box"), &json!("ready"), &json!(100))
    );
    assert_eq!((&node["labels"], &node["online"]), (&json!(["zone=a"]), &json!(true)));
    let has = &node["capabilities"];
    assert!(has["cores"].as_u64() > Some(0) && has["memory_bytes"].as_u64() > Some(1 << 28), "{has}");
    assert!(has["fuel_per_second"].as_u64() > Some(1_000_000), "{has}");

    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let ran = user.run(&["run", &copies, "--input", &book, "--json"]);
    let task: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.code, &task["result"]["node"]), (0, &node["id"]), "{}", ran.stderr);
    let id = task["id"].as_str().unwrap();
    assert_eq!(user.run(&["task", "output", id]).stdout, b"call me Ishmael");

    // The receipt is signed by the node, and the server's log names the key.
    let mut receipt = Done { code: 1, stdout: Vec::new(), stderr: String::new() };
    wait_until("the proof is there", || {
        receipt = user.run(&["task", "receipt", id]);
        receipt.code == 0
    });
    let text = String::from_utf8(receipt.stdout).unwrap();
    let signer = node["public_key"].as_str().unwrap();
    assert!(text.contains(&format!("\nsigner {signer}\n")), "{text}");
    let file = user.file("receipt.txt", text.as_bytes());
    let verified = user.run(&["verify", &file, "--json"]).json();
    assert_eq!((&verified["level"], &verified["signer"]), (&json!("L1 signed"), &json!(signer)));
    // Nobody else can be put in its place, nor can it be left out.
    let own = user.run(&["audit", "checkpoint", "--key"]).text();
    for forged in [
        text.replace(&format!("signer {signer}\n"), ""),
        text.replace(&format!("signer {signer}"), &format!("signer {}", own.trim())),
    ] {
        let refused = user.run(&["verify", &user.file("forged.txt", forged.as_bytes())]);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains("signer"), "{}", refused.stderr);
    }
    let [node] = &nodes(&user)[..] else { panic!("one node") };
    assert_eq!((&node["work"]["completed"], &node["work"]["lost"]), (&json!(1), &json!(0)));
    assert!(node["work"]["fuel"].as_u64() > Some(0), "{node}");

    // The token is good once, and the directory is of one machine.
    let again =
        user.run(&["node", "join", &server.url, "--token", secret, "--name", "other", "--directory", "b"]);
    assert_eq!(again.code, 4, "{}", again.stderr);
    let beside = user.run(&["node", "run", "--directory", "box"]);
    assert_eq!(beside.code, 5, "{}", beside.stderr);
    worker.stop();
    let elsewhere = user.run(&["node", "run", "--directory", "nowhere"]);
    assert_eq!(elsewhere.code, 3, "{}", elsewhere.stderr);
    let rejoin =
        user.run(&["node", "join", &server.url, "--token", secret, "--directory", "box", "--name", "b"]);
    assert_eq!(rejoin.code, 5, "{}", rejoin.stderr);
}

#[test]
fn tasks_go_where_their_labels_say_and_nowhere_while_a_node_is_drained() {
    let user = User::new();
    let server = server(&user);
    let (one, two) = (Worker::join(&user, &server, "one", &[]), Worker::join(&user, &server, "two", &[]));
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let ids: Vec<_> = nodes(&user).iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    let on = |label: &str| {
        let ran = user.run(&["run", &copies, "--label", label, "--json"]);
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()["result"]["node"].clone()
    };
    let name_of = |id: &Value| {
        nodes(&user).iter().find(|node| node["id"] == *id).map(|node| node["name"].clone()).unwrap()
    };
    for _ in 0..3 {
        assert_eq!((name_of(&on("box=one")), name_of(&on("box=two"))), (json!("one"), json!("two")));
    }
    let nowhere = user.run(&["run", &copies, "--label", "box=three", "--timeout", "1s"]);
    assert_eq!(nowhere.code, 1, "{}", nowhere.stderr);

    for id in &ids {
        user.run(&["node", "drain", id]).text();
    }
    let waiting = user.run(&["run", &copies, "--detach"]).text().trim().to_owned();
    let drained = user.run(&["run", &copies, "--timeout", "1s"]);
    assert_eq!(drained.code, 1, "{}", drained.stderr);
    assert_eq!(shown(&user, &waiting)["state"], "queued");
    user.run(&["node", "resume", &ids[1]]).text();
    assert_eq!(user.run(&["task", "wait", &waiting]).code, 0);
    assert_eq!(shown(&user, &waiting)["result"]["node"], json!(ids[1]));

    // One that is removed is refused at once, and says so.
    user.run(&["node", "rm", &ids[0]]).text();
    let (removed, other) = if name_of(&json!(ids[1])) == "one" { (two, one) } else { (one, two) };
    removed.wait_for("refuses this node");
    assert_eq!(nodes(&user).len(), 1);
    drop(other);
}

#[test]
fn a_task_outlives_the_death_of_its_node_and_is_cancelled_on_it() {
    let user = User::new();
    let server = server(&user);
    let first = Worker::join(&user, &server, "first", &[]);
    let spins = user.file("spins.wasm", &wat::parse_str(SPINS).unwrap());
    let task =
        user.run(&["run", &spins, "--detach", "--limit", "wall=5m", "--limit", "fuel=10000000000000"]).text();
    let task = task.trim();
    let runs_on = |attempt: u64| {
        wait_until("it runs", || {
            let task = shown(&user, task);
            task["state"] == "running" && task["attempt"] == attempt
        });
    };
    runs_on(1);
    drop(first);
    let died = Instant::now();
    let second = Worker::join(&user, &server, "second", &[]);
    runs_on(2);
    let within = died.elapsed();
    // The lease is of ten seconds, and looked at each second; the retry waits for a second or so more.
    assert!(within < Duration::from_secs(30), "{within:?}");
    let lost: Vec<_> =
        nodes(&user).iter().map(|node| (node["name"].clone(), node["work"]["lost"].clone())).collect();
    assert!(
        lost.contains(&(json!("first"), json!(1))) && lost.contains(&(json!("second"), json!(0))),
        "{lost:?}"
    );

    user.run(&["task", "cancel", task]).text();
    assert_eq!(user.run(&["task", "wait", task]).code, 1);
    let cancelled = shown(&user, task);
    assert_eq!(
        (&cancelled["state"], &cancelled["result"]["outcome"]["kind"]),
        (&json!("cancelled"), &json!("cancelled"))
    );

    // One that is told to stop gives back what it runs, and the attempt does not count.
    let task =
        user.run(&["run", &spins, "--detach", "--limit", "wall=5m", "--limit", "fuel=10000000000000"]).text();
    wait_until("it runs", || shown(&user, task.trim())["state"] == "running");
    second.stop();
    let back = shown(&user, task.trim());
    assert_eq!((&back["state"], &back["attempt"]), (&json!("queued"), &json!(0)));
}

/// The status and body of an answer to a node's request over mutual TLS.
pub(crate) struct Intruder<'a> {
    server: &'a Node,
    directory: String,
}

impl Intruder<'_> {
    /// Writes what a node keeps as files that curl reads.
    pub(crate) fn of<'a>(user: &User, server: &'a Node, name: &str) -> Intruder<'a> {
        let kept: Value = serde_json::from_slice(&user.read(&format!("{name}/node.json"))).unwrap();
        let seed: [u8; 32] = user.read(&format!("{name}/node.key")).try_into().unwrap();
        let (_, private_key) = casemate_identity::ed25519_request(&seed);
        user.file("cert.pem", kept["certificate"].as_str().unwrap().as_bytes());
        user.file("roots.pem", kept["roots"].as_str().unwrap().as_bytes());
        user.file("key.pem", private_key.as_bytes());
        let directory = user.path("").to_str().unwrap().to_owned();
        Intruder { server, directory }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let file = |name: &str| format!("{}/{name}", self.directory);
        let output = Command::new("curl")
            .args(["-sS", "-w", "\n%{http_code}", "-X", method, "--cacert", &file("roots.pem")])
            .args(["--cert", &file("cert.pem"), "--key", &file("key.pem")])
            .args(["-H", "content-type: application/json", "--data-binary", body])
            .arg(format!("{}{path}", self.server.mutual_url()))
            .stdin(Stdio::null())
            .output()
            .expect("curl is installed: scripts/setup.sh test");
        let text = String::from_utf8_lossy(&output.stdout);
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

#[test]
fn a_node_reaches_nothing_but_the_tasks_that_it_holds() {
    let user = User::new();
    let server = server(&user);
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let secret = user.file("secret.txt", b"not for nodes");
    user.run(&["bucket", "create", "private"]).text();
    let stored = user.run(&["cp", &secret, "cm://private/secret.txt", "--json"]);
    assert_eq!(stored.code, 0, "{}", stored.stderr);
    let digest = user.run(&["stat", "cm://private/secret.txt", "--json"]).json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();

    for name in ["honest", "curious"] {
        let token = user.run(&["node", "token"]).text();
        let arguments = [
            "node",
            "join",
            &server.url,
            "--token",
            token.trim(),
            "--name",
            name,
            "--directory",
            name,
            "--join-only",
        ];
        assert_eq!(user.run(&arguments).code, 0);
    }
    let task = user.run(&["run", &copies, "--detach"]).text().trim().to_owned();
    let worker = "wrk_01kg9ys7kv040g2081040g2081";
    let claim = json!({ "worker": worker, "slots": 1 }).to_string();
    let honest = Intruder::of(&user, &server, "honest");
    let (status, claimed) = honest.ask("POST", "/api/v1/nodes/self/claims", &claim);
    let assignment = &claimed["assignments"][0];
    assert_eq!((status, &assignment["task"], &assignment["fence"]), (200, &json!(task), &json!(1)));
    let module = assignment["module"].as_str().unwrap();
    let path = |what: &str| format!("/api/v1/nodes/self/tasks/{task}/{what}?fence=1");
    assert_eq!(honest.ask("GET", &path(&format!("content/{module}")), "").0, 200, "what the task reads");
    let (status, refused) = honest.ask("GET", &path(&format!("content/{digest}")), "");
    assert_eq!((status, &refused["code"]), (403, &json!("denied")), "what the task does not read");
    for other in ["/api/v1/tasks", "/api/v1/objects/private/secret.txt", "/api/v1/nodes", "/api/v1/keys"] {
        assert_eq!(honest.ask("GET", other, "").0, 403, "{other}");
    }

    // What one holds is not another's, whatever it names.
    let curious = Intruder::of(&user, &server, "curious");
    for (method, what) in [
        ("GET", format!("content/{module}")),
        ("PUT", format!("content/{module}")),
        ("PUT", "receipt".to_owned()),
        ("DELETE", "lease".to_owned()),
    ] {
        let (status, refused) = curious.ask(method, &path(&what), "x");
        let expected =
            if what == "receipt" { (400, json!("invalid_body")) } else { (409, json!("lease_lost")) };
        assert_eq!((status, refused["code"].clone()), expected, "{method} {what}");
    }
    let beat = json!({ "worker": worker, "held": [{ "task": task, "fence": 1 }] }).to_string();
    let (_, heard) = curious.ask("POST", "/api/v1/nodes/self/heartbeats", &beat);
    assert_eq!(heard["lost"][0]["task"], json!(task));

    // A receipt that is none, or that names what was not stored, is refused; the task waits for a better one.
    let honest = Intruder::of(&user, &server, "honest");
    let (status, refused) = honest.ask("PUT", &path("receipt"), "nonsense");
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_body")));
    let (status, refused) = honest.ask("PUT", &path(&format!("content/{module}")), "other bytes");
    assert_eq!((status, &refused["code"]), (400, &json!("digest_mismatch")), "{refused}");
    assert_eq!(shown(&user, &task)["state"], "leased");

    // Strangers and holders of other keys are no nodes.
    let headers = format!("{}content-type: application/json\r\n", key(&user));
    let outside = call(&server, "POST", "/api/v1/nodes/self/claims", &headers, &claim);
    assert_eq!(outside.status, 403, "{}", outside.body);
    let stranger =
        call(&server, "POST", "/api/v1/nodes/self/claims", "content-type: application/json\r\n", &claim);
    assert_eq!(stranger.status, 401, "{}", stranger.body);
}

#[test]
fn a_change_of_key_that_was_cut_off_goes_on_with_the_key_that_the_server_may_know() {
    let user = User::new();
    let server = server(&user);
    let token = user.run(&["node", "token"]).text();
    let join = ["node", "join", &server.url, "--token", token.trim(), "--name", "box", "--directory", "box"];
    assert_eq!(user.run(&[&join[..], &["--join-only"]].concat()).code, 0);
    // As it is when the server's answer was lost.
    let mut kept: Value = serde_json::from_slice(&user.read("box/node.json")).unwrap();
    kept["rotating"] = json!(true);
    user.file("box/node.json", kept.to_string().as_bytes());
    let next = user.file("box/node-2.key", &[7; 32]);
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    let worker = Worker::start(&user, &["run", "--directory", "box"]);
    let kept: Value = serde_json::from_slice(&user.read("box/node.json")).unwrap();
    assert_eq!((&kept["second_key"], &kept["rotating"]), (&json!(true), &json!(false)));
    assert!(!user.path("box/node.key").exists(), "the former key is gone");
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let ran = user.run(&["run", &copies, "--json"]);
    assert_eq!(ran.code, 0, "its signature is the one that the server knows: {}", ran.stderr);
    drop(worker);
}
