#![expect(clippy::disallowed_methods, reason = "a worker is a process of its own with a clock of its own")]

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casemate_model::{LimitKind, Outcome};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Error, InstancePre, Store, UpdateDeadline};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpCtx;

use super::channel::{Channel, Request};
use super::clock::VirtualClock;
use super::counters::{self, Counters};
use super::engines::{ComponentState, CoreState, HandlerState, LinkError, Linked};
use super::fetches::Fetches;
use super::files::{self, OutputWatch};
use super::limiter::Limiter;
use super::meter::{Meter, Stream};
use super::outcome;
use super::randomness::SeededRandomness;
use super::streams::{Input, Output};
use super::{Worker, WorkerError};
use crate::Profile;
use crate::job::ended_by_itself;
use crate::wire::frame::REPLY_BYTES_MAX;
use crate::wire::message::{Done, RunRequest};

/// Resources (open files, streams, pollables) that a component may hold at once.
const RESOURCES_MAX: usize = 10_000;
/// Random bytes that a guest may ask for at once, which the host has to hold.
const RANDOM_BYTES_MAX: u64 = 1 << 20;
/// A guest that is stopped in mid-course has written back its fuel to within so many operations; the counter is in
/// a register between. A guest that ends by itself or runs out of fuel is counted exactly.
const FUEL_STEP: u64 = 1_000_000;
/// How often what a guest has written is sent while it goes on, so that whoever watches sees it.
const SEND_EVERY: Duration = Duration::from_millis(100);
/// What the engine's counter begins with where it is not what counts.
const FUEL_UNBOUNDED: u64 = u64::MAX >> 1;
/// How much of a message goes into a reply.
const DETAIL_CHARS_MAX: usize = 2000;

/// What stays the same over one run.
pub(super) struct Session<'a> {
    pub(super) run: &'a RunRequest,
    pub(super) deadline: Instant,
    pub(super) meter: Arc<Meter>,
    pub(super) channel: Channel,
    pub(super) body: Option<OwnedFd>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
}

/// What a guest did and used.
struct Measured {
    outcome: Outcome,
    fuel: u64,
    memory_bytes_peak: u64,
    table_elements_peak: u64,
    instantiate: Duration,
    run: Duration,
    /// An answer from the node is still to come, that nobody wants.
    waits: bool,
}

/// Runs one guest to its end and sends what it wrote. Returns how it ended, and whether it ended by itself, so
/// that the worker is as good as before.
pub(super) fn run(
    worker: &mut Worker,
    run: &RunRequest,
    mut request: Request,
) -> Result<(Done, bool), WorkerError> {
    let arrived = Instant::now();
    let deadline = arrived + Duration::from_micros(run.remaining_us);
    let code = request.take_descriptor()?;
    let stdin = if run.stdin { Some(request.take_descriptor()?) } else { None };
    let (engine, linked) = match worker.engines.ready(run, code) {
        Ok(ready) => ready,
        Err(error) => {
            let load = arrived.elapsed();
            return Ok((done(Measured::none(of_link(error)), load), false));
        }
    };
    let load = arrived.elapsed();
    let meter = Arc::new(Meter::new(run.limits));
    let output = |stream| Output::new(stream, Arc::clone(&meter), worker.channel.clone());
    let stderr = output(Stream::Stderr);
    // What answers a request has one log, whose lines stay in their order.
    let (stdin, body, stdout) = match &run.serving {
        Some(_) => (None, stdin, stderr.clone()),
        None => (stdin, None, output(Stream::Stdout)),
    };
    let session = Session {
        run,
        deadline,
        stdin: Input::new(stdin),
        stdout,
        stderr,
        channel: worker.channel.clone(),
        body,
        meter: Arc::clone(&meter),
    };
    let output = if run.output_directory { Some(worker.scratch.output()?) } else { None };
    let watch = match &output {
        Some(output) => Some(OutputWatch::new(output.try_clone().map_err(WorkerError::Thread)?, arrived)),
        None => None,
    };
    let mut measured = {
        let _ticking = worker.ticker.tick(&engine);
        worker.runtime.block_on(session.sending(session.execute(&engine, &linked, watch)))?
    };
    session.stdout.finish()?;
    session.stderr.finish()?;
    let mut outputs_refused = Vec::new();
    if let Some(output) = output {
        let watch = OutputWatch::new(output.try_clone().map_err(WorkerError::Thread)?, arrived);
        if let (Outcome::Exited(_), Err(_)) = (&measured.outcome, watch.measure(&session.meter)) {
            measured.outcome = Outcome::LimitReached(LimitKind::Output);
        }
        if let Outcome::Exited(_) = measured.outcome {
            outputs_refused = files::send_outputs(&output, &worker.channel)?;
        }
    }
    let clean = ended_by_itself(&measured.outcome, run.output_directory) && !measured.waits;
    let mut done = done(measured, load);
    done.outputs_refused = bounded(outputs_refused);
    Ok((done, clean))
}

/// Keeps the list of refused outputs within one frame.
fn bounded(mut paths: Vec<String>) -> Vec<String> {
    let mut left = REPLY_BYTES_MAX / 8;
    paths.retain(|path| {
        let fits = path.len() <= left;
        left = left.saturating_sub(path.len());
        fits
    });
    paths
}

fn of_link(error: LinkError) -> Outcome {
    match error {
        LinkError::Import(error) => Outcome::Refused(format!("the module cannot be linked: {error:#}")),
        LinkError::Code(error) => Outcome::EngineFailed(format!("the compiled code was refused: {error:#}")),
    }
}

fn done(measured: Measured, load: Duration) -> Done {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Done {
        kind: measured.outcome.kind().to_owned(),
        detail: measured.outcome.detail().chars().take(DETAIL_CHARS_MAX).collect(),
        fuel: measured.fuel,
        memory_bytes_peak: measured.memory_bytes_peak,
        table_elements_peak: measured.table_elements_peak,
        load_us: micros(load),
        instantiate_us: micros(measured.instantiate),
        run_us: micros(measured.run),
        outputs_refused: Vec::new(),
    }
}

impl Measured {
    fn none(outcome: Outcome) -> Self {
        Self {
            outcome,
            fuel: 0,
            memory_bytes_peak: 0,
            table_elements_peak: 0,
            instantiate: Duration::ZERO,
            run: Duration::ZERO,
            waits: false,
        }
    }
}

impl Session<'_> {
    /// Sends what the guest writes while it runs or waits.
    async fn sending(
        &self,
        run: impl Future<Output = Result<Measured, WorkerError>>,
    ) -> Result<Measured, WorkerError> {
        let mut run = std::pin::pin!(run);
        loop {
            match tokio::time::timeout(SEND_EVERY, &mut run).await {
                Ok(ended) => return ended,
                Err(_) => {
                    self.stdout.finish()?;
                    self.stderr.finish()?;
                }
            }
        }
    }

    async fn execute(
        &self,
        engine: &Engine,
        linked: &Linked,
        watch: Option<OutputWatch>,
    ) -> Result<Measured, WorkerError> {
        let limiter = Limiter::new(Arc::clone(&self.meter));
        match linked {
            Linked::Core(pre) => {
                let wasi = self.wasi().map_err(WorkerError::Engine)?.build_p1();
                let mut store = Store::new(engine, CoreState { wasi, limiter });
                store.limiter(|state| &mut state.limiter);
                self.bound(&mut store, watch, self.run.profile == Profile::Det1)
                    .map_err(WorkerError::Engine)?;
                let (outcome, times) = self.core(pre, &mut store).await;
                Ok(self.measured(outcome, times, &store, &store.data().limiter))
            }
            Linked::Component(pre) => {
                let wasi: WasiCtx = self.wasi().map_err(WorkerError::Engine)?.build();
                let mut table = ResourceTable::new();
                table.set_max_capacity(RESOURCES_MAX);
                let mut store = Store::new(engine, ComponentState { wasi, table, limiter });
                store.limiter(|state| &mut state.limiter);
                self.bound(&mut store, watch, false).map_err(WorkerError::Engine)?;
                let (outcome, times) = self.component(pre, &mut store).await;
                Ok(self.measured(outcome, times, &store, &store.data().limiter))
            }
            Linked::Handler(pre) => {
                let wasi = self.wasi().map_err(WorkerError::Engine)?.build();
                let mut table = ResourceTable::new();
                table.set_max_capacity(RESOURCES_MAX);
                let component = ComponentState { wasi, table, limiter };
                let fetches = Fetches::new(self.channel.clone());
                let state = HandlerState { component, http: WasiHttpCtx::new(), fetches };
                let mut store = Store::new(engine, state);
                store.limiter(|state| &mut state.component.limiter);
                self.bound(&mut store, None, false).map_err(WorkerError::Engine)?;
                let (outcome, times) = self.handler(pre, &mut store).await;
                let waits = store.data().fetches.waits();
                let measured = self.measured(outcome, times, &store, &store.data().component.limiter);
                Ok(Measured { waits, ..measured })
            }
        }
    }

    async fn core(&self, pre: &InstancePre<CoreState>, store: &mut Store<CoreState>) -> (Outcome, Times) {
        let mut times = Times::start();
        let mut counters = None;
        let call = async {
            let instance = pre.instantiate_async(&mut *store).await?;
            if self.run.profile == Profile::Det1 {
                counters = Some(Counters::set(&mut *store, &instance, self.run.limits)?);
                counters::start(&mut *store, &instance).await?;
            }
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            times.instantiated();
            start.call_async(&mut *store, ()).await
        };
        let ended = tokio::time::timeout_at(self.deadline.into(), call).await;
        let judged = match (&counters, &ended) {
            (Some(counters), Ok(Err(error))) => counters.judge(&mut *store, error, &self.meter),
            _ => None,
        };
        times.fuel = counters.map(|counters| counters.fuel(&mut *store));
        let outcome = match (judged, ended) {
            (Some(judged), _) => judged,
            (None, Ok(result)) => self.outcome(result, Outcome::Exited(0)),
            (None, Err(_)) => Outcome::LimitReached(LimitKind::Wall),
        };
        (outcome, times)
    }

    async fn component(
        &self,
        pre: &CommandPre<ComponentState>,
        store: &mut Store<ComponentState>,
    ) -> (Outcome, Times) {
        let mut times = Times::start();
        let call = async {
            let command = pre.instantiate_async(&mut *store).await?;
            times.instantiated();
            command.wasi_cli_run().call_run(&mut *store).await
        };
        let ended = tokio::time::timeout_at(self.deadline.into(), call).await;
        let outcome = match ended {
            // A component's `run` returns success or failure, which are the exit codes 0 and 1.
            Ok(Ok(result)) => self.outcome(Ok(()), Outcome::Exited(u32::from(result.is_err()))),
            Ok(Err(error)) => self.outcome(Err(error), Outcome::Exited(1)),
            Err(_) => Outcome::LimitReached(LimitKind::Wall),
        };
        (outcome, times)
    }

    /// A limit that was reached stands even if the guest swallowed the error and ended well.
    pub(super) fn outcome(&self, result: wasmtime::Result<()>, ended: Outcome) -> Outcome {
        match (result, self.meter.reached()) {
            (_, Some(kind)) => Outcome::LimitReached(kind),
            (Ok(()), None) => ended,
            (Err(error), None) => outcome::of_error(&error, &self.meter),
        }
    }

    /// Sets fuel and deadline. The deadline is a time that the guest looks at on every tick; what it waits for
    /// outside is dropped by the timeout around the call.
    fn bound<T>(
        &self,
        store: &mut Store<T>,
        mut watch: Option<OutputWatch>,
        canonical: bool,
    ) -> wasmtime::Result<()> {
        // A module in canonical form counts its own; the engine's counter is only read in between.
        store.set_fuel(if canonical { FUEL_UNBOUNDED } else { self.run.limits.fuel })?;
        store.fuel_async_yield_interval(Some(FUEL_STEP))?;
        store.set_epoch_deadline(1);
        let (deadline, meter) = (self.deadline, Arc::clone(&self.meter));
        store.epoch_deadline_callback(move |_| {
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::new(meter.reach(LimitKind::Wall)));
            }
            if let Some(watch) = &mut watch {
                watch.look(now, &meter).map_err(Error::new)?;
            }
            Ok(UpdateDeadline::Yield(1))
        });
        Ok(())
    }

    fn measured<T>(&self, outcome: Outcome, times: Times, store: &Store<T>, limiter: &Limiter) -> Measured {
        Measured {
            outcome,
            fuel: times
                .fuel
                .unwrap_or_else(|| self.run.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0))),
            memory_bytes_peak: limiter.memory_bytes_peak(),
            table_elements_peak: limiter.table_elements_peak(),
            instantiate: times.instantiate,
            run: times.since.elapsed(),
            waits: false,
        }
    }

    /// The guest's world. Everything that is not given here does not exist for it: no network, no other
    /// directory, no host environment.
    fn wasi(&self) -> wasmtime::Result<WasiCtxBuilder> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&self.run.args)
            .envs(&self.run.env)
            .stdin(self.stdin.clone())
            .stdout(self.stdout.clone())
            .stderr(self.stderr.clone())
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if self.run.input_directory {
            wasi.preopened_dir(files::INPUT, "/in", FsPerms::ReadOnly)?;
        }
        if self.run.output_directory {
            wasi.preopened_dir(files::OUTPUT, "/out", FsPerms::ReadWrite)?;
        }
        if self.run.profile == Profile::Det1 {
            let clock = VirtualClock::default();
            let seed = self.run.seed;
            wasi.wall_clock(clock.clone())
                .monotonic_clock(clock)
                .secure_random(SeededRandomness::new(seed, 0))
                .insecure_random(SeededRandomness::new(seed, 1))
                .insecure_random_seed(SeededRandomness::new(seed, 2).next_u128());
        }
        Ok(wasi)
    }
}

/// When a guest began and how long its instance took.
pub(super) struct Times {
    since: Instant,
    instantiate: Duration,
    /// The fuel that was used, where the guest has counted it itself.
    fuel: Option<u64>,
}

impl Times {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), instantiate: Duration::ZERO, fuel: None }
    }

    pub(super) fn instantiated(&mut self) {
        self.instantiate = self.since.elapsed();
        self.since = Instant::now();
    }
}
