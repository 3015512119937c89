use std::os::fd::BorrowedFd;
use std::time::Duration;

use casemate_model::{LimitKind, Outcome, RunLimits};

use crate::Profile;
use crate::cache::CODE_BYTES_MAX;
use crate::process::{Obituary, Process, ProcessError};
use crate::spawner::{Role, Spawner};
use crate::wire::frame::Kind;
use crate::wire::message::{CompileReply, CompileRequest, CompilerBounds, Setup};

/// What the compiler's process and its libraries say when an allocation fails.
const OUT_OF_MEMORY: [&str; 2] = ["memory allocation of", "annot allocate memory"];

/// One compilation.
pub(crate) struct Compilation<'a> {
    /// Starts the process.
    pub(crate) spawner: &'a Spawner,
    /// What every process is told.
    pub(crate) setup: &'a Setup,
    /// The module.
    pub(crate) module: BorrowedFd<'a>,
    /// A component, else a core module.
    pub(crate) component: bool,
    /// Decides the engine's configuration.
    pub(crate) profile: Profile,
    /// Bounds time and memory.
    pub(crate) limits: &'a RunLimits,
}

impl Compilation<'_> {
    /// Compiles in a process of its own, which is killed at the limit. An error is the outcome of the run.
    pub(crate) async fn code(self) -> Result<Vec<u8>, Outcome> {
        let within = Duration::from_millis(self.limits.compile_ms);
        match tokio::time::timeout(within, self.compile()).await {
            Ok(result) => result,
            Err(_) => Err(Outcome::LimitReached(LimitKind::CompileTime)),
        }
    }

    async fn compile(&self) -> Result<Vec<u8>, Outcome> {
        let bounds = CompilerBounds {
            memory_bytes: self.limits.compile_memory_bytes,
            cpu_seconds: self.limits.compile_ms / 1000 + 1,
        };
        let setup = Setup { compiler: Some(bounds), ..self.setup.clone() };
        let (mut process, _) = Process::start(self.spawner, Role::Compiler, &setup, None)
            .await
            .map_err(|error| Outcome::EngineFailed(crate::error::describe(&error)))?;
        match self.ask(&mut process).await {
            Ok(Ok(code)) => Ok(code),
            Ok(Err(complaint)) if is_out_of_memory(&complaint) => {
                Err(Outcome::LimitReached(LimitKind::CompileMemory))
            }
            Ok(Err(complaint)) => Err(Outcome::Refused(format!("the module is not valid: {complaint}"))),
            Err(error) => Err(of_death(&error, &process.obituary().await)),
        }
    }

    async fn ask(&self, process: &mut Process) -> Result<Result<Vec<u8>, String>, ProcessError> {
        let request = CompileRequest { profile: self.profile, component: self.component };
        process.send_json(Kind::Compile, &request, &[self.module]).await?;
        let mut code = Vec::new();
        loop {
            let (kind, payload) = process.receive().await?;
            match kind {
                Kind::Code if (code.len() + payload.len()) as u64 <= CODE_BYTES_MAX => {
                    code.extend_from_slice(&payload);
                }
                Kind::Compiled => {
                    let reply = serde_json::from_slice(&payload)
                        .map_err(|error| ProcessError::Channel(std::io::Error::other(error)))?;
                    return Ok(match reply {
                        CompileReply::Compiled => Ok(code),
                        CompileReply::Invalid(complaint) => Err(complaint),
                    });
                }
                _ => return Err(ProcessError::Channel(std::io::Error::other("a frame out of turn"))),
            }
        }
    }
}

fn of_death(error: &ProcessError, obituary: &Obituary) -> Outcome {
    if is_out_of_memory(&obituary.last_words) {
        return Outcome::LimitReached(LimitKind::CompileMemory);
    }
    match obituary.signal {
        // The kernel's own bound on processor time, in case the node was too busy to look at the clock.
        Some(libc::SIGXCPU) => Outcome::LimitReached(LimitKind::CompileTime),
        _ => Outcome::EngineFailed(format!("the compiler failed: {error}; {obituary}")),
    }
}

fn is_out_of_memory(text: &str) -> bool {
    OUT_OF_MEMORY.iter().any(|sign| text.contains(sign))
}
