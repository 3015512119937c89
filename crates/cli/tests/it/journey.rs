//! One user, one node, everything that the other commands do.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use casemate_state::test_support::PrivatePostgres;
use secrecy::ExposeSecret;

use crate::binary::{Done, User, interrupt, text};

/// Prints its standard input, then `done` to standard error, and leaves with the code that its argument count says.
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "done\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 5))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $args (i32.const 16) (i32.const 20)))
    (call $exit (i32.sub (i32.load (i32.const 16)) (i32.const 1)))))"#;

/// Never ends.
const LOOP: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#;

fn wasm(user: &User, name: &str, source: &str) -> String {
    user.file(name, &wat::parse_str(source).unwrap())
}

fn failed(done: Done, code: i32, says: &str) {
    assert_eq!(done.code, code, "{}", done.stderr);
    assert!(done.stderr.contains(says), "{}", done.stderr);
}

#[test]
fn objects_come_back_as_they_went() {
    let (user, content) = (User::new(), vec![7; 3 << 20]);
    let _node = user.serve();
    let file = user.file("data.bin", &content);
    let stored = user.run(&["cp", &file, "cm://builds/a/", "--json"]).json();
    assert_eq!((&stored["key"], &stored["size_bytes"]), (&"a/data.bin".into(), &(3 << 20).into()));
    user.run(&["cp", "cm://builds/a/data.bin", text(&user.path("back.bin"))]).text();
    assert_eq!(user.read("back.bin"), content);
    let digest = user.run_with_input(&["cp", "-", "cm://builds/odd/ä?#%2F..txt"], b"hello").text();
    assert_eq!(user.run(&["cp", "cm://builds/odd/ä?#%2F..txt", "-"]).text(), "hello");
    let listed = user.run(&["ls", "cm://builds/odd/"]).text();
    assert!(listed.starts_with("cm://builds/odd/ä?#%2F..txt\t5\t"), "{listed}");
    assert!(listed.trim_end().ends_with(digest.trim_end()), "{listed}");
    assert!(user.run(&["ls"]).text().starts_with("cm://builds\t2\t"));
    user.run(&["rm", "cm://builds/a/data.bin"]).text();
    failed(user.run(&["stat", "cm://builds/a/data.bin"]), 3, "error: ");
}

#[test]
fn a_run_its_receipt_and_its_verification() {
    let user = User::new();
    let node = user.serve();
    let (module, input) = (wasm(&user, "echo.wasm", ECHO), user.file("in.txt", b"a line\n"));
    let receipt = text(&user.path("receipt.txt")).to_owned();
    let done = user.run(&["run", &module, "--input", &input, "--receipt", &receipt]);
    assert_eq!((done.code, done.stdout.as_slice()), (0, b"a line\n".as_slice()), "{}", done.stderr);
    assert!(done.stderr.contains("done\n") && done.stderr.contains("succeeded: exited with code 0"));
    failed(user.run(&["run", &module, "--", "an", "argument"]), 1, "failed: exited with code 2");
    failed(user.run(&["audit", "verify", "--no-remember"]), 0, "");
    let key = user.run(&["audit", "checkpoint", "--key"]).text();
    node.stop();

    let verified = user.run(&["verify", &receipt, "--output", &input, "--json"]).json();
    assert_eq!(verified["trust"], "first-use");
    assert_eq!(
        (&verified["level"], &verified["output_matches"]),
        (&"L1 signed".into(), &"standard output".into())
    );
    assert_eq!(user.run(&["verify", &receipt, "--json"]).json()["trust"], "remembered");
    let pinned = user.run(&["verify", &receipt, "--key", key.trim(), "--no-remember", "--json"]).json();
    assert_eq!(pinned["trust"], "pinned");
    let mistyped = user.run(&["verify", &receipt, "--key", &key.trim()[..key.trim().len() - 1]]);
    failed(mistyped, 2, "is not a node's public key");
    failed(user.run(&["verify", &receipt, "--output", &module]), 1, "because: output: ");
    let mut bytes = user.read("receipt.txt");
    for at in (0..bytes.len()).step_by(97) {
        bytes[at] ^= 1;
        let forged = user.file("forged.txt", &bytes);
        failed(user.run(&["verify", &forged]), 1, "is refused\n  because: ");
        bytes[at] ^= 1;
    }
    let log = user.path(".local/share/casemate/log");
    assert_eq!(user.run(&["verify", "--log", text(&log), "--json"]).json()["trust"], "remembered");
    assert_eq!(user.run(&["db", "check", "--json"]).json()["findings"], serde_json::json!([]));
}

#[test]
fn limits_names_and_cancelling() {
    let user = User::new();
    let _node = user.serve();
    let endless = wasm(&user, "endless.wasm", LOOP);
    failed(user.run(&["run", &endless, "--limit", "wall=300ms"]), 1, "stopped at its wall limit");
    failed(user.run(&["run", &endless, "--limit", "fuel=100000"]), 1, "stopped at its fuel limit");
    failed(user.run(&["run", &user.file("x.wasm", b"no module")]), 1, "refused: ");
    let imports =
        r#"(module (import "env" "fire" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    failed(user.run(&["run", &wasm(&user, "imports.wasm", imports)]), 1, "refused: ");
    failed(user.run(&["run", "nobody.has.this"]), 3, "nobody.has.this");

    user.run(&["cp", &wasm(&user, "echo.wasm", ECHO), "cm://builds/echo.wasm"]).text();
    let claimed = user.run(&["name", "claim", "echo.tools", "cm://builds/echo.wasm", "--json"]).json();
    assert_eq!(claimed["sequence"], 1);
    failed(user.run(&["name", "claim", "echo.tools", "cm://builds/echo.wasm"]), 5, "echo.tools");
    let input = user.run_with_input(&["run", "echo.tools", "--input", "-"], b"from a pipe");
    assert_eq!(input.stdout, b"from a pipe", "{}", input.stderr);
    assert_eq!(user.run(&["task", "list", "--json"]).json()[0]["module_name"], "echo.tools");
    let stale = ["name", "set", "echo.tools", "cm://builds/echo.wasm", "--if-version", "9"];
    failed(user.run(&stale), 5, "hint: ");
    assert_eq!(user.run(&["name", "release", "echo.tools"]).text(), "");
    failed(user.run(&["name", "show", "echo.tools"]), 3, "error: ");

    let id = user.run(&["run", &endless, "--detach"]).text().trim().to_owned();
    user.run(&["task", "cancel", &id]).text();
    failed(user.run(&["task", "wait", &id]), 1, "cancelled");
    assert_eq!(user.run(&["task", "list", "--state", "cancelled", "--json"]).json()[0]["id"], id);
}

#[test]
fn an_interrupt_cancels_the_run() {
    let user = User::new();
    let _node = user.serve();
    let run = user.command(&["run", &wasm(&user, "endless.wasm", LOOP)]).spawn().unwrap();
    // Each look is a whole command, so this does not spin.
    while user.run(&["task", "list", "--state", "running", "--json"]).json() == serde_json::json!([]) {}
    interrupt(&run);
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("cancelling") && said.contains("cancelled: cancelled"), "{said}");
}

#[test]
fn a_node_that_went_back_in_time_is_found_out() {
    let user = User::new();
    let node = user.serve();
    let saved = text(&user.path("saved.db")).to_owned();
    user.run(&["db", "backup", &saved]).text();
    let store = |count: u32| {
        for number in 0..count {
            user.run_with_input(&["cp", "-", &format!("cm://builds/{number}")], b"x").text();
        }
        // The signed log has every entry when it has the newest.
        let newest = user.run(&["audit", "tail", "-n", "1", "--json"]).json()["sequence"].to_string();
        user.run(&["audit", "show", &newest]).text();
    };
    store(5);
    let size = user.run(&["audit", "verify", "--json"]).json()["size"].as_u64().unwrap();
    assert!(size >= 5, "{size}");
    node.stop();

    let present = text(&user.path("present.db")).to_owned();
    user.run(&["db", "backup", &present]).text();
    user.run(&["db", "restore", &saved]).text();
    // The log that was signed is not this database's. Put back, it would be forked, so the node does not start.
    let directory = casemate_fs::open_user_dir(&user.path(".local/share/casemate")).unwrap();
    directory.rename("log-before-restore-1", "log").unwrap();
    failed(user.run(&["serve", "--listen", "127.0.0.1:0"]), 1, "entries that are not the database's");
    directory.rename("log", "log-before-restore-2").unwrap();
    let _node = user.serve();
    failed(user.run(&["audit", "verify"]), 1, "the log went back in time");
    store(8);
    failed(user.run(&["audit", "verify"]), 1, "the log's history is not the one that it covers");
}

#[test]
fn keys_over_the_network() {
    let user = User::new();
    let node = user.serve();
    let make = ["key", "create", "--label", "reader", "--role", "viewer", "--scope", "objects:read"];
    let key = user.file("reader.key", user.run(&make).text().as_bytes());
    let remote = ["--url", &node.url, "--api-key-file", &key];
    let with = |arguments: &[&str]| user.run(&[arguments, &remote].concat());
    assert_eq!(with(&["ls"]).text(), "");
    failed(
        with(&["run", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]),
        4,
        "hint: ",
    );
    failed(user.run(&["ls", "--url", &node.url]), 4, "error: ");
    let keys = user.run(&["key", "list", "--json"]).json();
    user.run(&["key", "revoke", keys[0]["id"].as_str().unwrap()]).text();
    failed(with(&["ls"]), 4, "error: ");
    let denied = user.run(&["audit", "tail", "-n", "200"]).text();
    assert!(denied.contains("denied"), "{denied}");
}

#[test]
fn a_directory_has_one_node() {
    let user = User::new();
    let node = user.serve();
    failed(user.run(&["serve", "--listen", "127.0.0.1:0"]), 5, "(casemate serve)");
    failed(user.run(&["db", "check"]), 5, "(casemate serve)");
    let port = node.url.rsplit(':').next().unwrap();
    let other = text(&user.path("other")).to_owned();
    let listen = format!("127.0.0.1:{port}");
    failed(user.run(&["serve", "--data-dir", &other, "--listen", &listen]), 5, "cannot listen on");
    let saved = text(&user.path("saved.db")).to_owned();
    user.run(&["db", "backup", &saved]).text();
    node.stop();
    user.run(&["db", "restore", &saved]).text();
    assert_eq!(user.run(&["db", "check", "--json"]).json()["findings"], serde_json::json!([]));
}

#[test]
fn a_node_on_postgresql() {
    let Some(postgres) = PrivatePostgres::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(postgres.fresh_database());
    let user = User::new();
    user.file("database.url", database.expose_secret().as_bytes());
    user.file("config.toml", b"database = \"postgres\"\ndatabase_url_file = \"database.url\"\n");
    let receipt = text(&user.path("receipt.txt")).to_owned();
    let node = user.serve_with(&["--config", "config.toml"]);
    let module = wasm(&user, "echo.wasm", ECHO);
    user.run(&["cp", &module, "cm://builds/echo.wasm"]).text();
    user.run(&["name", "claim", "echo.tools", "cm://builds/echo.wasm"]).text();
    let done = user.run_with_input(&["run", "echo.tools", "--input", "-", "--receipt", &receipt], b"hello");
    assert_eq!((done.code, done.stdout.as_slice()), (0, b"hello".as_slice()), "{}", done.stderr);
    node.stop();
    assert_eq!(user.run(&["verify", &receipt, "--json"]).json()["level"], "L1 signed");
    // Everything is still there for the next start.
    let _node = user.serve_with(&["--config", "config.toml"]);
    assert_eq!(user.run(&["name", "show", "echo.tools", "--json"]).json()["sequence"], 1);
    assert_eq!(user.run(&["task", "list", "--json"]).json()[0]["state"], "succeeded");
    failed(user.run(&["audit", "verify"]), 0, "");
}

#[test]
fn a_database_that_is_not_there() {
    let user = User::new();
    user.file("database.url", b"postgres://casemate:geheim@127.0.0.1:1/casemate");
    user.file("config.toml", b"database = \"postgres\"\ndatabase_url_file = \"database.url\"\n");
    let done = user.run(&["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"]);
    assert!(!done.stderr.contains("geheim"), "{}", done.stderr);
    failed(done, 7, "hint: ");
}

#[test]
fn a_node_whose_files_are_not_as_they_should_be() {
    let user = User::new();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    // A configuration that cannot be read as one.
    std::fs::create_dir(user.path("directory.toml")).unwrap();
    failed(user.run(&[&serve[..], &["--config", "directory.toml"]].concat()), 2, "directory.toml");
    user.file("binary.toml", b"\xff\xfe");
    failed(user.run(&[&serve[..], &["--config", "binary.toml"]].concat()), 2, "not UTF-8 text");
    failed(user.run(&[&serve[..], &["--config", "absent.toml"]].concat()), 2, "absent.toml");

    // A directory that others may look into is made private again, and it is said.
    let node = user.serve();
    node.stop();
    let directory = user.path(".local/share/casemate");
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    user.serve().stop();
    assert_eq!(std::fs::metadata(&directory).unwrap().mode() & 0o7777, 0o700);

    // Somebody else's directory is not used. Only root can make one.
    if rustix::process::geteuid().is_root() {
        let other = user.path("other");
        std::fs::create_dir(&other).unwrap();
        std::os::unix::fs::chown(&other, Some(12_345), Some(12_345)).unwrap();
        failed(user.run(&[&serve[..], &["--data-dir", text(&other)]].concat()), 1, "12345");
    } else {
        eprintln!("1 check skipped: only root can make a directory of another user");
    }

    // A file where a directory should be, and a secret that is not one.
    let file = user.file("file", b"");
    failed(user.run(&[&serve[..], &["--data-dir", &file]].concat()), 1, "Not a directory");
    let secret = |name: &str| user.path(".local/share/casemate/secrets").join(name);
    let key = user.read(".local/share/casemate/secrets/node.key");
    user.file(".local/share/casemate/secrets/node.key", b"short");
    failed(user.run(&serve), 1, "does not hold 32 bytes");
    std::fs::remove_file(secret("node.key")).unwrap();
    failed(user.run(&serve), 1, "node.key` is missing");
    user.file(".local/share/casemate/secrets/node.key", &key);
    std::fs::remove_file(secret("pepper.1")).unwrap();
    failed(user.run(&serve), 1, "pepper.1` is missing");
}
