mod code;
mod drive;
mod fetching;
mod hog;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use casemate_fs::Dir;
use casemate_model::{Entropy, LimitKind, Outcome, RunLimits};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::{CodeCache, CodeKey};
use crate::error::SandboxError;
use crate::inspect::ModuleCaps;
use crate::job::{Job, RunReport};
use crate::keeper::{self, Nursery, Worker};
use crate::pool::{Idle, Pool};
use crate::spawner::{Spawner, WorkerProgram};
use crate::walls::Walls;
use crate::wire::frame::Kind;
use crate::wire::message::Setup;
use drive::Progress;

/// How a sandbox is set up.
pub struct SandboxConfig {
    /// How many guests run at once.
    pub workers: usize,
    /// How many modules are compiled at once.
    pub compilers: usize,
    /// A private directory for scratch directories, compiled code and its seal key. No other sandbox may use it.
    pub directory: Dir,
    /// What is executed for workers and compilers.
    pub program: WorkerProgram,
    /// The disk space that compiled code may take.
    pub compile_cache_bytes_max: u64,
    /// How many runs of its project a worker serves before it is replaced.
    pub runs_per_worker_max: u32,
    /// What the operator allows a run at most; bounds worker processes too.
    pub ceiling: RunLimits,
    /// What the operator allows a module at most.
    pub caps: ModuleCaps,
    /// The user that workers become if the node runs as root.
    pub worker_uid: u32,
    /// Runs guests even though required walls are missing. For development only.
    pub waive_walls: bool,
    /// Where the seal key comes from.
    pub entropy: Arc<dyn Entropy>,
}

impl SandboxConfig {
    /// The defaults for a node with `workers` guests at once.
    pub fn new(workers: usize, directory: Dir, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            workers: workers.max(1),
            compilers: 2,
            directory,
            program: WorkerProgram::ThisExecutable,
            compile_cache_bytes_max: 1 << 30,
            runs_per_worker_max: 1000,
            ceiling: RunLimits::CEILING,
            caps: ModuleCaps::DEFAULT,
            worker_uid: NOBODY,
            waive_walls: false,
            entropy,
        }
    }
}

/// The user without rights on every Linux system.
const NOBODY: u32 = 65_534;
/// How long after a run's deadline its worker is killed, if it has not ended the run by itself.
const KILL_AFTER: Duration = Duration::from_millis(20);
/// How long an idle worker may take to answer.
const PONG_WITHIN: Duration = Duration::from_secs(1);

/// Figures of a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Workers that wait for a run.
    pub workers_idle: usize,
    /// Guests that run now.
    pub workers_busy: usize,
    /// Worker processes started since the sandbox started.
    pub workers_started: u64,
    /// Runs whose code was at hand.
    pub cache_hits: u64,
    /// Runs whose module had to be compiled.
    pub cache_misses: u64,
}

/// Runs guests in jailed worker processes. Clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

/// What all clones share.
pub(crate) struct Shared {
    workers: usize,
    pool: Mutex<Pool<Worker>>,
    slots: Semaphore,
    compilers: Semaphore,
    nursery: Nursery,
    cache: CodeCache,
    compiling: Mutex<HashMap<CodeKey, Weak<tokio::sync::Mutex<()>>>>,
    ceiling: RunLimits,
    caps: ModuleCaps,
    walls: Walls,
    closed: CancellationToken,
    tasks: TaskTracker,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

impl Sandbox {
    /// Starts the workers and checks their walls. Must be called within the runtime that it will run on.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let workers = config.workers.max(1);
        let (orders, received) = mpsc::unbounded_channel();
        let (cache, scratch) = open_directory(&config).await?;
        let spawner = Spawner::start(config.program).map_err(SandboxError::Spawn)?;
        let setup = Setup {
            uid: config.worker_uid,
            memory_bytes_max: config.ceiling.memory_bytes,
            table_elements_max: config.ceiling.table_elements,
            output_bytes_max: config.ceiling.output_bytes,
            compiler: None,
        };
        let nursery = Nursery::new(spawner, setup, scratch.clone(), orders);
        let (first, walls) = nursery.start().await?;
        let missing = walls.missing();
        if !missing.is_empty() && !config.waive_walls {
            return Err(SandboxError::WallsMissing { missing });
        }
        let shared = Arc::new(Shared {
            workers,
            pool: Mutex::new(Pool::new(config.runs_per_worker_max)),
            slots: Semaphore::new(workers),
            compilers: Semaphore::new(config.compilers.max(1)),
            nursery,
            cache,
            compiling: Mutex::default(),
            ceiling: config.ceiling,
            caps: config.caps,
            walls,
            closed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            cache_hits: AtomicU64::new(0),
            cache_misses: AtomicU64::new(0),
        });
        shared.put(Idle::fresh(first));
        for _ in 1..workers {
            let (worker, _) = shared.nursery.start().await?;
            shared.put(Idle::fresh(worker));
        }
        tokio::spawn(keeper::keep(Arc::downgrade(&shared), scratch, received));
        Ok(Self(shared))
    }

    /// Runs one guest. Whatever it does is an outcome, and the run is over at its deadline.
    pub async fn run(&self, job: Job, cancel: CancellationToken) -> RunReport {
        let shared = &self.0;
        let mut progress = Progress::new(&job);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Outcome::Cancelled,
            () = shared.closed.cancelled() => Outcome::EngineFailed("the sandbox is shutting down".to_owned()),
            outcome = shared.drive(&job, &mut progress) => outcome,
            () = tokio::time::sleep_until(job.deadline + KILL_AFTER) => Outcome::LimitReached(LimitKind::Wall),
        };
        progress.report(outcome, Instant::now())
    }

    /// Compiles a job's module, so that its runs find it ready. An error is what a run would come to.
    pub async fn prepare(&self, job: &Job) -> Result<(), Outcome> {
        self.0.prepare(job).await
    }

    /// The walls around every worker.
    pub fn walls(&self) -> &Walls {
        &self.0.walls
    }

    /// Checks that guests can be run: an idle worker answers, or all workers are busy.
    pub async fn probe(&self) -> Result<(), SandboxError> {
        let Some(mut idle) = self.0.lock_pool().take_any() else {
            if self.0.slots.available_permits() < self.0.workers {
                return Ok(());
            }
            self.0.nursery.order_refill();
            return Err(SandboxError::Unresponsive("none is up".to_owned()));
        };
        let process = idle.worker.process();
        let answer = tokio::time::timeout(PONG_WITHIN, async {
            process.send(Kind::Ping, &[], &[]).await?;
            process.receive().await
        });
        match answer.await {
            Ok(Ok((Kind::Pong, _))) => {
                self.0.put(idle);
                Ok(())
            }
            // The worker is dropped in these cases, which kills and replaces it.
            Ok(Ok((kind, _))) => {
                Err(self.unresponsive(format!("a worker said {kind:?} when asked for a pong")))
            }
            Ok(Err(error)) => Err(self.unresponsive(error.to_string())),
            Err(_) => Err(self.unresponsive(format!("a worker was silent for {PONG_WITHIN:?}"))),
        }
    }

    fn unresponsive(&self, text: String) -> SandboxError {
        self.0.nursery.order_refill();
        SandboxError::Unresponsive(text)
    }

    /// Figures for metrics and the console.
    pub fn figures(&self) -> Figures {
        let (workers_idle, _) = self.0.lock_pool().counts();
        Figures {
            workers_idle,
            workers_busy: self.0.workers.saturating_sub(self.0.slots.available_permits()),
            workers_started: self.0.nursery.started(),
            cache_hits: self.0.cache_hits.load(Ordering::Relaxed),
            cache_misses: self.0.cache_misses.load(Ordering::Relaxed),
        }
    }

    /// Ends all runs as engine failures, kills all workers, and waits for code that is being written to disk.
    pub async fn shutdown(&self) {
        self.0.closed.cancel();
        let idle = self.0.lock_pool().drain();
        drop(idle);
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Shared {
    fn lock_pool(&self) -> std::sync::MutexGuard<'_, Pool<Worker>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What makes workers.
    pub(crate) fn nursery(&self) -> &Nursery {
        &self.nursery
    }

    /// Tells whether the next project would have to wait for a process to start.
    pub(crate) fn wants_fresh_worker(&self) -> bool {
        !self.closed.is_cancelled() && self.lock_pool().counts().1 == 0
    }

    /// Gives a worker to the pool, which keeps at most twice as many as guests may run at once.
    pub(crate) fn put(&self, idle: Idle<Worker>) {
        if self.closed.is_cancelled() {
            return;
        }
        let mut pool = self.lock_pool();
        let spent = pool.put(idle);
        let surplus = if pool.counts().0 > 2 * self.workers { pool.take_oldest() } else { None };
        drop(pool);
        // Dropping a worker kills it, which needs no lock.
        if spent.is_some() || surplus.is_some() {
            self.nursery.order_refill();
        }
    }
}

async fn open_directory(config: &SandboxConfig) -> Result<(CodeCache, Dir), SandboxError> {
    let (directory, bytes_max) = (config.directory.clone(), config.compile_cache_bytes_max);
    let entropy = Arc::clone(&config.entropy);
    let opened = tokio::task::spawn_blocking(move || {
        let cache = CodeCache::open(&directory, bytes_max, &*entropy)?;
        let scratch = directory
            .private_subdir("scratch")
            .map_err(SandboxError::directory("open the scratch directories"))?;
        // What a node that was killed has left behind.
        scratch.remove_contents().map_err(SandboxError::directory("sweep the scratch directories"))?;
        Ok((cache, scratch))
    });
    opened.await.map_err(SandboxError::directory("work"))?
}
