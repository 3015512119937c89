//! What runs inside a compiler process: one module in, its code out, then the end.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use casemate_canonical::canonicalize;

use crate::Profile;
use crate::engine::compiler_engine;
use crate::jail::{self, Bounds, JailError};
use crate::sealed_reader::SealedReader;
use crate::wire::frame::{Kind, REPLY_BYTES_MAX};
use crate::wire::message::{CompileReply, CompileRequest, CompilerBounds, Ready};
use crate::worker::channel::{Channel, ChannelError, Request};
use crate::worker::{expect_setup, report};

/// How much of the compiler's complaint about a module is passed on.
const COMPLAINT_CHARS_MAX: usize = 2000;

/// Why a compiler process ends by itself.
#[derive(Debug, thiserror::Error)]
enum CompilerError {
    /// The channel to the node broke.
    #[error("the channel to the node failed")]
    Channel(#[from] ChannelError),
    /// A wall could not be raised.
    #[error("the jail is incomplete")]
    Jail(#[from] JailError),
    /// The module could not be read.
    #[error("the module could not be read")]
    Module(#[source] std::io::Error),
    /// The node asked for something that a compiler does not do.
    #[error("the node sent no compiler's bounds")]
    NoBounds,
}

/// The process behind `casemate __compiler`. Call it first thing in `main`, as for
/// [`run_worker_process`](crate::run_worker_process).
pub fn run_compiler_process() -> ExitCode {
    report(serve())
}

fn serve() -> Result<(), CompilerError> {
    jail::close_inherited_descriptors()?;
    let channel = Channel::of_this_process()?;
    let Some(setup) = channel.receive()? else {
        return Ok(());
    };
    let (setup, _) = expect_setup(setup)?;
    let bounds = bounds(setup.compiler.ok_or(CompilerError::NoBounds)?);
    let walls = jail::enter(None, setup.uid, &bounds)?;
    let walls = jail::seal(walls)?;
    channel.send_json(Kind::Ready, &Ready { walls })?;
    while let Some(request) = channel.receive()? {
        compile(request, &channel)?;
    }
    Ok(())
}

/// The kernel's bounds of a compiler: what it has mapped so far, and what it is given.
fn bounds(given: CompilerBounds) -> Bounds {
    let mapped = mapped_bytes().unwrap_or(1 << 30);
    Bounds {
        data_bytes: given.memory_bytes.saturating_add(mapped),
        address_space_bytes: given.memory_bytes.saturating_add(mapped),
        file_bytes: 0,
        cpu_seconds: Some(given.cpu_seconds),
    }
}

/// The address space that the process has mapped: the first figure of `/proc/self/statm`, in pages.
fn mapped_bytes() -> Option<u64> {
    let mut text = String::new();
    let file = rustix::fs::open(
        "/proc/self/statm",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .ok()?;
    File::from(file).take(256).read_to_string(&mut text).ok()?;
    let pages: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn compile(mut request: Request, channel: &Channel) -> Result<(), CompilerError> {
    if request.kind != Kind::Compile {
        return Err(ChannelError::OutOfTurn(request.kind).into());
    }
    let asked: CompileRequest = request.json()?;
    let mut module = Vec::new();
    SealedReader::new(request.take_descriptor()?).read_to_end(&mut module).map_err(CompilerError::Module)?;
    let reply = match code(asked, &module) {
        Ok(code) => {
            for chunk in code.chunks(REPLY_BYTES_MAX) {
                channel.send(Kind::Code, chunk)?;
            }
            CompileReply::Compiled
        }
        Err(error) => CompileReply::Invalid(format!("{error:#}").chars().take(COMPLAINT_CHARS_MAX).collect()),
    };
    Ok(channel.send_json(Kind::Compiled, &reply)?)
}

fn code(asked: CompileRequest, module: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let engine = compiler_engine(asked.profile)?;
    if asked.component {
        return engine.precompile_component(module);
    }
    match asked.profile {
        Profile::Default => engine.precompile_module(module),
        Profile::Det1 => engine.precompile_module(&canonicalize(module)?),
    }
}
