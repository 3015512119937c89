use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use casemate_api::nodes::{Assignment, HeldLease};
use casemate_api::tasks::{Limits, Profile as WireProfile};
use casemate_api::{ClientError, ProblemCode, Upload};
use casemate_ledger::SignedReceipt;
use casemate_model::{Digest, Outcome, Project, RunId, RunLimits, TaskId, Timestamp};
use casemate_sandbox::{Job, Profile, RunReport, Watcher, engine_build};
use casemate_tasks::{Circumstances, OutputFile, Plan, TaskResult, TaskSpec, TaskType, TypeLimits};
use tokio::time::Instant;

use crate::content::{ContentError, fetch};
use crate::log::RunLog;
use crate::node::{Running, Shared};

/// What a task may hold.
const LIMITS: TypeLimits = TaskType::Wasm.limits();

/// How long a result is handed in while the server cannot be reached, and how long to wait in between.
const HAND_IN_FOR: Duration = Duration::from_secs(60);
const HAND_IN_PAUSE: Duration = Duration::from_millis(250);

/// An assignment that is not one.
#[derive(Debug, thiserror::Error)]
#[error("the server gave a task that cannot be read: `{0}`")]
struct BadAssignment(String);

/// Runs an assigned task, and hands in what came of it.
pub(crate) async fn run(shared: &Shared, held: &HeldLease, assignment: &Assignment, running: &Running) {
    let began = shared.clock.now();
    let assigned = match Assigned::read(assignment) {
        Ok(assigned) => assigned,
        Err(error) => {
            tracing::error!(task = held.task, error = &error as &dyn std::error::Error, "not run");
            return;
        }
    };
    let loaded = tokio::select! {
        loaded = job(shared, held, assignment, &assigned) => Some(loaded),
        () = running.cancel.cancelled() => None,
    };
    let report = match loaded {
        Some(Ok(job)) => watched(shared, held, job, running).await,
        Some(Err(error)) => not_begun(&error),
        None => RunReport::not_begun(Outcome::Cancelled),
    };
    if running.lost.load(Ordering::SeqCst) {
        tracing::info!(task = held.task, "the lease was lost, so the run's result does not count");
        return;
    }
    if running.cancel.is_cancelled() && shared.stopping.load(Ordering::SeqCst) {
        if let Err(error) = shared.client().work_return(held).await {
            tracing::warn!(task = held.task, error = &error as &dyn std::error::Error, "not given back");
        }
        return;
    }
    let circumstances = circumstances(shared, assignment.attempt, &assigned, began);
    let given = Given::of(shared, &assigned.spec, circumstances, report).await;
    match given.hand_in(shared, held).await {
        Ok(()) => {}
        Err(error) if is_problem(&error, ProblemCode::LeaseLost) => {
            tracing::info!(task = held.task, "the lease was lost, so the run's result does not count");
        }
        Err(error) => {
            tracing::error!(
                task = held.task,
                error = &error as &dyn std::error::Error,
                "a run's result could not be handed in; the task will run again"
            );
        }
    }
}

/// Runs a guest, and hands on what it writes meanwhile.
async fn watched(shared: &Shared, held: &HeldLease, mut job: Job, running: &Running) -> RunReport {
    let log = Arc::new(RunLog::default());
    job.watcher = Some(Arc::clone(&log) as Arc<dyn Watcher>);
    tokio::select! {
        report = shared.sandbox.run(job, running.cancel.clone()) => report,
        never = log.hand_on(shared, held) => match never {},
    }
}

/// An assignment whose every part is what it should be.
struct Assigned {
    task: TaskId,
    project: Project,
    spec: TaskSpec,
}

impl Assigned {
    fn read(assignment: &Assignment) -> Result<Self, BadAssignment> {
        let Assignment { task, project, .. } = assignment;
        Ok(Self {
            task: task.parse().map_err(|_| BadAssignment(task.clone()))?,
            project: project.parse().map_err(|_| BadAssignment(project.clone()))?,
            spec: spec(assignment)?,
        })
    }
}

/// What the task is, as far as it is run and signed.
fn spec(assignment: &Assignment) -> Result<TaskSpec, BadAssignment> {
    let digest = |text: &str| text.parse::<Digest>().map_err(|_| BadAssignment(text.to_owned()));
    let inputs = assignment.inputs.iter().map(|input| Ok((input.path.clone(), digest(&input.digest)?)));
    Ok(TaskSpec {
        module: digest(&assignment.module)?,
        module_name: None,
        module_project: None,
        args: assignment.args.clone(),
        env: assignment.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        stdin: assignment.stdin.as_deref().map(digest).transpose()?,
        inputs: inputs.collect::<Result<_, _>>()?,
        output_directory: assignment.output_directory,
        limits: limits(&assignment.limits),
        deterministic: assignment.profile == WireProfile::Det1,
        plan: Plan::default(),
        repeats: None,
        needs: Vec::new(),
        awaited: Vec::new(),
        quorum: None,
        replica_of: None,
    })
}

fn limits(limits: &Limits) -> RunLimits {
    RunLimits {
        wall_ms: limits.wall_ms,
        fuel: limits.fuel,
        memory_bytes: limits.memory_bytes,
        table_elements: limits.table_elements,
        instances: limits.instances,
        stack_bytes: limits.stack_bytes,
        output_bytes: limits.output_bytes,
        log_bytes: limits.log_bytes,
        compile_ms: limits.compile_ms,
        compile_memory_bytes: limits.compile_memory_bytes,
    }
}

/// Loads what the guest needs, each piece checked against its digest.
async fn job(
    shared: &Shared,
    held: &HeldLease,
    assignment: &Assignment,
    Assigned { project, spec, .. }: &Assigned,
) -> Result<Job, ContentError> {
    let now = Instant::now();
    let deadline = now + Duration::from_millis(assignment.remaining_ms);
    let accepted = now.checked_sub(Duration::from_millis(assignment.waited_ms)).unwrap_or(now);
    let module = shared.modules.get(&shared.client(), held, spec.module, LIMITS.module_bytes).await?;
    let mut bytes_left = LIMITS.input_bytes;
    let mut stdin = None;
    if let Some(digest) = spec.stdin {
        let content = fetch(&shared.client(), held, digest, bytes_left).await?;
        bytes_left -= content.len();
        stdin = Some(content);
    }
    let mut inputs = Vec::with_capacity(spec.inputs.len());
    for (path, digest) in &spec.inputs {
        let content = fetch(&shared.client(), held, *digest, bytes_left).await?;
        bytes_left -= content.len();
        inputs.push((path.clone(), content));
    }
    let mut args = vec!["guest".to_owned()];
    args.extend(spec.args.iter().cloned());
    Ok(Job {
        module,
        module_digest: spec.module,
        project: project.clone(),
        args,
        env: spec.env.clone(),
        stdin,
        inputs,
        output_directory: spec.output_directory,
        limits: spec.limits,
        profile: if spec.deterministic { Profile::Det1 } else { Profile::Default },
        seed: *spec.module.as_bytes(),
        deadline,
        accepted,
        serving: None,
        slow: false,
        watcher: None,
    })
}

fn circumstances(shared: &Shared, attempt: u32, assigned: &Assigned, began: Timestamp) -> Circumstances {
    Circumstances {
        task: assigned.task,
        project: assigned.project.clone(),
        attempt,
        worker: shared.worker,
        engine: engine_build(),
        times: (began, shared.clock.now().max(began)),
    }
}

/// What a run gave: its pieces, and the receipt that names them all.
struct Given {
    pieces: Vec<(Digest, Bytes)>,
    receipt: Vec<u8>,
}

impl Given {
    async fn of(shared: &Shared, spec: &TaskSpec, run: Circumstances, report: RunReport) -> Self {
        let RunReport { outcome, usage, stdout, stderr, outputs, .. } = report;
        let (paths, files): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
        let pieces = hashed([stdout, stderr].into_iter().chain(files).collect()).await;
        let mut result = TaskResult {
            run: RunId::generate(run.times.0, &*shared.entropy),
            outcome,
            usage,
            stdout: Some(pieces[0].0),
            stderr: Some(pieces[1].0),
            outputs: Vec::with_capacity(paths.len()),
            receipt: Vec::new(),
            entry: 0,
            ran_on: None,
            agreement: None,
            review: None,
        };
        for (path, (digest, content)) in paths.into_iter().zip(&pieces[2..]) {
            result.outputs.push(OutputFile { path, digest: *digest, size_bytes: content.len() as u64 });
        }
        let signed = SignedReceipt::sign(spec.receipt(run.clone(), &result), &shared.key);
        let receipt = signed.unwrap_or_else(|error| {
            // Files whose names cannot be told apart once they are written down.
            result.outcome = Outcome::Refused(error.to_string());
            result.outputs.clear();
            SignedReceipt::sign(spec.receipt(run, &result), &shared.key).expect("a receipt without files")
        });
        Self { pieces, receipt: receipt.as_bytes().to_vec() }
    }

    /// Stores the pieces and hands in the receipt, again and again while the server cannot be reached. A piece that has arrived is
    /// not sent again, unless the server has forgotten it.
    async fn hand_in(&self, shared: &Shared, held: &HeldLease) -> Result<(), ClientError> {
        let until = Instant::now() + HAND_IN_FOR;
        let mut arrived = HashSet::new();
        loop {
            let error = match self.try_hand_in(shared, held, &mut arrived).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !may_pass(&error) || Instant::now() >= until {
                return Err(error);
            }
            tokio::time::sleep(HAND_IN_PAUSE).await;
        }
    }

    async fn try_hand_in(
        &self,
        shared: &Shared,
        held: &HeldLease,
        arrived: &mut HashSet<Digest>,
    ) -> Result<(), ClientError> {
        let client = shared.client();
        for (digest, content) in &self.pieces {
            if !arrived.contains(digest) {
                client.work_store(held, &digest.to_string(), Upload::bytes(content.clone())).await?;
                arrived.insert(*digest);
            }
        }
        let handed_in = client.work_hand_in(held, self.receipt.clone()).await.map(drop);
        if handed_in.as_ref().is_err_and(|error| is_problem(error, ProblemCode::BlobMissing)) {
            arrived.clear();
        }
        handed_in
    }
}

/// What the contents are, in their order. Hashing much takes long, and the node says meanwhile that it is there.
async fn hashed(contents: Vec<Vec<u8>>) -> Vec<(Digest, Bytes)> {
    let hashing = tokio::task::spawn_blocking(|| {
        contents.into_iter().map(|bytes| (Digest::of(&bytes), Bytes::from(bytes))).collect()
    });
    hashing.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn is_problem(error: &ClientError, code: ProblemCode) -> bool {
    matches!(error, ClientError::Problem(problem) if problem.code == code)
}

/// Whether the same call may succeed in a moment. A server that was started anew has forgotten what was stored.
pub(crate) fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::TimedOut { .. } | ClientError::Broken { .. } => true,
        ClientError::Problem(problem) => matches!(
            problem.code,
            ProblemCode::BlobMissing
                | ProblemCode::Unavailable
                | ProblemCode::AuditUnavailable
                | ProblemCode::OutcomeUnknown
                | ProblemCode::RateLimited
                | ProblemCode::UploadBroken
        ),
        _ => false,
    }
}

/// The report of a run that could not begin. What will be the same the next time is the task's fault, not the node's.
fn not_begun(error: &ContentError) -> RunReport {
    let text = error.to_string();
    let lasting = match error {
        ContentError::TooLarge => true,
        // As the server says of its own runs.
        ContentError::Client(error) => {
            is_problem(error, ProblemCode::BlobMissing) || is_problem(error, ProblemCode::CorruptObject)
        }
        _ => false,
    };
    tracing::warn!(error = error as &dyn std::error::Error, lasting, "a run could not begin");
    RunReport::not_begun(if lasting { Outcome::Refused(text) } else { Outcome::EngineFailed(text) })
}
