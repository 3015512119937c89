//! Guests in jailed worker processes with hard limits.
//!
//! ```text
//! node process                                  worker process (this binary again, behind the jail)
//!   Sandbox -- code: cache, or a compiler process
//!      |---- pool: a worker of the project ---- channel ---- worker: engine, limits, WASI
//!      '---- conversation: believes nothing <------------------ output, files, report
//! ```
//!
//! A guest is WebAssembly: a WASI preview 1 module or a WASI 0.2 component, a command or an HTTP handler. The engine
//! contains it, and the jail contains the engine. README.md says what is enforced where.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod cache;
mod compile;
mod compiler;
mod conversation;
mod engine;
mod error;
mod exchange;
mod inspect;
mod jail;
mod job;
mod keeper;
mod pool;
#[cfg(feature = "test-support")]
pub mod probes;
mod process;
mod sandbox;
mod sealed_reader;
mod serving;
mod spawner;
mod walls;
mod wire;
mod worker;

pub use compiler::run_compiler_process;
pub use engine::engine_build;
pub use error::SandboxError;
pub use inspect::{ModuleCaps, ModuleError, ModuleFacts, inspect};
pub use job::{Job, OutputStream, Profile, RunReport, Watcher};
pub use sandbox::{Figures, Sandbox, SandboxConfig};
pub use serving::{Answer, NoOutbound, Outbound, OutboundError, Serving};
pub use spawner::WorkerProgram;
pub use walls::Walls;
pub use worker::run_worker_process;
