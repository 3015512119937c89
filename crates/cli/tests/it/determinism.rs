//! The same run on several nodes, before and after they are started again.

use std::collections::BTreeSet;

use crate::binary::User;

/// Writes what clock and random source give, and the depth at which it gave up: it calls itself as often as the random source says.
const OBSERVER: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $down (param i32) (result f64)
        (if (result f64) (i32.eqz (local.get 0))
            (then (f64.div (f64.const 1) (f64.const 3)))
            (else (f64.sqrt (call $down (i32.sub (local.get 0) (i32.const 1)))))))
    (func (export "_start")
        (drop (call $time (i32.const 1) (i64.const 1) (i32.const 64)))
        (drop (call $random (i32.const 72) (i32.const 16)))
        (f64.store (i32.const 88) (call $down (i32.and (i32.load (i32.const 72)) (i32.const 1023))))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 32))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Calls itself until it may not.
const BOTTOMLESS: &str = r#"(module (memory (export "memory") 1) (func $f (call $f) (drop (memory.size)))
    (func (export "_start") (call $f)))"#;

#[test]
fn the_same_run_gives_the_same_on_two_nodes_before_and_after_a_restart() {
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let user = User::new();
        let observer = user.file("observer.wasm", &wat::parse_str(OBSERVER).unwrap());
        let bottomless = user.file("bottomless.wasm", &wat::parse_str(BOTTOMLESS).unwrap());
        for _ in 0..2 {
            let _node = user.serve();
            for _ in 0..2 {
                let task = user.run(&["run", &observer, "--det", "--json"]).json();
                let result = &task["result"];
                assert_eq!(result["outcome"]["text"], "exited with code 0");
                let ended = user.run(&["run", &bottomless, "--det", "--json"]);
                let ended: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
                let deep = &ended["result"];
                assert_eq!(deep["outcome"]["kind"], "limit-reached", "{deep}");
                assert_eq!(deep["outcome"]["detail"], "stack", "{deep}");
                seen.insert(
                    [&result["stdout"], &result["usage"]["fuel"], &deep["usage"]["fuel"]]
                        .map(ToString::to_string),
                );
            }
        }
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    let [_, observed, deep] = seen.first().unwrap();
    assert_ne!(observed, "0");
    assert_ne!(deep, "0");
}
