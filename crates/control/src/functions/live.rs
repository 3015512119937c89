use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use casemate_fs::SealedBytes;
use casemate_functions::{Function, FunctionName, Version};
use casemate_limits::{Gate, Quota, Slot};
use casemate_model::{Digest, Project, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::FunctionError;
use super::log::FunctionLog;

/// Upper bounds of the counts of a [`Figures::latency`], in milliseconds; one more count is of what took longer.
pub const LATENCY_BOUNDS_MS: [u32; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// How long what is known of a function is believed, so that one node learns of what was done on another.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Functions that something is known of at once; names that nobody has are not kept.
const FUNCTIONS_KEPT: usize = 4_096;
/// Memory for components that were called lately. Their code is kept elsewhere: they are wanted again only when that is not.
const MODULES_BYTES_MAX: u64 = 128 << 20;
/// Memory for bodies of requests, which is taken as they come: 512 MiB, and 128 MiB of one function.
const BODIES_KIB_MAX: usize = 512 << 10;
const BODIES_KIB_OF_ONE: usize = BODIES_KIB_MAX / 4;
/// So much of it is taken at once.
const BODY_STEP_KIB: u64 = 64;
/// Functions that metrics tell apart; what comes later is counted as `other`.
const LABELS_MAX: usize = 500;
/// How long requests of a function give way to others' after one of it that computed for long or was stopped at a limit.
const SLOW_FOR: Duration = Duration::from_secs(5);
/// Memory for answers that are not read yet, of runs that are over: 256 MiB.
const UNREAD_KIB_MAX: usize = 256 << 10;
/// Requests that wait for their turn, for each that is answered.
const WAITING_FOR_EACH: usize = 4;

/// What a function has done since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that were answered, whatever the answer.
    pub answered: u64,
    /// Of those, with a status of 500 or more.
    pub errors: u64,
    /// Requests to which no answer was given: a trap, a limit, or nothing at all.
    pub failed: u64,
    /// Requests that were refused, because there were too many.
    pub refused: u64,
    /// How many requests took how long, up to each of [`LATENCY_BOUNDS_MS`] and beyond the last.
    pub latency: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// Requests that are being answered.
    pub running: u64,
}

/// What the node knows of functions while they are called.
pub(crate) struct Live {
    functions: Mutex<HashMap<FunctionName, Arc<LiveFunction>>>,
    modules: Mutex<VecDeque<(Digest, SealedBytes)>>,
    labels: Mutex<HashSet<FunctionName>>,
    unread: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    /// The workers that functions of a project may have at once.
    projects: Mutex<HashMap<Project, Arc<Semaphore>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            functions: Mutex::default(),
            modules: Mutex::default(),
            labels: Mutex::default(),
            unread: Arc::new(Semaphore::new(UNREAD_KIB_MAX)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX)),
            projects: Mutex::default(),
        }
    }
}

/// One of them.
pub(crate) struct LiveFunction {
    identity: Identity,
    pub(super) log: FunctionLog,
    known: Mutex<Option<(Known, Timestamp)>>,
    places: Mutex<HashMap<u32, Arc<Places>>>,
    /// The workers that its versions may have at once.
    workers: OnceLock<Arc<Semaphore>>,
    bodies: Arc<Semaphore>,
    arrivals_us: Mutex<u64>,
    /// When it was last one that others have to be kept from.
    slowed: Mutex<Option<Instant>>,
    figures: Mutex<Figures>,
    running: AtomicU64,
}

/// A function with those of its versions that answer.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) function: Function,
    pub(super) versions: Arc<[Version]>,
}

/// How many workers a function may have at once, and the functions of one project, so that others find some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) function: usize,
    pub(super) project: usize,
}

/// The places of one version.
pub(super) struct Places {
    /// Its own, those of its function and those of its project, in the order in which they are taken.
    running: [Arc<Semaphore>; 3],
    waiting: Gate,
}

/// A place of one request that is being answered.
pub(super) struct Place {
    _running: [OwnedSemaphorePermit; 3],
    _waiting: Slot,
}

/// Memory for the body of one request, which it takes as the body comes, and has until it is dropped.
pub struct BodyMemory {
    name: FunctionName,
    /// Of the function, and of all.
    from: [Arc<Semaphore>; 2],
    taken: Vec<OwnedSemaphorePermit>,
    bytes: u64,
}

impl BodyMemory {
    /// Takes memory for so many bytes more, or says that there is none.
    pub fn grow(&mut self, bytes: u64) -> Result<(), FunctionError> {
        let steps = |bytes: u64| bytes.div_ceil(BODY_STEP_KIB << 10);
        let more = steps(self.bytes + bytes) - steps(self.bytes);
        self.bytes += bytes;
        let kib = u32::try_from(more * BODY_STEP_KIB).unwrap_or(u32::MAX);
        for from in &self.from {
            let taken = Arc::clone(from).try_acquire_many_owned(kib);
            self.taken.push(taken.map_err(|_| FunctionError::Busy(self.name.clone()))?);
        }
        Ok(())
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Answered { status: u16 },
    Failed,
}

/// Counts one request as being answered.
pub(super) struct Running(Arc<LiveFunction>);

impl Live {
    /// What is known under a name, which may be out of date.
    pub(super) fn by_name(&self, name: &FunctionName) -> Option<Arc<LiveFunction>> {
        self.all().get(name).map(Arc::clone)
    }

    /// What is known of a function, if it is one that has been called.
    pub(crate) fn find(&self, function: &Function) -> Option<Arc<LiveFunction>> {
        self.by_name(&function.name).filter(|live| live.identity == identity(function))
    }

    /// The same, made if it has not been. What was known of another function of the name is forgotten. Nothing if too many are
    /// being called.
    pub(super) fn of(&self, function: &Function) -> Option<Arc<LiveFunction>> {
        let mut all = self.all();
        let found = all.get(&function.name).filter(|live| live.identity == identity(function));
        if let Some(found) = found {
            return Some(Arc::clone(found));
        }
        if all.len() >= FUNCTIONS_KEPT && !all.contains_key(&function.name) {
            let idle = all.iter().find(|(_, live)| live.running.load(Ordering::Relaxed) == 0);
            let idle = idle.map(|(name, _)| name.clone())?;
            all.remove(&idle);
        }
        let made = Arc::new(LiveFunction::new(identity(function)));
        all.insert(function.name.clone(), Arc::clone(&made));
        Some(made)
    }

    /// Has a function read anew before it is called again.
    pub(super) fn forget(&self, name: &FunctionName) {
        if let Some(live) = self.by_name(name) {
            *live.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Forgets all of a function, which is gone.
    pub(super) fn remove(&self, name: &FunctionName) {
        self.all().remove(name);
    }

    /// A component that was called lately.
    pub(super) fn module(&self, digest: Digest) -> Option<SealedBytes> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let place = modules.iter().position(|(other, _)| *other == digest)?;
        let found = modules.remove(place)?;
        let module = found.1.clone();
        modules.push_back(found);
        Some(module)
    }

    pub(super) fn keep_module(&self, digest: Digest, module: SealedBytes) {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.retain(|(other, _)| *other != digest);
        modules.push_back((digest, module));
        let mut bytes: u64 = modules.iter().map(|(_, module)| module.len()).sum();
        while bytes > MODULES_BYTES_MAX && modules.len() > 1 {
            bytes -= modules.pop_front().map_or(0, |(_, module)| module.len());
        }
    }

    /// What metrics call a function.
    pub(super) fn label(&self, name: &FunctionName) -> String {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if labels.contains(name) || labels.len() < LABELS_MAX {
            labels.insert(name.clone());
            return name.to_string();
        }
        "other".to_owned()
    }

    /// Memory for the body of a request to a function.
    pub(super) fn body_memory(&self, function: &LiveFunction, name: FunctionName) -> BodyMemory {
        let from = [Arc::clone(&function.bodies), Arc::clone(&self.bodies)];
        BodyMemory { name, from, taken: Vec::new(), bytes: 0 }
    }

    /// The workers that functions of a project may have at once.
    pub(super) fn workers_of(&self, project: &Project, share: usize) -> Arc<Semaphore> {
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workers) = projects.get(project) {
            return Arc::clone(workers);
        }
        // Those of which no version knows are nobody's.
        projects.retain(|_, workers| Arc::strong_count(workers) > 1);
        Arc::clone(projects.entry(project.clone()).or_insert_with(|| Arc::new(Semaphore::new(share))))
    }

    /// Room for answers of runs that are over, in KiB.
    pub(super) fn unread(&self) -> Arc<Semaphore> {
        Arc::clone(&self.unread)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<FunctionName, Arc<LiveFunction>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells a function from another that had its name before.
type Identity = (Project, Timestamp);

fn identity(function: &Function) -> Identity {
    (function.project.clone(), function.created)
}

impl LiveFunction {
    fn new(identity: Identity) -> Self {
        Self {
            identity,
            log: FunctionLog::default(),
            known: Mutex::default(),
            places: Mutex::default(),
            workers: OnceLock::new(),
            bodies: Arc::new(Semaphore::new(BODIES_KIB_OF_ONE)),
            arrivals_us: Mutex::default(),
            slowed: Mutex::default(),
            figures: Mutex::default(),
            running: AtomicU64::new(0),
        }
    }

    pub(super) fn known(&self, now: Timestamp) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, read) = known.as_ref()?;
        (now.saturating_since(*read) < BELIEVED_FOR).then(|| known.clone())
    }

    pub(super) fn learn(&self, known: Known, now: Timestamp) {
        let routed = |version: u32| known.versions.iter().any(|known| known.number == version);
        self.places.lock().unwrap_or_else(PoisonError::into_inner).retain(|version, _| routed(*version));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((known, now));
    }

    /// The places of a version, as far as its function and its project have workers.
    pub(super) fn places(&self, version: &Version, live: &Live, shares: Shares) -> Arc<Places> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(version.number).or_insert_with(|| {
            let at_once = usize::try_from(version.settings.concurrency).unwrap_or(1);
            let of_function = self.workers.get_or_init(|| Arc::new(Semaphore::new(shares.function)));
            let of_project = live.workers_of(&self.identity.0, shares.project);
            let running = [Arc::new(Semaphore::new(at_once)), Arc::clone(of_function), of_project];
            Arc::new(Places { running, waiting: Gate::new(at_once * (1 + WAITING_FOR_EACH)) })
        }))
    }

    /// Takes one request out of the function's quota; when to come again, if there is none left.
    pub(super) fn charge(&self, rate: u32, now: Timestamp) -> Result<(), Duration> {
        let quota = Quota { per_second: rate, burst: rate };
        let mut arrivals = self.arrivals_us.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = quota.take(&mut arrivals, 1, now.as_millis() * 1_000);
        if verdict.allowed { Ok(()) } else { Err(verdict.retry_after) }
    }

    /// Notes that it computed for long, or was stopped at a limit.
    pub(super) fn slow_down(&self, now: Instant) {
        *self.slowed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether it did of late, so that its requests give way to others'.
    pub(super) fn is_slow(&self, now: Instant) -> bool {
        let slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        slowed.is_some_and(|slowed| now.saturating_duration_since(slowed) < SLOW_FOR)
    }

    pub(super) fn refused(&self) {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).refused += 1;
    }

    pub(super) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    pub(crate) fn figures(&self) -> Figures {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Figures { running: self.running.load(Ordering::Relaxed), ..figures }
    }
}

impl Places {
    /// A place among those that wait or are answered; nothing if too many do.
    pub(super) fn enter(&self) -> Option<Slot> {
        self.waiting.enter()
    }

    /// A place among those that are answered, after a wait for one.
    pub(super) async fn take(&self, waiting: Slot) -> Option<Place> {
        let [version, function, project] =
            self.running.each_ref().map(|places| Arc::clone(places).acquire_owned());
        let running = [version.await.ok()?, function.await.ok()?, project.await.ok()?];
        Some(Place { _running: running, _waiting: waiting })
    }
}

impl Running {
    /// Counts how the request ended, after so long.
    pub(super) fn ended(&self, ended: Ended, took: Duration) {
        let mut figures = self.0.figures.lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ended::Answered { status } => {
                figures.answered += 1;
                figures.errors += u64::from(status >= 500);
            }
            Ended::Failed => figures.failed += 1,
        }
        let millis = took.as_millis();
        let bucket = LATENCY_BOUNDS_MS.iter().position(|bound| millis <= u128::from(*bound));
        figures.latency[bucket.unwrap_or(LATENCY_BOUNDS_MS.len())] += 1;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
