use crate::binary::{User, text};

/// Runs a command that fails and renders all that its user sees.
fn failure(user: &User, arguments: &[&str]) -> String {
    let done = user.run(arguments);
    assert!(done.stdout.is_empty(), "{}", String::from_utf8_lossy(&done.stdout));
    let home = text(&user.path("")).trim_end_matches('/').to_owned();
    format!("$ casemate {}\n{}code {}\n\n", arguments.join(" "), done.stderr, done.code)
        .replace(&home, "HOME")
}

#[test]
fn mistakes_on_the_command_line() {
    let user = User::new();
    let mistakes: [&[&str]; 15] = [
        &["fly"],
        &["ls", "--colour"],
        &["ls", "builds"],
        &["ls", "cm://No"],
        &["rm"],
        &["stat", "cm://builds"],
        &["cp", "a", "b"],
        &["cp", "cm://aaa/b", "cm://aaa/c"],
        &["task", "show", "tsk_1"],
        &["name", "claim", "Not_A_Name", "sha256:00"],
        &["name", "claim", "good.name", "sha256:00"],
        &["run", "App"],
        &["run", "app.wasm", "--limit", "wall=5"],
        &["key", "create", "--label", "x", "--role", "king"],
        &["key", "create", "--label", "x", "--scope", "tasks:fly"],
    ];
    let seen: String = mistakes.iter().map(|arguments| failure(&user, arguments)).collect();
    insta::assert_snapshot!(seen);
}

#[test]
fn no_node_no_file_no_key() {
    let user = User::new();
    user.file("app.wasm", b"not really");
    user.file("bad.toml", b"lisen = \"127.0.0.1:1\"\n");
    user.file("receipt.txt", b"casemate bundle v2\n");
    let failures: [&[&str]; 9] = [
        &["ls"],
        &["run", "app.wasm"],
        &["cp", "absent.txt", "cm://builds/"],
        &["ls", "--url", "https://127.0.0.1:1"],
        &["ls", "--url", "node.example:7070"],
        &["ls", "--url", "http://node.example", "--api-key-file", "app.wasm"],
        &["verify", "receipt.txt"],
        &["verify", "absent.txt"],
        &["config", "check", "--config", "bad.toml"],
    ];
    let seen: String = failures.iter().map(|arguments| failure(&user, arguments)).collect();
    insta::assert_snapshot!(seen);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let user = User::new();
    let mut child = user.command(&["completions", "bash"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
