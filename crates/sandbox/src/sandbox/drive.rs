use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use casemate_fs::SealedBytes;
use casemate_model::{Outcome, Usage};
use tokio::time::Instant;

use super::Shared;
use super::code::{closing, no_memory_files};
use super::fetching::Fetching;
use super::hog::{self, Hog};
use crate::cache::{Code, CodeKey};
use crate::conversation::{Conversation, Remains, is_plain_path};
use crate::job::{Job, OutputStream, RunReport, ended_by_itself};
use crate::keeper::Worker;
use crate::pool::Idle;
use crate::process::ProcessError;
use crate::wire::exchange::RequestHead;
use crate::wire::frame::{Kind, REQUEST_BYTES_MAX};
use crate::wire::message::{Done, InputFile, RunRequest};

/// The most files of an input directory.
const INPUTS_MAX: usize = 4096;
/// How often a run is offered to another worker because the one it got had died while idle.
const DEAD_WORKERS_MAX: usize = 3;

/// What is known of a run so far; it outlives the future that makes progress, so that an end from outside still
/// has a report.
pub(super) struct Progress {
    accepted: Instant,
    conversation: Option<Conversation>,
    done: Option<Done>,
    queue: Duration,
    code: Duration,
    started: Option<Instant>,
    fuel_max: u64,
    memory_bytes_max: u64,
    table_elements_max: u64,
    slow: bool,
}

impl Progress {
    pub(super) fn new(job: &Job) -> Self {
        Self {
            accepted: job.accepted,
            conversation: None,
            done: None,
            queue: Duration::ZERO,
            code: Duration::ZERO,
            started: None,
            fuel_max: job.limits.fuel,
            memory_bytes_max: job.limits.memory_bytes,
            table_elements_max: job.limits.table_elements,
            slow: false,
        }
    }

    /// The report of a run that ended with `outcome` at `now`. A worker's claims are cut to what its limits allow.
    pub(super) fn report(self, outcome: Outcome, now: Instant) -> RunReport {
        let remains = self.conversation.map_or_else(Remains::default, Conversation::into_remains);
        let done = self.done;
        let micros = |of: fn(&Done) -> u64| Duration::from_micros(done.as_ref().map_or(0, of));
        let usage = Usage {
            wall_ms: millis(now.saturating_duration_since(self.accepted)),
            queue_ms: millis(self.queue),
            compile_ms: millis(self.code + micros(|done| done.load_us)),
            fuel: done.as_ref().map_or(0, |done| done.fuel.min(self.fuel_max)),
            memory_bytes_peak: done
                .as_ref()
                .map_or(0, |done| done.memory_bytes_peak.min(self.memory_bytes_max)),
            table_elements_peak: done
                .as_ref()
                .map_or(0, |done| done.table_elements_peak.min(self.table_elements_max)),
            output_bytes: remains.output_bytes,
            log_bytes: remains.stderr.len() as u64,
        };
        let instantiate = micros(|done| done.instantiate_us);
        RunReport {
            outcome,
            usage,
            stdout: remains.stdout,
            stderr: remains.stderr,
            outputs: remains.files,
            outputs_refused: done.map_or_else(Vec::new, |done| done.outputs_refused),
            status: remains.status,
            started: self.started,
            instantiate,
            slow: self.slow,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Shared {
    /// Takes a job through code, worker and run, noting progress. The returned outcome is final.
    pub(super) async fn drive(self: &Arc<Self>, job: &Job, progress: &mut Progress) -> Outcome {
        let outcome = self.try_drive(job, progress).await;
        outcome.unwrap_or_else(|outcome| outcome)
    }

    /// Compiles a job's module if it has not been; an error is what the run would come to.
    pub(super) async fn prepare(self: &Arc<Self>, job: &Job) -> Result<(), Outcome> {
        job.limits.within(&self.ceiling).map_err(|error| Outcome::Refused(error.to_string()))?;
        let (_, code) = self.code(job).await?;
        code.needs.beyond(&job.limits).map_or(Ok(()), |kind| Err(Outcome::LimitReached(kind)))
    }

    async fn try_drive(self: &Arc<Self>, job: &Job, progress: &mut Progress) -> Result<Outcome, Outcome> {
        check(job).map_err(Outcome::Refused)?;
        job.limits.within(&self.ceiling).map_err(|error| Outcome::Refused(error.to_string()))?;
        let asked = Instant::now();
        let (key, code) = self.code(job).await?;
        progress.code = asked.elapsed();
        if let Some(error) = code.needs.unfit(job.serving.is_some()) {
            return Err(Outcome::Refused(error.to_string()));
        }
        if let Some(kind) = code.needs.beyond(&job.limits) {
            return Err(Outcome::LimitReached(kind));
        }
        let _slot = self.slots.acquire().await.map_err(|_| closing())?;
        for _ in 0..DEAD_WORKERS_MAX {
            let mut idle = self.check_out(job).await?;
            let now = Instant::now();
            progress.queue = now.saturating_duration_since(job.accepted).saturating_sub(progress.code);
            let process = idle.worker.process();
            if !process.is_quiet() || send(process, job, (&key, &code)).await?.is_err() {
                // It died or misbehaved while it was idle, before it saw anything of this job.
                self.nursery.order_refill();
                continue;
            }
            progress.slow = idle.slow;
            return Ok(self.converse(job, idle, progress).await);
        }
        Err(Outcome::EngineFailed("workers die as soon as they are idle; see the node's log".to_owned()))
    }

    /// Takes a worker of the job's project or a fresh one; starts one if there is none, in another's place.
    async fn check_out(&self, job: &Job) -> Result<Idle<Worker>, Outcome> {
        let taken = self.lock_pool().take(&job.project, job.slow);
        let mut idle = match taken {
            Some(idle) => idle,
            None => {
                let evicted = self.lock_pool().take_oldest();
                drop(evicted);
                let started = self.nursery.start().await;
                let (worker, _) =
                    started.map_err(|error| Outcome::EngineFailed(crate::error::describe(&error)))?;
                Idle::fresh(worker)
            }
        };
        idle.bind(&job.project);
        if job.slow && !idle.slow {
            idle.slow = hog::slow_down(idle.worker.process());
        }
        if self.wants_fresh_worker() {
            self.nursery.order_refill();
        }
        Ok(idle)
    }

    async fn converse(&self, job: &Job, mut idle: Idle<Worker>, progress: &mut Progress) -> Outcome {
        let conversation = progress.conversation.insert(match &job.serving {
            Some(serving) => Conversation::serving(&job.limits, serving.answer.clone()),
            None => Conversation::new(&job.limits, job.output_directory),
        });
        let process = idle.worker.process();
        let mut fetching = Fetching::new(job.limits.memory_bytes);
        let mut hog = Hog::watch(process, job.serving.is_some() && !progress.slow);
        let failure = loop {
            let next = tokio::select! {
                // In this order, so that a guest that floods the node is looked at all the same.
                biased;
                () = hog.look() => continue,
                next = process.receive() => next,
                fetched = fetching.next() => {
                    match fetched.send_to(process).await {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    }
                }
            };
            let (kind, payload) = match next {
                Ok(frame) => frame,
                Err(ProcessError::Ended) => {
                    let obituary = process.obituary().await;
                    break format!("the worker ended during the run: {obituary}");
                }
                Err(error) => break crate::error::describe(&error),
            };
            let accepted = conversation.accept(kind, &payload);
            if let Some(serving) = &job.serving {
                fetching.start(conversation.take_fetches(), &serving.outbound);
            }
            match accepted {
                Ok(None) => show(job, kind, &payload),
                Ok(Some((done, outcome))) => {
                    let ran = Duration::from_micros(done.run_us);
                    progress.started = Instant::now().checked_sub(ran);
                    progress.done = Some(done);
                    let ended = ended_by_itself(&outcome, job.output_directory);
                    let clean = ended && process.is_quiet() && fetching.is_idle();
                    progress.slow |= hog.was_slowed();
                    idle.slow |= hog.was_slowed();
                    if clean {
                        self.put(idle);
                    } else {
                        self.nursery.order_refill();
                    }
                    return outcome;
                }
                Err(violation) => break violation.to_string(),
            }
        };
        // Dropping the worker kills it. Whatever it is now, it serves nobody again.
        drop(idle);
        self.nursery.order_refill();
        tracing::error!(project = %job.project, module = %job.module_digest, failure, "a worker failed");
        Outcome::EngineFailed(failure)
    }
}

/// Shows what a guest wrote to whoever watches.
fn show(job: &Job, kind: Kind, payload: &[u8]) {
    let stream = match kind {
        Kind::Stdout => OutputStream::Stdout,
        Kind::Stderr => OutputStream::Stderr,
        _ => return,
    };
    if let Some(watcher) = &job.watcher {
        watcher.wrote(stream, payload);
    }
}

/// Refuses what no worker should see. The text is for the person who asked.
fn check(job: &Job) -> Result<(), String> {
    let texts = job.args.iter().chain(job.env.iter().flat_map(|(name, value)| [name, value]));
    let mut bytes = 0;
    for text in texts {
        if text.contains('\0') {
            return Err("an argument or environment variable contains a NUL byte".to_owned());
        }
        bytes += text.len();
    }
    // JSON may write a byte as six.
    if bytes > REQUEST_BYTES_MAX / 8 {
        return Err(format!(
            "arguments and environment take {bytes} bytes, at most {} are allowed; pass data as input instead",
            REQUEST_BYTES_MAX / 8
        ));
    }
    if job.inputs.len() > INPUTS_MAX {
        return Err(format!("{} input files, at most {INPUTS_MAX} are allowed", job.inputs.len()));
    }
    let mut files = BTreeSet::new();
    for (path, _) in &job.inputs {
        if !is_plain_path(path) {
            return Err(format!("the input path `{path}` is not a relative path of plain names"));
        }
        if !files.insert(path.as_str()) {
            return Err(format!("the input path `{path}` is given twice"));
        }
    }
    let inside = |path: &str| path.match_indices('/').find_map(|(at, _)| files.get(&path[..at]).copied());
    match files.iter().find_map(|path| inside(path).map(|file| (file, path))) {
        Some((file, path)) => Err(format!("the input path `{path}` is inside the input file `{file}`")),
        None => Ok(()),
    }
}

/// Sends a job to a worker. The inner error is a worker that is gone, the outer one a job that cannot be sent.
async fn send(
    process: &mut crate::process::Process,
    job: &Job,
    (key, code): (&CodeKey, &Code),
) -> Result<Result<(), ProcessError>, Outcome> {
    for (path, bytes) in &job.inputs {
        let file = InputFile { path: path.clone(), bytes: bytes.len() };
        let sent = process.send_json(Kind::Input, &file, &[descriptor(bytes)?]).await;
        if sent.is_err() {
            return Ok(sent);
        }
    }
    let mut descriptors = vec![descriptor(&code.bytes)?];
    if let Some(stdin) = &job.stdin {
        descriptors.push(descriptor(stdin)?);
    }
    let remaining = job.deadline.saturating_duration_since(Instant::now());
    let request = RunRequest {
        profile: job.profile,
        component: code.needs.component,
        code_key: key.0,
        code_bytes: code.bytes.len(),
        args: job.args.clone(),
        env: job.env.clone(),
        stdin: job.stdin.is_some(),
        input_directory: !job.inputs.is_empty(),
        output_directory: job.output_directory,
        remaining_us: u64::try_from(remaining.as_micros()).unwrap_or(u64::MAX),
        seed: job.seed,
        limits: (&job.limits).into(),
        serving: job.serving.as_ref().map(|serving| RequestHead::of(&serving.request)),
    };
    Ok(process.send_json(Kind::Run, &request, &descriptors).await)
}

fn descriptor(bytes: &SealedBytes) -> Result<BorrowedFd<'_>, Outcome> {
    bytes.as_fd().ok_or_else(no_memory_files)
}
