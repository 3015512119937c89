//! Nodes that lie: well-signed results that no program gave, and how they are found.

use casemate_ledger::{NodeKey, SignedReceipt};
use casemate_model::{Digest, Outcome, RunLimits, Usage};
use casemate_tasks::{Circumstances, Plan, TaskResult, TaskSpec};
use serde_json::json;

use crate::binary::{Node, User};
use crate::nodes::{Intruder, Worker, nodes, server, server_with, shown, wait_until};
use crate::plans::COPIES;

/// Somebody else, with a key of their own: what they let join is theirs.
fn owner(user: &User, label: &str) -> String {
    user.run(&["key", "create", "--label", label, "--role", "admin"]).text().trim().to_owned()
}

fn token_of(user: &User, server: &Node, key: &str) -> String {
    let made =
        user.command(&["node", "token", "--url", &server.url]).env("CASEMATE_API_KEY", key).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// The words of `casemate node` by which a machine joins as `name`.
fn joining<'a>(server: &'a Node, token: &'a str, name: &'a str) -> [&'a str; 8] {
    ["join", &server.url, "--token", token, "--name", name, "--directory", name]
}

/// A node of an owner of its own, which runs what it is given.
fn honest(user: &User, server: &Node, name: &str) -> Worker {
    let token = token_of(user, server, &owner(user, name));
    Worker::start(user, &joining(server, &token, name))
}

/// Takes one task as the node `name` and hands in another output than the program gives, well signed.
fn lie(user: &User, server: &Node, name: &str) -> String {
    let liar = Intruder::of(user, server, name);
    let worker = "wrk_01kg9ys7kv040g2081040g2081";
    let (_, claimed) =
        liar.ask("POST", "/api/v1/nodes/self/claims", &json!({ "worker": worker, "slots": 1 }).to_string());
    let assignment = &claimed["assignments"][0];
    let text = |field: &str| assignment[field].as_str().unwrap_or_default().to_owned();
    let digest = |field: &str| text(field).parse::<Digest>().ok();
    let spec = TaskSpec {
        module: digest("module").unwrap(),
        module_name: None,
        module_project: None,
        args: Vec::new(),
        env: Vec::new(),
        stdin: digest("stdin"),
        inputs: Vec::new(),
        output_directory: false,
        limits: RunLimits::DEFAULT,
        deterministic: true,
        plan: Plan::default(),
        repeats: None,
        needs: Vec::new(),
        awaited: Vec::new(),
        quorum: None,
        replica_of: None,
    };
    let now = casemate_model::Timestamp::from_millis(1_700_000_000_000).unwrap();
    let result = TaskResult {
        run: "run_01kg9ys7kv040g2081040g2081".parse().unwrap(),
        outcome: Outcome::Exited(0),
        usage: Usage { fuel: 7, ..Usage::default() },
        stdout: Some(Digest::of(b"a lie")),
        stderr: Some(Digest::of(b"")),
        outputs: Vec::new(),
        receipt: Vec::new(),
        entry: 0,
        ran_on: None,
        agreement: None,
        review: None,
    };
    let run = Circumstances {
        task: text("task").parse().unwrap(),
        project: text("project").parse().unwrap(),
        attempt: 1,
        worker: worker.parse().unwrap(),
        engine: "wasmtime 48".to_owned(),
        times: (now, now),
    };
    let seed: [u8; 32] = user.read(&format!("{name}/node.key")).try_into().unwrap();
    let signed = SignedReceipt::sign(spec.receipt(run, &result), &NodeKey::from_seed(&seed)).unwrap();
    let path = |what: &str| format!("/api/v1/nodes/self/tasks/{}/{what}?fence=1", text("task"));
    for content in ["a lie", ""] {
        let stored = liar.ask("PUT", &path(&format!("content/{}", Digest::of(content.as_bytes()))), content);
        assert_eq!(stored.0, 200, "{stored:?}");
    }
    let receipt = user.file("lie.bin", signed.as_bytes());
    let (status, answer) = liar.ask("PUT", &path("receipt"), &format!("@{receipt}"));
    assert_eq!(status, 200, "{answer}");
    text("task")
}

#[test]
fn a_quorum_outvotes_a_liar_whom_nobody_believes_any_more() {
    let user = User::new();
    let server = server(&user);
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let token = token_of(&user, &server, &owner(&user, "liar"));
    assert_eq!(
        user.run(&[&["node"], &joining(&server, &token, "liar")[..], &["--join-only"]].concat()).code,
        0
    );

    let bad = user.run(&["run", &copies, "--quorum", "2/3", "--detach"]);
    assert_eq!(bad.code, 2, "{}", bad.stderr);
    let bad = user.run(&["run", &copies, "--det", "--quorum", "1/3", "--detach"]);
    assert!(bad.code == 2 && bad.stderr.contains("a quorum is more than half"), "{}", bad.stderr);
    let task = user.run(&["run", &copies, "--input", &book, "--det", "--quorum", "2/3", "--detach"]).text();
    let task = task.trim();
    let replica = lie(&user, &server, "liar");
    assert_eq!(shown(&user, &replica)["replica_of"], json!(task));
    assert_eq!(shown(&user, task)["state"], "queued", "one lie does not decide");

    let workers = ["honest1", "honest2"].map(|name| honest(&user, &server, name));
    assert_eq!(user.run(&["task", "wait", task]).code, 0);
    let done = shown(&user, task);
    assert_eq!(done["result"]["level"], "L3 replicated 2 of 3", "{done}");
    assert_eq!(user.run(&["task", "output", task]).stdout, b"call me Ishmael");
    let liar = nodes(&user).into_iter().find(|node| node["name"] == "liar").unwrap();
    assert_eq!(
        (&liar["state"], &liar["health"], &liar["work"]["refuted"]),
        (&json!("distrusted"), &json!(0), &json!(1))
    );
    let (status, _) = Intruder::of(&user, &server, "liar").ask(
        "POST",
        "/api/v1/nodes/self/claims",
        r#"{"worker":"wrk_01kg9ys7kv040g2081040g2081","slots":1}"#,
    );
    assert_eq!(status, 403);

    // What proves it offline are the receipts of both, and neither alone nor one twice.
    let mut receipt = String::new();
    wait_until("the proofs are there", || {
        let got = user.run(&["task", "receipt", task]);
        receipt = String::from_utf8(got.stdout).unwrap();
        got.code == 0
    });
    let file = user.file("receipt.txt", receipt.as_bytes());
    assert_eq!(user.run(&["verify", &file, "--json"]).json()["level"], "L3 replicated 2 of 3");
    let (first, second) = receipt.split_at(receipt.rfind("casemate bundle v1").unwrap());
    let alone = user.file("alone.txt", second.as_bytes());
    assert_eq!(user.run(&["verify", &alone, "--json"]).json()["level"], "L1 signed");
    let twice = user.run(&["verify", &user.file("twice.txt", format!("{first}{first}").as_bytes())]);
    assert!(twice.code == 1 && twice.stderr.contains("one key signed two of them"), "{}", twice.stderr);
    let lied = user.run(&["task", "receipt", &replica]).text();
    drop(workers);
    let mixed = user.run(&["verify", &user.file("mixed.txt", format!("{first}{lied}").as_bytes())]);
    assert!(
        mixed.code == 1 && mixed.stderr.contains("not the same in all receipts: output"),
        "{}",
        mixed.stderr
    );
}

#[test]
fn an_audit_catches_a_liar_and_its_other_results_are_void() {
    let user = User::new();
    let server = server(&user);
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let token = token_of(&user, &server, &owner(&user, "liar"));
    assert_eq!(
        user.run(&[&["node"], &joining(&server, &token, "liar")[..], &["--join-only"]].concat()).code,
        0
    );
    let submit =
        || user.run(&["run", &copies, "--input", &book, "--det", "--detach"]).text().trim().to_owned();
    // The first result of a node is always audited, and the second with a chance of 5 in 6 at least.
    let first = submit();
    assert_eq!(lie(&user, &server, "liar"), first);
    let believed = shown(&user, &first);
    assert_eq!(
        (&believed["state"], &believed["result"]["level"]),
        (&json!("succeeded"), &json!("L1 signed"))
    );

    // Somebody else's node looks at it; as it is one word against another, so does a third.
    let workers = ["two", "three"].map(|name| honest(&user, &server, name));
    wait_until("it is caught", || shown(&user, &first)["result"]["review"] == "refuted");
    assert_eq!(shown(&user, &first)["result"]["level"], "L0 reported");
    let listed = user.run(&["task", "list", "--json"]).json();
    let again = listed.as_array().unwrap().iter().find(|task| task["repeats"] == json!(first)).unwrap();
    let again = again["id"].as_str().unwrap();
    assert_eq!(user.run(&["task", "wait", again]).code, 0);
    assert_eq!(user.run(&["task", "output", again]).stdout, b"call me Ishmael");
    let liar = nodes(&user).into_iter().find(|node| node["name"] == "liar").unwrap();
    assert_eq!((&liar["state"], &liar["work"]["refuted"]), (&json!("distrusted"), &json!(1)));
    let drained = user.run(&["node", "drain", liar["id"].as_str().unwrap()]);
    assert!(drained.code == 5 && drained.stderr.contains("was caught"), "{}", drained.stderr);
    drop(workers);
}

#[test]
fn what_somebody_else_ran_again_is_shown_offline_by_the_receipts_of_both() {
    let user = User::new();
    let server = server_with(&user, "audit_percent = 100\n");
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let workers = ["one", "two"].map(|name| honest(&user, &server, name));
    let task = user.run(&["run", &copies, "--input", &book, "--det", "--detach"]).text();
    let task = task.trim();
    wait_until("it is confirmed", || shown(&user, task)["result"]["review"] == "confirmed");
    let mut receipt = String::new();
    wait_until("the proofs are there", || {
        let got = user.run(&["task", "receipt", task]);
        receipt = String::from_utf8(got.stdout).unwrap();
        got.code == 0
    });
    drop(workers);
    let verify = |name: &str, text: &str| user.run(&["verify", &user.file(name, text.as_bytes()), "--json"]);
    assert_eq!(verify("both.txt", &receipt).json()["level"], "L2 re-executed");
    let (own, other) = receipt.split_at(receipt.rfind("casemate bundle v1").unwrap());
    assert_eq!(verify("own.txt", own).json()["level"], "L1 signed");
    let turned = verify("turned.txt", &format!("{other}{own}"));
    assert!(turned.code == 1 && turned.stderr.contains("of one task"), "{}", turned.stderr);
}
