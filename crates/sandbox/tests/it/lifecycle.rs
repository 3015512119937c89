//! Workers come and go; compiled code stays, if nobody touched it.

use std::time::Duration;

use casemate_model::Outcome;
use casemate_sandbox::{Job, OutputStream, Sandbox, SandboxConfig, SandboxError, Watcher, WorkerProgram};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::commands::CAT;
use crate::node::{Node, config, job, sealed};

const ENDLESS: &str = r#"(module (func (export "_start") (loop $again (br $again))))"#;
const NOTHING: &str = r#"(module (func (export "_start")))"#;

#[tokio::test]
async fn the_walls_stand_and_workers_answer() {
    let node = Node::start().await;
    let walls = node.sandbox.walls();
    assert_eq!(walls.missing(), Vec::<&str>::new());
    assert!(walls.rlimits && walls.capabilities_dropped, "{walls}");
    node.sandbox.probe().await.unwrap();
    let figures = node.sandbox.figures();
    assert_eq!((figures.workers_idle, figures.workers_busy, figures.workers_started), (1, 0, 1));
}

#[tokio::test]
async fn cancelling_kills_the_guest_and_the_next_run_works() {
    let node = Node::start().await;
    let cancel = CancellationToken::new();
    let run = tokio::spawn({
        let (sandbox, cancel) = (node.sandbox.clone(), cancel.clone());
        async move { sandbox.run(job(ENDLESS), cancel).await }
    });
    while node.sandbox.figures().workers_busy == 0 {
        tokio::task::yield_now().await;
    }
    node.sandbox.probe().await.unwrap();
    cancel.cancel();
    assert_eq!(run.await.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(node.run_text(NOTHING).await.outcome, Outcome::Exited(0));
}

#[tokio::test]
async fn a_deadline_that_has_passed_starts_nothing() {
    let node = Node::start().await;
    let report = node.run(Job { deadline: Instant::now(), ..job(ENDLESS) }).await;
    assert_eq!(report.outcome, Outcome::LimitReached(casemate_model::LimitKind::Wall));
}

#[tokio::test]
async fn a_worker_serves_one_project_and_is_replaced_after_its_runs() {
    let node = Node::start_with(|config| SandboxConfig { runs_per_worker_max: 2, ..config }).await;
    for name in ["a", "b", "a", "b", "a", "b"] {
        let project = name.parse().unwrap();
        assert_eq!(node.run(Job { project, ..job(NOTHING) }).await.outcome, Outcome::Exited(0));
    }
    // Six runs of two projects with two runs a worker take at least four workers.
    assert!(node.sandbox.figures().workers_started >= 4, "{:?}", node.sandbox.figures());
}

#[tokio::test]
async fn a_guest_leaves_nothing_behind_for_the_next() {
    let node = Node::start().await;
    let writes = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (data (i32.const 256) "file")
        ;; Creates the file, which must not be there, and fails if it is.
        (func (export "_start")
            (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 4) (i32.const 5)
                (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 16)))))"#;
    for _ in 0..3 {
        let report = node.run(Job { output_directory: true, ..job(writes) }).await;
        assert_eq!(report.outcome, Outcome::Exited(0));
        assert_eq!(report.outputs, vec![("file".to_owned(), vec![])]);
    }
    assert_eq!(node.sandbox.figures().workers_started, 2, "one for the project and one spare");
}

#[tokio::test]
async fn compiled_code_outlives_the_node_unless_it_was_touched() {
    let root = tempfile::tempdir().unwrap();
    let mut misses = Vec::new();
    for round in 0..4 {
        let sandbox = Sandbox::start(config(&root)).await.unwrap();
        let report =
            sandbox.run(Job { stdin: Some(sealed(b"x")), ..job(CAT) }, CancellationToken::new()).await;
        assert_eq!((report.outcome, report.stdout), (Outcome::Exited(0), b"x".to_vec()));
        sandbox.shutdown().await;
        misses.push(sandbox.figures().cache_misses);
        if round == 1 {
            flip_a_byte_of_the_code(&root);
        }
    }
    assert_eq!(misses, [1, 0, 1, 0]);
}

fn flip_a_byte_of_the_code(root: &tempfile::TempDir) {
    let entry = std::fs::read_dir(root.path().join("sandbox/code")).unwrap().next().unwrap().unwrap();
    let mut code = std::fs::read(entry.path()).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 1;
    std::fs::write(entry.path(), code).unwrap();
}

#[tokio::test]
async fn runs_of_one_module_wait_for_one_compilation() {
    let node = Node::start_with(|config| SandboxConfig { workers: 3, ..config }).await;
    let run = || async { node.run_text(NOTHING).await.outcome };
    let outcomes = tokio::join!(run(), run(), run());
    assert_eq!(outcomes, (Outcome::Exited(0), Outcome::Exited(0), Outcome::Exited(0)));
    assert_eq!(node.sandbox.figures().cache_misses, 1);
}

#[tokio::test]
async fn a_sandbox_that_shuts_down_ends_its_runs() {
    let node = Node::start().await;
    let sandbox = node.sandbox.clone();
    let run = tokio::spawn(async move { sandbox.run(job(ENDLESS), CancellationToken::new()).await });
    while node.sandbox.figures().workers_busy == 0 {
        tokio::task::yield_now().await;
    }
    node.sandbox.shutdown().await;
    assert_eq!(run.await.unwrap().outcome, Outcome::EngineFailed("the sandbox is shutting down".to_owned()));
    assert!(node.sandbox.probe().await.is_err());
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_an_error_at_the_start() {
    let root = tempfile::tempdir().unwrap();
    let config = SandboxConfig { program: WorkerProgram::Path("/bin/false".into()), ..config(&root) };
    let started = tokio::time::timeout(Duration::from_secs(60), Sandbox::start(config)).await.unwrap();
    assert!(matches!(started.map(|_| ()), Err(SandboxError::NotReady(_))));
}

/// Writes to standard output once, and then never ends.
const TELLS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 64) "begun\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 6))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (loop (br 0))))"#;

struct Told(tokio::sync::mpsc::UnboundedSender<(OutputStream, Vec<u8>)>);

impl Watcher for Told {
    fn wrote(&self, stream: OutputStream, bytes: &[u8]) {
        self.0.send((stream, bytes.to_vec())).unwrap();
    }
}

#[tokio::test]
async fn what_a_guest_writes_is_seen_while_it_runs() {
    let node = Node::start().await;
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let watched = Job { watcher: Some(std::sync::Arc::new(Told(sender))), ..job(TELLS) };
    let run = tokio::spawn({
        let (sandbox, cancel) = (node.sandbox.clone(), cancel.clone());
        async move { sandbox.run(watched, cancel).await }
    });
    // It never ends, so this came while it ran.
    assert_eq!(told.recv().await, Some((OutputStream::Stdout, b"begun\n".to_vec())));
    cancel.cancel();
    let report = run.await.unwrap();
    assert_eq!((report.outcome, report.stdout), (Outcome::Cancelled, b"begun\n".to_vec()));
}
