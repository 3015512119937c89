use std::time::Duration;

use bytes::Bytes;
use casemate_fs::SealedBytes;
use casemate_ledger::Event;
use casemate_model::{Digest, Outcome, Project, RunId, Timestamp};
use casemate_objects::{BlobId, Hold, ObjectsError};
use casemate_policy::Resource;
use casemate_sandbox::{Job, Profile, RunReport};
use casemate_tasks::{Completed, Completion, Held, OutputFile, TaskRecord, TaskResult, TaskType, TypeLimits};
use tokio::time::Instant;

use super::receipt::sign_receipt;
use super::runs::RunSlot;
use crate::{Caller, Control, ControlError};

/// What a submission may hold.
const LIMITS: TypeLimits = TaskType::Wasm.limits();

/// How often a result is handed in when the store fails, and how long to wait in between. After that the lease ends
/// and the task runs again: at least once is what is promised.
const HAND_IN_TRIES: u32 = 5;
const HAND_IN_PAUSE: Duration = Duration::from_millis(500);

/// Runs a leased task and hands in its result.
pub(super) async fn run(control: Control, task: TaskRecord, slot: RunSlot) {
    let caller = control.node_caller(&task.project);
    let began = control.now();
    let run = async {
        match control.job(&caller, &task).await {
            Ok(job) => control.parts.sandbox.run(job, slot.cancel.clone()).await,
            Err(error) => not_begun(&error),
        }
    };
    // The guest does not wait for the note of its start, and its end does: so the note is never the later one.
    let ((), report) = tokio::join!(control.note_start(&task), run);
    if let Some(started) = report.started {
        let accepted = accepted_at(control.now(), task.available());
        metrics::histogram!("casemate_run_start_seconds")
            .record(started.duration_since(accepted).as_secs_f64());
        metrics::histogram!("casemate_instantiate_seconds").record(report.instantiate.as_secs_f64());
    }
    let handed_in = if slot.cancel.is_cancelled() && control.runs.is_handing_back() {
        control.hand_back(&task).await
    } else {
        control.hand_in(&caller, &task, began, report).await
    };
    if let Err(error) = handed_in {
        tracing::error!(
            task = %task.id,
            error = &error as &dyn std::error::Error,
            "a run's result could not be recorded; the task will run again"
        );
    }
}

impl Control {
    /// Notes that the guest starts. If the note fails or comes too late nothing is lost: handing in checks the lease.
    pub(crate) async fn note_start(&self, task: &TaskRecord) {
        match self.parts.queue.start(task.id, task.progress.fence, self.now()).await {
            Ok(true) => self.announce_task(&TaskRecord {
                progress: casemate_tasks::Progress {
                    state: casemate_tasks::TaskState::Running,
                    ..task.progress.clone()
                },
                ..task.clone()
            }),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(task = %task.id, error = &error as &dyn std::error::Error, "start not noted")
            }
        }
    }

    /// Loads what the guest needs, each piece checked against its digest.
    async fn job(&self, caller: &Caller, task: &TaskRecord) -> Result<Job, ControlError> {
        let spec = &task.spec;
        let own = |digest| BlobId::new(&task.project, digest);
        let module = BlobId::new(task.module_project(), spec.module);
        let module = self.sealed(caller, module, LIMITS.module_bytes).await?;
        let mut bytes_left = LIMITS.input_bytes;
        let mut stdin = None;
        if let Some(digest) = spec.stdin {
            let content = self.sealed(caller, own(digest), bytes_left).await?;
            bytes_left -= content.len();
            stdin = Some(content);
        }
        let mut inputs = Vec::with_capacity(spec.inputs.len());
        for (path, digest) in &spec.inputs {
            let content = self.sealed(caller, own(*digest), bytes_left).await?;
            bytes_left -= content.len();
            inputs.push((path.clone(), content));
        }
        let mut args = vec!["guest".to_owned()];
        args.extend(spec.args.iter().cloned());
        let now = self.now();
        Ok(Job {
            module,
            module_digest: spec.module,
            project: task.project.clone(),
            args,
            env: spec.env.clone(),
            stdin,
            inputs,
            output_directory: spec.output_directory,
            limits: spec.limits,
            profile: if spec.deterministic { Profile::Det1 } else { Profile::Default },
            seed: *spec.module.as_bytes(),
            deadline: Instant::now() + task.deadline_of_attempt(now).saturating_since(now),
            accepted: accepted_at(now, task.available()),
            serving: None,
            slow: false,
            watcher: Some(self.logs.watcher(task.id, task.progress.attempt)),
        })
    }

    pub(crate) async fn sealed(
        &self,
        caller: &Caller,
        blob: BlobId,
        bytes_max: u64,
    ) -> Result<SealedBytes, ControlError> {
        let blob = self.open_content(caller, blob).await?;
        let sealing = tokio::task::spawn_blocking(move || blob.into_sealed(bytes_max)).await;
        Ok(sealing.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?)
    }

    /// Stores what the run gave, signs the receipt, and records both.
    async fn hand_in(
        &self,
        caller: &Caller,
        task: &TaskRecord,
        began: Timestamp,
        report: RunReport,
    ) -> Result<(), ControlError> {
        let run = RunId::generate(began, self.entropy());
        let RunReport { outcome, usage, stdout, stderr, outputs, .. } = report;
        // Keeps what is stored from being collected until the result refers to it.
        let hold = self.parts.objects.hold().await;
        let stdout = self.parts.objects.put_blob(&hold, &task.project, Bytes::from(stdout)).await?;
        let stderr = self.parts.objects.put_blob(&hold, &task.project, Bytes::from(stderr)).await?;
        let outputs = self.store_outputs(&hold, &task.project, outputs).await?;
        let mut result = TaskResult {
            run,
            outcome,
            usage,
            stdout: Some(stdout.digest),
            stderr: Some(stderr.digest),
            outputs,
            receipt: Vec::new(),
            entry: 0,
            ran_on: None,
            agreement: None,
            review: None,
        };
        result.receipt = sign_receipt(self, task, &result, (began, self.now()))?;
        let mut event = self.end_event(caller, task, &result);
        self.say_replica(&mut event, task).await?;
        let completion = Completion {
            task: task.id,
            fence: task.progress.fence,
            result,
            stdout_bytes: stdout.size_bytes,
            stderr_bytes: stderr.size_bytes,
            at: self.now(),
            audit: false,
        };
        if self.complete(&hold, &completion, event).await? == Completed::Stale {
            tracing::info!(task = %completion.task, "the lease was lost, so the run's result does not count");
        }
        Ok(())
    }

    /// Records the end of a run, however often the store fails for a moment. What the run gave was there under the hold.
    pub(crate) async fn complete(
        &self,
        _hold: &Hold,
        completion: &Completion,
        event: Event,
    ) -> Result<Completed, ControlError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.parts.queue.complete(completion, event.clone()).await {
                Ok(completed) => {
                    if let Completed::Accepted(task) = &completed {
                        let kind = completion.result.outcome.kind();
                        metrics::counter!("casemate_runs_total", "outcome" => kind).increment(1);
                        self.announce_task(task);
                    }
                    return Ok(completed);
                }
                Err(error) if tries < HAND_IN_TRIES => {
                    tracing::warn!(task = %completion.task, error = &error as &dyn std::error::Error, "trying again");
                    tokio::time::sleep(HAND_IN_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn store_outputs(
        &self,
        hold: &Hold,
        project: &Project,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<OutputFile>, ControlError> {
        let mut outputs = Vec::with_capacity(files.len());
        for (path, content) in files {
            let stored = self.parts.objects.put_blob(hold, project, Bytes::from(content)).await?;
            outputs.push(OutputFile { path, digest: stored.digest, size_bytes: stored.size_bytes });
        }
        outputs.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(outputs)
    }

    pub(crate) fn end_event(&self, caller: &Caller, task: &TaskRecord, result: &TaskResult) -> Event {
        let resource = Resource::one("task", task.id);
        let caller = Caller { request: task.request, ..caller.clone() };
        let mut event = self.event(&caller, "tasks.end", &resource, result.outcome.to_string());
        event.details = vec![
            ("attempt".to_owned(), task.progress.attempt.to_string()),
            ("fuel".to_owned(), result.usage.fuel.to_string()),
            ("receipt".to_owned(), Digest::of(&result.receipt).to_string()),
            ("run".to_owned(), result.run.to_string()),
        ];
        event
    }

    /// Gives a task back to the queue because the node stops.
    async fn hand_back(&self, task: &TaskRecord) -> Result<(), ControlError> {
        self.take_back(Held { task: task.id, fence: task.progress.fence }).await
    }

    /// Puts a task back into the queue that its holder gives up.
    pub(crate) async fn take_back(&self, held: Held) -> Result<(), ControlError> {
        if let Some(task) = self.parts.queue.hand_back(held, self.now(), crate::sweep::ended).await? {
            tracing::info!(task = %task.id, state = %task.progress.state, "handed back");
            self.announce_task(&task);
            self.runs.wake();
        }
        Ok(())
    }
}

/// When a task was accepted, on the clock that deadlines run on.
fn accepted_at(now: Timestamp, created: Timestamp) -> Instant {
    let here = Instant::now();
    here.checked_sub(now.saturating_since(created)).unwrap_or(here)
}

/// The report of a run that could not begin. What will be the same the next time is the task's fault, not the node's.
fn not_begun(error: &ControlError) -> RunReport {
    let lasting = matches!(
        error,
        ControlError::Objects(
            ObjectsError::TooLarge { .. } | ObjectsError::BlobMissing { .. } | ObjectsError::Corrupt { .. }
        )
    );
    let text = error.to_string();
    RunReport::not_begun(if lasting { Outcome::Refused(text) } else { Outcome::EngineFailed(text) })
}
