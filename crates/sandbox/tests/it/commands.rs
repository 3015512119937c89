//! What an honest guest gets.

use casemate_model::{LimitKind, Outcome, RunLimits};
use casemate_sandbox::{Job, Profile, SandboxConfig};

use crate::node::{Node, job, sealed};

/// Copies standard input to standard output.
pub(crate) const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (loop $more
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 4096))
            (if (i32.ne (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
                (then (unreachable)))
            (i32.store (i32.const 4) (i32.load (i32.const 8)))
            (if (i32.load (i32.const 8))
                (then
                    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
                    (br $more))))))"#;

#[tokio::test]
async fn standard_input_comes_out_again() {
    let node = Node::start().await;
    let text = "hello, guest\n".repeat(10_000);
    let report = node.run(Job { stdin: Some(sealed(text.as_bytes())), ..job(CAT) }).await;
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert!(report.stdout == text.as_bytes(), "{} bytes", report.stdout.len());
    assert_eq!(report.usage.output_bytes, text.len() as u64);
    assert_eq!(report.stderr, b"");
}

/// Writes what two clocks, the random source and a division by zero give: 8 + 8 + 16 + 8 bytes.
const OBSERVER: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $time (i32.const 0) (i64.const 1) (i32.const 64)))
        (drop (call $time (i32.const 1) (i64.const 1) (i32.const 72)))
        (drop (call $random (i32.const 80) (i32.const 16)))
        (f64.store (i32.const 96) (f64.div (f64.const -0) (f64.load (i32.const 128))))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 40))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[tokio::test]
async fn the_deterministic_profile_repeats_output_and_fuel() {
    let node = Node::start_with(|config| SandboxConfig { runs_per_worker_max: 1, ..config }).await;
    let observe = |profile, seed| {
        let node = &node;
        async move {
            let report = node.run(Job { profile, seed: [seed; 32], ..job(OBSERVER) }).await;
            assert_eq!(report.outcome, Outcome::Exited(0));
            (report.stdout, report.usage.fuel)
        }
    };
    let first = observe(Profile::Det1, 1).await;
    assert_eq!(first, observe(Profile::Det1, 1).await, "each run had a worker of its own");
    let other_seed = observe(Profile::Det1, 2).await;
    assert_eq!(first.0[..16], other_seed.0[..16], "clocks do not depend on the seed");
    assert_ne!(first.0[16..32], other_seed.0[16..32], "randomness does");
    // 2000-01-01T00:00:00Z, and one look later.
    assert_eq!(first.0[..8], 946_684_800_000_000_000u64.to_le_bytes());
    assert_eq!(first.0[32..], f64::NAN.to_bits().to_le_bytes(), "the canonical NaN, whatever its sign was");
    let real = observe(Profile::Default, 1).await;
    assert_ne!(first.0[..32], real.0[..32]);
    assert_eq!(first.1, other_seed.1, "fuel does not depend on what is random");
}

/// What a run in the deterministic profile ended with, and its fuel.
async fn counted(node: &Node, text: &str, limits: RunLimits) -> (Outcome, u64) {
    let report = node.run(Job { profile: Profile::Det1, limits, ..job(text) }).await;
    (report.outcome, report.usage.fuel)
}

#[tokio::test]
async fn the_deterministic_profile_ends_at_the_same_place_whatever_the_machine() {
    let node = Node::start_with(|config| SandboxConfig { runs_per_worker_max: 1, ..config }).await;
    let limits = RunLimits { fuel: 100_000, ..RunLimits::DEFAULT };
    // A loop of two instructions and its entry: the last round that it cannot pay for is the one that ends it.
    let endless = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;
    assert_eq!(counted(&node, endless, limits).await, (Outcome::LimitReached(LimitKind::Fuel), limits.fuel));

    // A recursion without end, and one that has as much room as it says.
    let recursion = |stop: &str| {
        format!(
            r#"(module (memory (export "memory") 1) (func $f (param i32)
                (if (i32.eq (local.get 0) (i32.const {stop})) (then (return)))
                (call $f (i32.add (local.get 0) (i32.const 1))))
                (func (export "_start") (call $f (i32.const 0))))"#
        )
    };
    let deep = counted(&node, &recursion("-1"), RunLimits::DEFAULT).await;
    assert_eq!(deep.0, Outcome::LimitReached(LimitKind::Stack));
    assert_eq!(deep, counted(&node, &recursion("-1"), RunLimits::DEFAULT).await);
    // Half the stack is half the calls, so half the fuel, but for the entry.
    let half = RunLimits { stack_bytes: RunLimits::DEFAULT.stack_bytes / 2, ..RunLimits::DEFAULT };
    let shallow = counted(&node, &recursion("-1"), half).await;
    assert_eq!(shallow.0, Outcome::LimitReached(LimitKind::Stack));
    assert!((shallow.1 * 2).abs_diff(deep.1) <= 64, "{} and {}", shallow.1, deep.1);
    assert_eq!(counted(&node, &recursion("1000"), RunLimits::DEFAULT).await.0, Outcome::Exited(0));
    // Nor does the engine's stack end it where the limit is less than a frame of any engine.
    let tiny = RunLimits { stack_bytes: 1, ..RunLimits::DEFAULT };
    assert_eq!(counted(&node, &recursion("-1"), tiny).await.0, Outcome::LimitReached(LimitKind::Stack));
    let small = RunLimits { stack_bytes: 64 << 10, ..RunLimits::DEFAULT };
    assert_eq!(counted(&node, &wide(30_000), small).await.0, Outcome::LimitReached(LimitKind::Stack));
    match counted(&node, &wide(49_000 + 20_000), RunLimits::DEFAULT).await.0 {
        Outcome::Refused(_) => {}
        other => panic!("{other}"),
    }
}

/// A function with so many values at once, all of which it needs in the end.
fn wide(values: usize) -> String {
    let mut body = String::new();
    for value in 0..values {
        body += &format!("(v128.load (i32.const {}))", value % 60_000);
    }
    body += &"v128.xor ".repeat(values - 1);
    format!(
        r#"(module (memory (export "memory") 1) (func $leaf) (func (export "_start") (call $leaf)
            (drop (v128.any_true {body}))))"#
    )
}

#[tokio::test]
async fn a_start_function_is_counted_too() {
    let node = Node::start().await;
    let start = |body: &str| {
        format!(
            r#"(module (memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
                (func $s {body}) (start $s)
                (func (export "_start") (if (i32.ne (global.get $g) (i32.const 7)) (then unreachable))))"#
        )
    };
    let (outcome, fuel) = counted(&node, &start("(global.set $g (i32.const 7))"), RunLimits::DEFAULT).await;
    assert_eq!(outcome, Outcome::Exited(0));
    assert!(fuel > 0);
    let endless =
        counted(&node, &start("(loop (br 0))"), RunLimits { fuel: 1000, ..RunLimits::DEFAULT }).await;
    assert_eq!(endless, (Outcome::LimitReached(LimitKind::Fuel), 1000));
}

#[tokio::test]
async fn a_module_that_takes_the_hosts_names_is_refused() {
    let node = Node::start().await;
    let text = r#"(module (memory (export "memory") 1)
        (global (export "casemate:fuel") (mut i64) (i64.const 9223372036854775807)) (func (export "_start")))"#;
    match counted(&node, text, RunLimits::DEFAULT).await.0 {
        Outcome::Refused(reason) => assert!(reason.contains("casemate:fuel"), "{reason}"),
        other => panic!("{other}"),
    }
    // Where nothing is counted so, the name is like any other.
    let report = node.run(job(text)).await;
    assert_eq!(report.outcome, Outcome::Exited(0));
}

#[tokio::test]
async fn arguments_and_environment_are_what_was_given() {
    let node = Node::start().await;
    // Writes the raw argument and environment blocks.
    let text = r#"(module
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $args (i32.const 1024) (i32.const 64)))
            (drop (call $environ (i32.const 2048) (i32.const 96)))
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 64))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let args = ["guest", "--flag"].map(str::to_owned).to_vec();
    let env = vec![("KEY".to_owned(), "value".to_owned())];
    let report = node.run(Job { args, env, ..job(text) }).await;
    assert_eq!(report.outcome, Outcome::Exited(0));
    let mut expected = vec![0; 64];
    expected[..13].copy_from_slice(b"guest\0--flag\0");
    expected[32..42].copy_from_slice(b"KEY=value\0");
    assert_eq!(report.stdout, expected);
}

/// Copies `/in/d/text` (descriptor 3) to `/out/copy` (descriptor 4), then links `/out/link` to it.
const COPY: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 256) "d/text") (data (i32.const 272) "copy") (data (i32.const 288) "link")
    (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
    (func (export "_start")
        (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 6) (i32.const 0)
            (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 16)))
        (call $check (call $open (i32.const 4) (i32.const 0) (i32.const 272) (i32.const 4) (i32.const 1)
            (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 20)))
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 4096))
        (call $check (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (call $check (call $write (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $check (call $symlink (i32.const 272) (i32.const 4) (i32.const 4) (i32.const 288) (i32.const 4)))
        ;; Writing to the input directory must fail: 99 says that it did not.
        (if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 272) (i32.const 4) (i32.const 1)
            (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16))) (then (call $exit (i32.const 99))))))"#;

#[tokio::test]
async fn files_go_in_read_only_and_come_out_without_links() {
    let node = Node::start().await;
    for profile in [Profile::Default, Profile::Det1] {
        let inputs = vec![("d/text".to_owned(), sealed(b"from the input"))];
        let report = node.run(Job { inputs, output_directory: true, profile, ..job(COPY) }).await;
        assert_eq!(report.outcome, Outcome::Exited(0), "{profile:?}");
        assert_eq!(report.outputs, vec![("copy".to_owned(), b"from the input".to_vec())]);
        assert_eq!(report.outputs_refused, vec!["link".to_owned()]);
        assert_eq!(report.usage.output_bytes, 14);
    }
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_reason() {
    let node = Node::start().await;
    let input = |path: &str| vec![(path.to_owned(), sealed(b""))];
    let twice = [input("a"), input("a")].concat();
    let inside = [input("a/b"), input("a")].concat();
    let cases = [
        (Job { inputs: input("../a"), ..job(CAT) }, "is not a relative path"),
        (Job { inputs: input("/a"), ..job(CAT) }, "is not a relative path"),
        (Job { inputs: twice, ..job(CAT) }, "is given twice"),
        (Job { inputs: inside, ..job(CAT) }, "is inside the input file"),
        (Job { args: vec!["a\0b".to_owned()], ..job(CAT) }, "NUL byte"),
        (Job { args: vec!["x".repeat(1 << 20)], ..job(CAT) }, "arguments and environment take"),
        (Job { limits: RunLimits { fuel: 0, ..RunLimits::DEFAULT }, ..job(CAT) }, "the limit `fuel`"),
    ];
    for (job, expected) in cases {
        match node.run(job).await.outcome {
            Outcome::Refused(reason) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other}"),
        }
    }
}

/// A component that writes one line to standard output and returns `code` (0 success, 1 failure).
fn component(code: u32) -> String {
    format!(
        r#"(component
        (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
        (alias export $errors "error" (type $error))
        (import "wasi:io/streams@0.2.0" (instance $streams
            (export "output-stream" (type $stream (sub resource)))
            (alias outer 1 $error (type $outer))
            (export "error" (type $inner (eq $outer)))
            (type $cases (variant (case "last-operation-failed" (own $inner)) (case "closed")))
            (export "stream-error" (type $failure (eq $cases)))
            (export "[method]output-stream.blocking-write-and-flush"
                (func (param "self" (borrow $stream)) (param "contents" (list u8))
                    (result (result (error $failure)))))))
        (alias export $streams "output-stream" (type $stream))
        (import "wasi:cli/stdout@0.2.0" (instance $stdout
            (alias outer 1 $stream (type $outer))
            (export "output-stream" (type $inner (eq $outer)))
            (export "get-stdout" (func (result (own $inner))))))
        (core module $memory (memory (export "memory") 1) (data (i32.const 64) "hello from a component\n"))
        (core instance $m (instantiate $memory))
        (core func $get (canon lower (func $stdout "get-stdout")))
        (core func $write (canon lower
            (func $streams "[method]output-stream.blocking-write-and-flush") (memory (core memory $m "memory"))))
        (core module $main
            (import "host" "get" (func $get (result i32)))
            (import "host" "write" (func $write (param i32 i32 i32 i32)))
            (func (export "run") (result i32)
                (call $write (call $get) (i32.const 64) (i32.const 23) (i32.const 0))
                (i32.const {code})))
        (core instance $i (instantiate $main
            (with "host" (instance (export "get" (func $get)) (export "write" (func $write))))))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $exported (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $exported)))"#
    )
}

#[tokio::test]
async fn components_run_as_commands() {
    let node = Node::start().await;
    for code in [0, 1, 0] {
        let report = node.run_text(&component(code)).await;
        assert_eq!(report.outcome, Outcome::Exited(code));
        assert_eq!(report.stdout, b"hello from a component\n");
    }
    // One worker did them all: an exit code is no reason to replace it.
    assert_eq!(node.sandbox.figures().workers_started, 2);
}
