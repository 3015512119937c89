//! Guests that want more than they are given. Each ends with the outcome that names what it did.

use std::time::Duration;

use casemate_model::{LimitKind, Outcome, RunLimits, TrapKind};
use casemate_sandbox::Job;
use tokio::time::Instant;

use crate::node::{Node, job, job_of};

const LIMITS: RunLimits = RunLimits::DEFAULT;
const ENDLESS: &str = r#"(module (func (export "_start") (loop $again (br $again))))"#;

fn reached(kind: LimitKind) -> Outcome {
    Outcome::LimitReached(kind)
}

/// Writes 1024 bytes to descriptor `fd` for ever.
fn flood(fd: u32) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 64))
                (i32.store (i32.const 4) (i32.const 1024))
                (loop $again
                    (drop (call $write (i32.const {fd}) (i32.const 0) (i32.const 1) (i32.const 8)))
                    (br $again))))"#
    )
}

/// Opens files in `/out` (descriptor 3) and does `body` with each, whose descriptor is at address 16.
fn files(path: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
            (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 256) "{path}")
            (func $create (result i32)
                (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 4) (i32.const 1)
                    (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 16)))
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 1024))
                (i32.store (i32.const 4) (i32.const 32768))
                {body}))"#
    )
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_deadline() {
    let node = Node::start().await;
    let deadline = Instant::now() + Duration::from_millis(300);
    let limits = RunLimits { fuel: RunLimits::CEILING.fuel, ..LIMITS };
    let report = node.run(Job { deadline, limits, ..job(ENDLESS) }).await;
    assert_eq!(report.outcome, reached(LimitKind::Wall));
    // The deadline was set before the run began, and milliseconds are cut off.
    assert!(report.usage.fuel > 0 && report.usage.wall_ms >= 250, "{:?}", report.usage);
}

#[tokio::test]
async fn fuel_is_the_engines_counter() {
    let node = Node::start().await;
    let limits = RunLimits { fuel: 1_000_000, ..LIMITS };
    let report = node.run(Job { limits, ..job(ENDLESS) }).await;
    assert_eq!(report.outcome, reached(LimitKind::Fuel));
    assert_eq!(report.usage.fuel, 1_000_000);
}

#[tokio::test]
async fn waiting_outside_ends_at_the_deadline_too() {
    let node = Node::start().await;
    // One relative subscription of an hour: what a sleep compiles to.
    let sleep = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 3600000000000))
            (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256)))))"#;
    let deadline = Instant::now() + Duration::from_millis(300);
    let report = node.run(Job { deadline, ..job(sleep) }).await;
    assert_eq!(report.outcome, reached(LimitKind::Wall));
    // The worker ended the run by itself and could report: it was not the node that had to kill it.
    assert!(report.usage.fuel > 0, "{:?}", report.usage);
}

#[tokio::test]
async fn bombs_end_at_the_limit_that_they_aim_at() {
    let node = Node::start().await;
    let grow_memory = r#"(module (memory 1) (func (export "_start")
        (loop $again (drop (memory.grow (i32.const 16))) (br $again))))"#;
    let grow_table = r#"(module (table 1 funcref) (func (export "_start")
        (loop $again (drop (table.grow (ref.null func) (i32.const 1000))) (br $again))))"#;
    let recursion = r#"(module (func $deeper (export "_start") (call $deeper)))"#;
    let memories = format!(r#"(module {} (func (export "_start")))"#, "(memory 1)".repeat(17));
    let component = format!(
        r#"(component
            (core module $m)
            {}
            (core module $main (func (export "run") (result i32) (i32.const 0)))
            (core instance $i (instantiate $main))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $exported (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $exported)))"#,
        "(core instance (instantiate $m))".repeat(20)
    );
    let cases = [
        ("growing memory", grow_memory, LimitKind::Memory),
        ("large memory", r#"(module (memory 65536) (func (export "_start")))"#, LimitKind::Memory),
        ("growing table", grow_table, LimitKind::TableElements),
        (
            "large table",
            r#"(module (table 4000000000 funcref) (func (export "_start")))"#,
            LimitKind::TableElements,
        ),
        ("recursion", recursion, LimitKind::Stack),
        ("memories", &memories, LimitKind::Instances),
        ("instances", &component, LimitKind::Instances),
    ];
    for (name, text, kind) in cases {
        assert_eq!(node.outcome_within(text, LIMITS).await, reached(kind), "{name}");
    }
    let wider = RunLimits { instances: 64, ..LIMITS };
    assert_eq!(node.outcome_within(&memories, wider).await, Outcome::Exited(0));
    assert_eq!(node.outcome_within(&component, wider).await, Outcome::Exited(0));
    // The code is known now, and the limit holds all the same.
    assert_eq!(node.outcome_within(&memories, LIMITS).await, reached(LimitKind::Instances));
}

#[tokio::test]
async fn a_peak_is_reported_and_stays_within_the_limit() {
    let node = Node::start().await;
    let text = r#"(module (memory 1) (table 5 funcref) (func (export "_start")
        (drop (memory.grow (i32.const 9)))))"#;
    let usage = node.run_text(text).await.usage;
    assert_eq!((usage.memory_bytes_peak, usage.table_elements_peak), (10 << 16, 5));
}

#[tokio::test]
async fn floods_of_the_standard_streams_are_cut_at_the_limit() {
    let node = Node::start().await;
    let limits = RunLimits { output_bytes: 100_000, log_bytes: 50_000, ..LIMITS };
    let report = node.run(Job { limits, ..job(&flood(1)) }).await;
    assert_eq!((report.outcome, report.stdout.len()), (reached(LimitKind::Output), 100_000));
    let report = node.run(Job { limits, ..job(&flood(2)) }).await;
    assert_eq!((report.outcome, report.stderr.len()), (reached(LimitKind::Log), 50_000));
}

#[tokio::test]
async fn floods_of_files_end_at_the_output_limit() {
    let node = Node::start().await;
    let limits = RunLimits { output_bytes: 1 << 20, ..LIMITS };
    let one_file = files(
        "file",
        "(drop (call $create)) (loop $again
        (drop (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $again))",
    );
    // Letters of the name count up, so that each file is a new one.
    let many_files = files(
        "AAAA",
        "(loop $again
        (drop (call $create)) (drop (call $close (i32.load (i32.const 16))))
        (i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1)))
        (br_if $again (i32.and (i32.load (i32.const 256)) (i32.const 0xff)))
        (i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1)))
        (br $again))",
    );
    let sparse = files(
        "file",
        "(drop (call $create))
        (drop (call $size (i32.load (i32.const 16)) (i64.const 1048577)))",
    );
    // Each file is removed while it is open, and never closed: eight of a quarter of the limit, and then it waits.
    let held = files(
        "file",
        "(i32.store (i32.const 512) (i32.const 8))
        (loop $next
            (drop (call $create))
            (drop (call $unlink (i32.const 3) (i32.const 256) (i32.const 4)))
            (drop (call $size (i32.load (i32.const 16)) (i64.const 262144)))
            (i32.store (i32.const 512) (i32.sub (i32.load (i32.const 512)) (i32.const 1)))
            (br_if $next (i32.load (i32.const 512))))
        (loop $wait (br $wait))",
    );
    for (name, text) in
        [("held", held), ("one file", one_file), ("many files", many_files), ("sparse file", sparse)]
    {
        let report = node.run(Job { limits, output_directory: true, ..job(&text) }).await;
        assert_eq!(report.outcome, reached(LimitKind::Output), "{name}");
        assert_eq!(report.outputs, vec![], "{name}");
    }
}

#[tokio::test]
async fn compile_bombs_end_at_the_compile_limits() {
    let node = Node::start().await;
    // One function of a few megabytes, within the caps, whose values all depend on each other.
    let step =
        "local.get 0 local.get 1 i64.mul local.get 2 i64.xor local.tee 0 local.get 2 i64.rotl local.set 1 ";
    let text = format!(
        r#"(module (memory 1) (func (export "_start") (local i64 i64 i64)
            (local.set 0 (i64.load (i32.const 0))) (local.set 1 (i64.load (i32.const 8)))
            (local.set 2 (i64.load (i32.const 16)))
            {} (i64.store (i32.const 0) (local.get 0)) (i64.store (i32.const 8) (local.get 1))))"#,
        step.repeat(150_000)
    );
    let bomb = wat::parse_str(&text).unwrap();
    let limits = RunLimits { compile_ms: 400, ..LIMITS };
    assert_eq!(node.run(Job { limits, ..job_of(&bomb) }).await.outcome, reached(LimitKind::CompileTime));
    let limits = RunLimits { compile_ms: 100_000, compile_memory_bytes: 64 << 20, ..LIMITS };
    assert_eq!(node.run(Job { limits, ..job_of(&bomb) }).await.outcome, reached(LimitKind::CompileMemory));
    // The deadline covers compilation.
    let deadline = Instant::now() + Duration::from_millis(400);
    let limits = RunLimits { compile_ms: 100_000, ..LIMITS };
    assert_eq!(node.run(Job { deadline, limits, ..job_of(&bomb) }).await.outcome, reached(LimitKind::Wall));
}

#[tokio::test]
async fn paths_do_not_lead_out_of_the_grant() {
    let node = Node::start().await;
    // Tries each path below /out (descriptor 3), after linking `up` to the directory above; the exit code counts
    // what could be opened or made.
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 256) "../../etc/passwd")
        (data (i32.const 512) "/etc/passwd")
        (data (i32.const 768) "..")
        (data (i32.const 1024) "up")
        (data (i32.const 1280) "up/in")
        (global $got (mut i32) (i32.const 0))
        (func $try (param $at i32) (param $length i32)
            (global.set $got (i32.add (global.get $got) (i32.eqz
                (call $open (i32.const 3) (i32.const 1) (local.get $at) (local.get $length) (i32.const 0)
                    (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 16))))))
        (func (export "_start")
            (drop (call $symlink (i32.const 768) (i32.const 2) (i32.const 3) (i32.const 1024) (i32.const 2)))
            (call $try (i32.const 256) (i32.const 16))
            (call $try (i32.const 512) (i32.const 11))
            (call $try (i32.const 768) (i32.const 2))
            (call $try (i32.const 1024) (i32.const 2))
            (call $try (i32.const 1280) (i32.const 5))
            (global.set $got (i32.add (global.get $got) (i32.eqz
                (call $rename (i32.const 3) (i32.const 1024) (i32.const 2) (i32.const 3) (i32.const 768) (i32.const 2)))))
            (call $exit (global.get $got))))"#;
    let report = node.run(Job { output_directory: true, ..job(text) }).await;
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert_eq!(report.outputs, vec![]);
}

#[tokio::test]
async fn modules_that_cannot_run_are_refused_with_a_reason() {
    let node = Node::start().await;
    let truncated = wat::parse_str(ENDLESS).unwrap();
    let invalid = wat::parse_str(r#"(module (func (export "_start") (drop (i32.add))))"#).unwrap();
    let unknown =
        wat::parse_str(r#"(module (import "env" "system" (func)) (func (export "_start")))"#).unwrap();
    let cases: [(&[u8], &str); 4] = [
        (b"#!/bin/sh\necho hello", "not a WebAssembly binary"),
        (&truncated[..truncated.len() - 2], "the module is damaged"),
        (&invalid, "the module is not valid"),
        (&unknown, "env::system"),
    ];
    for (module, expected) in cases {
        match node.run(job_of(module)).await.outcome {
            Outcome::Refused(reason) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other}"),
        }
    }
}

#[tokio::test]
async fn traps_and_exit_codes_are_told_apart() {
    let node = Node::start().await;
    let [exit_3, exit_0] = [3, 0].map(|code: u32| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const {code}))))"#
        )
    });
    let start = r#"(module (func $trap unreachable) (start $trap) (func (export "_start")))"#;
    let divide = r#"(module (func (export "_start") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;
    let outside = r#"(module (memory 1) (func (export "_start") (drop (i32.load (i32.const -1)))))"#;
    let empty = r#"(module (table 1 funcref) (type $t (func)) (func (export "_start")
        (call_indirect (type $t) (i32.const 0))))"#;
    let cases = [
        (exit_3.as_str(), Outcome::Exited(3)),
        (exit_0.as_str(), Outcome::Exited(0)),
        (start, Outcome::Trapped(TrapKind::Unreachable)),
        (divide, Outcome::Trapped(TrapKind::DivisionByZero)),
        (outside, Outcome::Trapped(TrapKind::MemoryOutOfBounds)),
        (empty, Outcome::Trapped(TrapKind::BadIndirectCall)),
    ];
    for (text, expected) in cases {
        assert_eq!(node.run_text(text).await.outcome, expected, "{text}");
    }
}
