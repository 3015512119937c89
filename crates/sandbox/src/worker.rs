//! What runs inside a worker process: it raises its walls, then takes runs from the channel one at a time.
//!
//! Nothing here is trusted to hold once a guest has run: the node checks every frame that comes out.

pub(crate) mod channel;
mod clock;
mod code;
mod counters;
mod descriptors;
mod directory;
mod engines;
mod fetches;
mod files;
mod handler;
mod limiter;
mod meter;
mod outcome;
mod randomness;
mod run;
mod streams;
mod ticker;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use crate::jail::{self, Bounds, JailError};
use crate::walls::Walls;
use crate::wire::frame::Kind;
use crate::wire::message::{Ready, RunRequest, Setup};
use channel::{Channel, ChannelError, Request};
use engines::Engines;
use files::Scratch;
use ticker::Ticker;

/// Memory of a worker beside its guests' memory and tables: the program, compiled code, buffers, input.
const WORKER_MEMORY_BYTES: u64 = 2 << 30;
/// What the engine's pools reserve. Two of them at most, each about a terabyte and none of it filled.
const ADDRESS_SPACE_BYTES: u64 = 8 << 40;

/// Why a worker process ends by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// The channel to the node broke.
    #[error("the channel to the node failed")]
    Channel(#[from] ChannelError),
    /// A wall could not be raised.
    #[error("the jail is incomplete")]
    Jail(#[from] JailError),
    /// The engine did not start.
    #[error("the engine did not start")]
    Engine(#[source] wasmtime::Error),
    /// The scratch directory failed.
    #[error("the scratch directory failed")]
    Scratch(#[from] rustix::io::Errno),
    /// A thread or the runtime did not start.
    #[error("a thread of the worker did not start")]
    Thread(#[source] std::io::Error),
    /// The node asked for something that a worker does not do.
    #[error("the node sent {0:?} out of turn")]
    OutOfTurn(Kind),
}

/// The process behind `casemate __worker`. Call it first thing in `main`: it closes inherited descriptors, and
/// the walls want a process with one thread.
pub fn run_worker_process() -> ExitCode {
    report(serve())
}

/// Ends the process with its error on standard error, which the node reads.
#[expect(clippy::print_stderr, reason = "the node reads a dying worker's standard error")]
pub(crate) fn report<E: std::error::Error + 'static>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("{}", crate::error::describe(&error));
    ExitCode::FAILURE
}

fn serve() -> Result<(), WorkerError> {
    jail::close_inherited_descriptors()?;
    let channel = Channel::of_this_process()?;
    let Some(setup) = channel.receive()? else {
        return Ok(());
    };
    let (setup, scratch) = expect_setup(setup)?;
    let mut worker = Worker::start(&setup, scratch, channel)?;
    worker.serve()
}

/// Takes apart the first request.
pub(crate) fn expect_setup(request: Request) -> Result<(Setup, Option<OwnedFd>), ChannelError> {
    if request.kind != Kind::Setup {
        return Err(ChannelError::OutOfTurn(request.kind));
    }
    let setup = request.json()?;
    Ok((setup, request.descriptors.into_iter().next()))
}

struct Worker {
    channel: Channel,
    runtime: tokio::runtime::Runtime,
    ticker: Ticker,
    engines: Engines,
    scratch: Scratch,
}

impl Worker {
    fn start(setup: &Setup, scratch: Option<OwnedFd>, channel: Channel) -> Result<Self, WorkerError> {
        let scratch = scratch.ok_or(WorkerError::OutOfTurn(Kind::Setup))?;
        let bounds = bounds(setup);
        let walls = jail::enter(Some(scratch.as_fd()), setup.uid, &bounds)?;
        let (runtime, ticker, walls) = start_threads(walls)?;
        let engines = Engines::start().map_err(WorkerError::Engine)?;
        let scratch = Scratch::new(scratch, setup.output_bytes_max);
        channel.send_json(Kind::Ready, &Ready { walls })?;
        Ok(Self { channel, runtime, ticker, engines, scratch })
    }

    fn serve(&mut self) -> Result<(), WorkerError> {
        while let Some(mut request) = self.channel.receive()? {
            match request.kind {
                Kind::Ping => self.channel.send(Kind::Pong, &[])?,
                Kind::Input => {
                    let file = request.json()?;
                    let bytes = request.take_descriptor()?;
                    self.scratch.write_input(&file, bytes)?;
                }
                Kind::Run => {
                    let run: RunRequest = request.json()?;
                    self.scratch.prepare(&run)?;
                    let (done, clean) = run::run(self, &run, request)?;
                    if !clean {
                        // The node replaces this worker, so there is no next run to clean up for.
                        return Ok(self.channel.send_json(Kind::Done, &done)?);
                    }
                    // Before the report: a directory that cannot be emptied ends this run, not the next.
                    self.scratch.wipe()?;
                    self.channel.send_json(Kind::Done, &done)?;
                }
                other => return Err(WorkerError::OutOfTurn(other)),
            }
        }
        Ok(())
    }
}

/// The kernel's bounds of a worker.
pub(crate) fn bounds(setup: &Setup) -> Bounds {
    let tables = setup.table_elements_max.saturating_mul(8);
    Bounds {
        data_bytes: setup.memory_bytes_max.saturating_add(tables).saturating_add(WORKER_MEMORY_BYTES),
        address_space_bytes: ADDRESS_SPACE_BYTES,
        file_bytes: setup.output_bytes_max,
        cpu_seconds: None,
    }
}

/// Starts the worker's only other threads, then closes the door.
///
/// Guests' file functions run on a thread of their own, so that a deadline can pass while one of them waits; a
/// second thread counts the engine's epoch. Neither ends before the process, since none could be started anew.
pub(crate) fn start_threads(walls: Walls) -> Result<(tokio::runtime::Runtime, Ticker, Walls), WorkerError> {
    const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .thread_keep_alive(FOREVER)
        .build()
        .map_err(WorkerError::Thread)?;
    runtime
        .block_on(runtime.spawn_blocking(|| ()))
        .map_err(|error| WorkerError::Thread(std::io::Error::other(error)))?;
    let ticker = Ticker::start().map_err(WorkerError::Thread)?;
    let walls = jail::seal(walls)?;
    Ok((runtime, ticker, walls))
}
