//! A node that is killed at any moment: what it acknowledged is there, and nothing is half-written.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use casemate_fs::Dir;
use casemate_objects::{BucketCatalog, ObjectCatalog, PutRule};
use casemate_state::restore_sqlite;
use futures_util::future::join_all;

use crate::context::{Context, open_sqlite, run};
use crate::names::held;

const CYCLES: usize = 30;
const CALLERS: u32 = 8;

/// Makes the test the child of itself: the directory to write to, and which cycle it is.
const DIRECTORY: &str = "CASEMATE_TEST_CRASH_DIRECTORY";
const CYCLE: &str = "CASEMATE_TEST_CRASH_CYCLE";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let (Ok(directory), Ok(cycle)) = (std::env::var(DIRECTORY), std::env::var(CYCLE)) {
        return run(write_until_killed(directory.as_ref(), cycle));
    }
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("state");
    let mut acknowledged = BTreeSet::new();
    for cycle in 0..CYCLES {
        acknowledged.extend(kill_in_the_middle(&directory, cycle));
        run(check_all(&directory, &acknowledged));
    }
    assert!(acknowledged.len() > 300, "the children did something: {}", acknowledged.len());
}

/// A killed node leaves a write-ahead log. SQLite would replay it into whatever database it finds beside it.
#[test]
fn a_restore_over_a_killed_node_brings_back_the_backup_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("state");
    let acknowledged = kill_in_the_middle(&directory, 0);
    run(async {
        let directory = Dir::open_private(&directory).unwrap();
        assert!(directory.entries().unwrap().iter().any(|entry| entry.name == "casemate.db-wal"));
        let backups = Dir::open_private(&scratch.path().join("backups")).unwrap();
        let context = Context::sqlite().await;
        context.put("saved", b"saved").await;
        context.store.backup(&backups, "one.db").await.unwrap();
        let backup = backups.open_file("one.db").unwrap();
        restore_sqlite(&directory, backup, &*context.clock).await.unwrap();

        let store = open_sqlite(&directory, Arc::default()).await;
        assert_eq!(store.check().await.unwrap().findings, []);
        let objects = store.buckets(&context.project, None, 10).await.unwrap();
        assert_eq!(objects.iter().map(|bucket| bucket.objects).collect::<Vec<_>>(), [1], "{acknowledged:?}");
        store.close().await;
    });
}

/// Lets a child work until it has acknowledged some changes while others are under way, and kills it. Returns all
/// that it acknowledged.
fn kill_in_the_middle(directory: &Path, cycle: usize) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::what_was_acknowledged_survives_a_kill", "--nocapture"]);
    command.env(DIRECTORY, directory).env(CYCLE, cycle.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    // Some prime steps, so that the kill comes at ever other points of the batches.
    let kill_after = 3 + (cycle * 17) % 61;
    for line in lines.map_while(Result::ok) {
        if let Some(what) = line.strip_prefix("ack ") {
            acknowledged.push(what.to_owned());
        }
        if acknowledged.len() == kill_after {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    assert!(acknowledged.len() >= kill_after);
    acknowledged
}

async fn check_all(directory: &Path, acknowledged: &BTreeSet<String>) {
    let store = open_sqlite(&Dir::open_private(directory).unwrap(), Arc::default()).await;
    let report = store.check().await.unwrap();
    assert_eq!(report.findings, []);
    let context = Context::sqlite().await;
    for what in acknowledged {
        match what.split_once(' ').unwrap() {
            ("put", key) => {
                let object = context.object(key, key.as_bytes());
                let found = store.object(&object.project, &object.bucket, &object.key).await.unwrap();
                assert_eq!(found.map(|found| found.digest), Some(object.digest), "{key}");
            }
            ("claim", name) => assert!(held(&store, name).await.is_some(), "{name}"),
            other => panic!("{other:?}"),
        }
    }
    store.close().await;
}

async fn write_until_killed(directory: &Path, cycle: String) {
    let store = open_sqlite(&Dir::open_private(directory).unwrap(), Arc::default()).await;
    let context = Context::sqlite().await;
    let callers = (0..CALLERS).map(|caller| {
        let (store, context, cycle) = (&store, &context, &cycle);
        async move {
            for number in 0.. {
                let key = format!("k{cycle}-{caller}-{number}");
                let object = context.object(&key, key.as_bytes());
                store.put_object(&object, &PutRule::default(), context.event("objects.put")).await.unwrap();
                acknowledge(&format!("put {key}"));
                let owner = context.operator_on(store);
                owner.claim(&key, object.digest).await.unwrap();
                acknowledge(&format!("claim {key}"));
            }
        }
    });
    join_all(callers).await;
}

/// One write a line, so that a kill does not leave half of one. The reader may be gone; then so are we, soon.
fn acknowledge(what: &str) {
    let _ = std::io::stdout().write_all(format!("ack {what}\n").as_bytes());
}
