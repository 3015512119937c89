//! The binary `casemate`: commands, config and the one composition root.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod address;
mod app;
mod cache;
mod clock_watch;
mod commands;
mod config;
mod context;
mod dns;
mod egress;
mod escape;
mod interrupt;
mod known;
mod limits;
mod location;
mod logging;
mod memory;
mod output;
mod owner_keys;
mod paging;
mod peers;
mod peppers;
mod progress;
mod proofs;
mod recorder;
mod remote;
mod report;
mod secret_line;
mod serve;
mod signed_in;
mod span;
mod stdin;
mod tables;
mod transfer;
mod wire;
mod world;

use std::ffi::OsStr;
use std::process::ExitCode;

/// Workers and compilers are this same binary, started anew inside their jail. They come before anything else: they
/// close descriptors, and must not have started a thread.
#[expect(clippy::disallowed_methods, reason = "the program's own arguments")]
fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("__worker") => casemate_sandbox::run_worker_process(),
        Some("__compiler") => casemate_sandbox::run_compiler_process(),
        _ => {
            memory::keep_private();
            app::run()
        }
    }
}
