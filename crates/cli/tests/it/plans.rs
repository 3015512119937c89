//! When tasks run, how urgently, how often they are attempted, and what is done once more.

use serde_json::{Value, json};

use crate::binary::{Done, User};
use crate::edge::{call, key};

const JSON: &str = "content-type: application/json\r\n";

/// A program that exits with code 3.
const FAILS: &str = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 3))))"#;

fn program(user: &User) -> String {
    user.file("fails.wasm", &wat::parse_str(FAILS).unwrap())
}

/// What a command printed as JSON, whatever its code.
fn printed(done: &Done) -> Value {
    serde_json::from_slice(&done.stdout).unwrap()
}

fn shown(user: &User, task: &str) -> Value {
    user.run(&["task", "show", task, "--json"]).json()
}

#[test]
fn a_program_that_fails_is_attempted_again_where_its_plan_says_so() {
    let user = User::new();
    let _node = user.serve();
    let module = program(&user);
    let once = user.run(&["run", &module, "--json"]);
    assert_eq!((once.code, printed(&once)["attempt"].as_u64()), (1, Some(1)));
    let retried =
        user.run(&["run", &module, "--json", "--attempts", "2", "--retry-on", "exit", "--retry-wait", "1ms"]);
    let task = printed(&retried);
    assert_eq!((retried.code, task["attempt"].as_u64(), &task["state"]), (1, Some(2), &json!("failed")));
    assert_eq!(task["plan"]["retry"], json!({ "attempts": 2, "wait_ms": 1, "on": ["exit"] }));
}

#[test]
fn a_task_waits_for_its_time_under_one_key_and_is_done_once_more_on_demand() {
    let user = User::new();
    let node = user.serve();
    let module = program(&user);
    let plan = ["--detach", "--at", "2099-01-01T00:00:00Z", "--key", "nightly", "--priority", "9"];
    let refused = user.run(&[&["run", &module][..], &plan].concat());
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("`plan/not_before` must be a time within a year"), "{}", refused.stderr);

    let soon = in_days(30);
    let plan = ["--detach", "--at", &soon, "--key", "nightly", "--priority", "9"];
    let submit = || user.run(&[&["run", &module][..], &plan].concat()).text();
    let task = submit().trim().to_owned();
    assert_eq!(submit().trim(), task, "there is an open task of this key");
    let waiting = shown(&user, &task);
    assert_eq!((&waiting["state"], &waiting["plan"]["priority"]), (&json!("queued"), &json!(9)));
    assert_eq!((&waiting["plan"]["key"], &waiting["repeats"]), (&json!("nightly"), &Value::Null));
    let early = user.run(&["task", "requeue", &task]);
    assert_eq!(early.code, 5, "{}", early.stderr);
    assert!(early.stderr.contains("has not ended yet"), "{}", early.stderr);

    user.run(&["task", "cancel", &task]).text();
    let again = user.run(&["task", "requeue", &task]).text().trim().to_owned();
    assert_ne!(again, task);
    assert_eq!(user.run(&["task", "wait", &again]).code, 1, "at once, and it fails as it did");
    let done = shown(&user, &again);
    assert_eq!((&done["repeats"], &done["state"]), (&json!(task), &json!("failed")));
    assert_eq!(done["module"], waiting["module"]);

    let asked = format!("{}{JSON}", key(&user));
    let digest = waiting["module"].as_str().unwrap();
    for (plan, pointer) in [
        (json!({ "priority": 10 }), "/plan/priority"),
        (json!({ "key": "a b" }), "/plan/key"),
        (json!({ "not_before": "tomorrow" }), "/plan/not_before"),
        (json!({ "retry": { "attempts": 0 } }), "/plan/retry/attempts"),
        (json!({ "retry": { "wait_ms": 3_600_001 } }), "/plan/retry/wait_ms"),
        (json!({ "timeout_ms": 0 }), "/plan/timeout_ms"),
    ] {
        let body = json!({ "module": digest, "plan": plan }).to_string();
        let refused = call(&node, "POST", "/api/v1/tasks", &asked, &body);
        assert_eq!(refused.problem(), (400, "invalid_body".to_owned()), "{}", refused.body);
        assert_eq!(refused.json()["pointer"], pointer, "{}", refused.body);
    }
}

/// A program that copies its standard input to its standard output, by WASI.
pub(crate) const COPIES: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1024))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn a_task_reads_what_another_one_leaves() {
    let user = User::new();
    let node = user.serve();
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let detach =
        |arguments: &[&str]| user.run(&[&["run", "--detach"], arguments].concat()).text().trim().to_owned();
    let at = in_days(1);
    let held = detach(&[&copies, "--input", &book, "--at", &at]);
    let reads = detach(&[&copies, "--input", &held]);
    let after = detach(&[&copies, "--after", &reads]);
    let waiting = shown(&user, &reads);
    assert_eq!(
        (&waiting["state"], &waiting["needs"], &waiting["stdin"]),
        (&json!("queued"), &json!([held]), &Value::Null)
    );
    user.run(&["task", "cancel", &held]).text();
    for task in [&reads, &after] {
        assert_eq!(user.run(&["task", "wait", task]).code, 1);
        let given_up = shown(&user, task);
        assert_eq!((&given_up["state"], &given_up["result"]), (&json!("cancelled"), &Value::Null));
        assert_eq!(given_up["cancel_requested"], false, "nobody asked for it");
    }

    let first = detach(&[&copies, "--input", &book]);
    let second = detach(&[&copies, "--input", &first]);
    let third = user.run(&["run", &copies, "--input", &second, "--after", &first]);
    assert_eq!((third.code, third.stdout.as_slice()), (0, &b"call me Ishmael"[..]), "{}", third.stderr);
    let done = shown(&user, &second);
    assert_eq!(done["stdin"], shown(&user, &first)["result"]["stdout"]);

    let missing = user.run(&["run", &copies, "--input", &format!("{first}:report.txt")]);
    assert_eq!(missing.code, 5, "{}", missing.stderr);
    assert!(missing.stderr.contains("has left no report.txt"), "{}", missing.stderr);
    let unknown = user.run(&["run", &copies, "--after", "tsk_01kg9ys7kv040g2081040g2081"]);
    assert!(unknown.stderr.contains("is not there or has not succeeded"), "{}", unknown.stderr);
    let failed = user.run(&["run", &copies, "--after", &reads]);
    assert_eq!(failed.code, 5, "{}", failed.stderr);
    node.stop();
}

/// A time so many days ahead, as it is written.
fn in_days(days: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let millis = (now + days * 86_400) * 1_000;
    casemate_model::Timestamp::from_millis(millis).unwrap().to_string()
}
