use super::*;
use proptest::prelude::*;

fn facts(text: &str) -> Result<ModuleFacts, String> {
    let module = wat::parse_str(text).expect("the test's own text");
    inspect(&module, &ModuleCaps::DEFAULT).map_err(|error| error.to_string())
}

#[test]
fn facts_of_a_small_command() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (memory 2) (table 7 funcref)
        (func (export "_start") (local i32 i64 i64)))"#;
    let expected = ModuleFacts {
        component: false,
        command: true,
        handler: false,
        functions: 1,
        body_bytes_max: 6,
        locals_max: 3,
        imports: vec!["wasi_snapshot_preview1::proc_exit".to_owned()],
        memory_bytes_min: 131_072,
        table_elements_min: 7,
        objects_min: 1,
    };
    assert_eq!(facts(text), Ok(expected));
}

#[test]
fn refusals_say_what_and_how_to_mend_it() {
    let cases = [
        (
            r#"(module (import "env" "system" (func)) (func (export "_start")))"#,
            "the module needs what no guest gets: env::system; only WASI preview 1 (modules) and WASI 0.2 \
             (components) are provided",
        ),
        (
            "(module (func (export \"run\")))",
            "the module exports no _start, so it is no command; build it as a program, not as a library",
        ),
        (
            "(module (memory i64 1) (func (export \"_start\")))",
            "the module uses a 64-bit memory, which is not supported; build it for wasm32",
        ),
        (
            "(component)",
            "the module exports no wasi:cli/run@0.2, so it is no command; build it as a program, not as a library",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(facts(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn other_files_are_told_apart() {
    let of = |bytes: &[u8]| inspect(bytes, &ModuleCaps::DEFAULT).map_err(|error| error.to_string());
    assert_eq!(of(b""), Err("the module is empty".to_owned()));
    assert_eq!(
        of(b"#!/bin/sh"),
        Err("this is not a WebAssembly binary: it starts with 23212f62, not with \\0asm; it looks like a script, \
             which is an input for an interpreter's module"
            .to_owned())
    );
    let module = wat::parse_str("(module (func (export \"_start\")))").expect("the test's own text");
    assert_eq!(of(&module[..module.len() - 1]), Err("the module is damaged".to_owned()));
}

#[test]
fn each_cap_is_enforced() {
    let module = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
            (func (export "_start") (local i32 i32)) (func))"#,
    )
    .expect("the test's own text");
    let caps = ModuleCaps::DEFAULT;
    let cases = [
        ("bytes", ModuleCaps { bytes_max: 8, ..caps }),
        ("functions", ModuleCaps { functions_max: 1, ..caps }),
        ("locals in one function", ModuleCaps { locals_max: 1, ..caps }),
        ("bytes in one function", ModuleCaps { body_bytes_max: 2, ..caps }),
        ("imports", ModuleCaps { imports_max: 0, ..caps }),
    ];
    for (expected, caps) in cases {
        match inspect(&module, &caps) {
            Err(ModuleError::TooMuch { what, .. }) => assert_eq!(what, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(bytes);
        let _ = inspect(&module, &ModuleCaps::DEFAULT);
    }
}
