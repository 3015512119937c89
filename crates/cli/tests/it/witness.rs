//! A witness that somebody else runs, and a proof that it has seen.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::binary::{User, interrupt, text};

/// Longer than a busy machine takes to ask a witness.
const PATIENCE: Duration = Duration::from_secs(60);

/// A witness that runs, and the line that it says first.
fn witness(user: &User, log: &str) -> (Child, String) {
    let directory = user.path("witness");
    let words = ["witness", "serve", "--name", "w.example/one", "--directory", text(&directory)];
    let mut command = user.command(&[&words[..], &["--log", log, "--listen", "127.0.0.1:0"]].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

#[test]
fn a_proof_is_seen_by_somebody_else() {
    let (user, other) = (User::new(), User::new());
    let node = user.serve();
    let log = user.run(&["audit", "checkpoint", "--key"]).text().trim().to_owned();
    node.stop();
    let (mut seeing, line) = witness(&other, &log);
    let key = line.split_once(' ').unwrap().1;
    user.file("casemate.toml", format!("witnesses = [\"{line}\"]\n").as_bytes());
    let config = user.path("casemate.toml");
    let _node = user.serve_with(&["--config", text(&config)]);
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    assert_eq!(user.run(&["name", "claim", "wordcount.tools", "cm://builds/app"]).code, 0);
    let began = Instant::now();
    let verified = loop {
        let proof = user.run(&["name", "proof", "wordcount.tools"]);
        assert_eq!(proof.code, 0, "{}", proof.stderr);
        user.file("w.proof", &proof.stdout);
        let verified = user.run(&["verify", "w.proof", "--key", &log, "--witness", key]);
        if verified.code == 0 {
            break verified;
        }
        assert!(
            verified.stderr.contains("no good cosignature of the witness `w.example/one`"),
            "{}",
            verified.stderr
        );
        assert!(began.elapsed() < PATIENCE, "{}", verified.stderr);
    };
    assert!(verified.stderr.contains("w.example/one saw a log of"), "{}", verified.stderr);
    // Another witness of that name has not seen it.
    let (mut second, line) = witness(&User::new(), &log);
    let refused = user.run(&["verify", "w.proof", "--witness", line.split_once(' ').unwrap().1]);
    assert!(refused.stderr.contains("no good cosignature"), "{}", refused.stderr);
    for child in [&mut seeing, &mut second] {
        interrupt(child);
        assert!(child.wait().unwrap().success());
    }
    // A witness that forgot what it saw would cosign another history of the same log.
    std::fs::remove_dir_all(other.path("witness/logs")).unwrap();
    let directory = other.path("witness");
    let words =
        ["witness", "serve", "--name", "w.example/one", "--directory", text(&directory), "--log", &log];
    let forgotten = other.run(&words);
    assert_eq!(forgotten.code, 1, "{}", forgotten.stderr);
    assert!(forgotten.stderr.contains("is missing beside the witness's key"), "{}", forgotten.stderr);
    let bad = other.run(&["witness", "serve", "--name", "two words", "--directory", "d", "--log", &log]);
    assert!(bad.stderr.contains("without spaces and plus signs"), "{}", bad.stderr);
}
