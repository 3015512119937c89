//! Tasks again and again, what is seen of them while they run, and figures of what came of them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::binary::User;
use crate::edge::{call, key};
use crate::nodes::{Worker, server, shown, wait_until};
use crate::plans::COPIES;

const JSON: &str = "content-type: application/json\r\n";

/// Says how far it is and what it does, and then never ends.
const TELLS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 64) "casemate:progress 3/10 rows\nso far\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 35))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (loop (br 0))))"#;

/// Follows a task's log until a line comes, and cancels the task then. Answers the code of `task logs`.
fn follow_and_cancel(user: &User, task: &str) -> i32 {
    let mut follower = user.command(&["task", "logs", "-f", task]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    // The program never ends by itself, so this is seen while it runs.
    assert_eq!(lines.next().unwrap().unwrap(), "casemate:progress 3/10 rows");
    assert_eq!(lines.next().unwrap().unwrap(), "so far");
    let progress = &shown(user, task)["progress"];
    assert_eq!(*progress, json!({ "done": 3, "total": 10, "text": "rows" }));
    user.run(&["task", "cancel", task]);
    let code = follower.wait().unwrap().code().unwrap();
    assert_eq!(lines.next().map(Result::unwrap), None, "what was shown is not shown again");
    code
}

#[test]
fn a_log_is_followed_while_the_task_runs_here_and_on_a_node() {
    let user = User::new();
    let module = user.file("tells.wasm", &wat::parse_str(TELLS).unwrap());
    let detach = || user.run(&["run", "--detach", &module]).text().trim().to_owned();
    {
        let node = user.serve();
        let task = detach();
        assert_eq!(follow_and_cancel(&user, &task), 1, "it did not succeed");
        let logged = user.run(&["task", "logs", &task]);
        assert_eq!(logged.stdout, b"casemate:progress 3/10 rows\nso far\n");
        let stranger = call(&node, "GET", &format!("/api/v1/tasks/{task}/logs"), "", "");
        assert_eq!(stranger.status, 401);
    }
    let server = server(&user);
    let _worker = Worker::join(&user, &server, "box", &[]);
    let task = detach();
    assert_eq!(follow_and_cancel(&user, &task), 1);
    wait_until("the node has handed in what came of it", || shown(&user, &task)["state"] == "cancelled");
}

#[test]
fn a_schedule_submits_in_its_makers_name_and_halts_when_that_may_not() {
    let user = User::new();
    let node = user.serve();
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let book = user.file("book.txt", b"call me Ishmael");
    let add = |name: &str, cron: &str, more: &[&str]| {
        user.run(&[&["schedule", "add", name, cron, &copies, "--input", &book][..], more].concat())
    };
    let nightly = add("nightly", "0 3 * * *", &["--zone", "Europe/Vienna"]).text().trim().to_owned();
    let often = add("often", "* * * * * *", &[]).text().trim().to_owned();
    let schedule = |id: &str| user.run(&["schedule", "show", id, "--json"]).json();
    wait_until("a task was submitted", || schedule(&often)["last_task"] != Value::Null);
    let last = schedule(&often)["last_task"].as_str().unwrap().to_owned();
    user.run(&["task", "wait", &last]).text();
    assert_eq!(user.run(&["task", "output", &last]).stdout, b"call me Ishmael");
    assert_eq!(schedule(&nightly)["last_task"], Value::Null);

    user.run(&["schedule", "pause", &often]).text();
    assert_eq!(schedule(&often)["state"], "paused");
    assert_eq!(schedule(&often)["next"], Value::Null);
    let again = add("often", "0 3 * * *", &[]);
    assert_eq!(again.code, 5, "{}", again.stderr);
    for (name, cron, more, said) in [
        ("a", "61 * * * *", &[][..], "is no pattern of cron"),
        ("a", "0 3 * * *", &["--zone", "Vienna"][..], "there is no time zone `Vienna`"),
        ("a", "0 0 30 2 *", &[], "no time fits"),
        (" a", "0 3 * * *", &[], "no space at either end"),
        ("a", "0 3 * * fun", &[], "is no pattern of cron ("),
        ("a", "0 3 * * *", &["--key", "k"], "of one time only"),
    ] {
        let refused = add(name, cron, more);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }

    // A key that submits, and is then revoked.
    let made = user.run(&["key", "create", "--label", "ci", "--role", "developer", "--json"]).json();
    let digest = shown(&user, &last)["module"].clone();
    let header = format!("x-api-key: {}\r\n{JSON}", made["secret"].as_str().unwrap());
    let body = json!({ "name": "of-ci", "cron": "* * * * * *", "task": { "module": digest } });
    let created = call(&node, "POST", "/api/v1/schedules", &header, &body.to_string());
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(created.json()["actor"], made["key"]["id"]);
    user.run(&["key", "revoke", made["key"]["id"].as_str().unwrap()]).text();
    wait_until("it is halted", || schedule(&id)["state"] == "halted");
    assert_eq!(schedule(&id)["reason"], "whoever made it may not do anything any more");

    let resumed = user.run(&["schedule", "resume", &id]);
    assert_eq!(resumed.code, 5, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("add it again in your name"), "{}", resumed.stderr);
    let squatting = user.run(&["run", &copies, "--detach", "--key", &format!("schedule/{nightly}")]);
    assert_eq!(squatting.code, 2, "{}", squatting.stderr);
    assert!(squatting.stderr.contains("such are for schedules"), "{}", squatting.stderr);

    let unknown = json!({ "module": digest, "type": "computation" }).to_string();
    let refused = call(&node, "POST", "/api/v1/tasks", &format!("{}{JSON}", key(&user)), &unknown);
    assert_eq!(refused.problem(), (400, "invalid_body".to_owned()));
    assert!(refused.body.contains("expected `wasm`"), "{}", refused.body);

    for id in [&nightly, &often, &id] {
        user.run(&["schedule", "rm", id]).text();
    }
    assert_eq!(user.run(&["schedule", "ls", "--json"]).json(), json!([]));
    let statistics = user.run(&["task", "statistics", "--json"]).json();
    let succeeded: u64 =
        statistics["hours"].as_array().unwrap().iter().filter_map(|hour| hour["succeeded"].as_u64()).sum();
    assert!(succeeded >= 1, "{statistics}");
    assert_eq!(user.run(&["task", "types", "--json"]).json()["types"][0]["type"], "wasm");
    node.stop();
    assert_eq!(user.run(&["fsck"]).code, 0);
}
