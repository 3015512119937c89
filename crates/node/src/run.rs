use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use casemate_api::nodes::{Assignment, HeldLease};
use casemate_api::tasks::{Limits, Profile as WireProfile};
use casemate_api::{ClientError, ProblemCode, Upload};
use casemate_ledger::SignedReceipt;
use casemate_model::{Digest, Outcome, RunId, RunLimits, Timestamp};
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
    let spec = match spec(assignment) {
        Ok(spec) => spec,
        Err(error) => {
            tracing::error!(task = held.task, error = &error as &dyn std::error::Error, "not run");
            return;
        }
    };
    let loaded = tokio::select! {
        loaded = job(shared, held, assignment, &spec) => Some(loaded),
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
    let circumstances = match circumstances(shared, assignment, began) {
        Ok(circumstances) => circumstances,
        Err(error) => {
            tracing::error!(task = held.task, error = &error as &dyn std::error::Error, "not handed in");
            return;
        }
    };
    let given = Given::of(shared, &spec, circumstances, report);
    match given.hand_in(shared, held).await {
        Ok(()) => {}
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::LeaseLost => {
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
    spec: &TaskSpec,
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
        project: assignment.project.parse().unwrap_or_else(|_| casemate_model::Project::default_project()),
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

fn circumstances(
    shared: &Shared,
    assignment: &Assignment,
    began: Timestamp,
) -> Result<Circumstances, BadAssignment> {
    Ok(Circumstances {
        task: assignment.task.parse().map_err(|_| BadAssignment(assignment.task.clone()))?,
        project: assignment.project.parse().map_err(|_| BadAssignment(assignment.project.clone()))?,
        attempt: assignment.attempt,
        worker: shared.worker,
        engine: engine_build(),
        times: (began, shared.clock.now().max(began)),
    })
}

/// What a run gave: its pieces, and the receipt that names them all.
struct Given {
    pieces: Vec<(Digest, Bytes)>,
    receipt: Vec<u8>,
}

impl Given {
    fn of(shared: &Shared, spec: &TaskSpec, run: Circumstances, report: RunReport) -> Self {
        let RunReport { outcome, usage, stdout, stderr, outputs, .. } = report;
        let mut pieces: Vec<(Digest, Bytes)> =
            [stdout, stderr].into_iter().map(|bytes| (Digest::of(&bytes), Bytes::from(bytes))).collect();
        let mut result = TaskResult {
            run: RunId::generate(run.times.0, &*shared.entropy),
            outcome,
            usage,
            stdout: Some(pieces[0].0),
            stderr: Some(pieces[1].0),
            outputs: Vec::with_capacity(outputs.len()),
            receipt: Vec::new(),
            entry: 0,
            ran_on: None,
            agreement: None,
            review: None,
        };
        for (path, content) in outputs {
            let (digest, size_bytes) = (Digest::of(&content), content.len() as u64);
            result.outputs.push(OutputFile { path, digest, size_bytes });
            pieces.push((digest, Bytes::from(content)));
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

    /// Stores the pieces and hands in the receipt, again and again while the server cannot be reached.
    async fn hand_in(&self, shared: &Shared, held: &HeldLease) -> Result<(), ClientError> {
        let until = Instant::now() + HAND_IN_FOR;
        loop {
            let error = match self.try_hand_in(shared, held).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !may_pass(&error) || Instant::now() >= until {
                return Err(error);
            }
            tokio::time::sleep(HAND_IN_PAUSE).await;
        }
    }

    async fn try_hand_in(&self, shared: &Shared, held: &HeldLease) -> Result<(), ClientError> {
        let client = shared.client();
        for (digest, content) in &self.pieces {
            client.work_store(held, &digest.to_string(), Upload::bytes(content.clone())).await?;
        }
        client.work_hand_in(held, self.receipt.clone()).await.map(drop)
    }
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
    let lasting = matches!(error, ContentError::TooLarge);
    RunReport::not_begun(if lasting { Outcome::Refused(text) } else { Outcome::EngineFailed(text) })
}
