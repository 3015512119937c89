use std::time::Duration;

use casemate_ledger::{Level, NodePublicKey, Receipt, invocation_digest};
use casemate_model::{
    Digest, Name, NodeId, Outcome, Project, RequestId, RunId, RunLimits, TaskId, Timestamp, Usage, WorkerId,
};

use crate::{Awaited, Plan, Progress, Quorum, Refusal, Review, Step, TaskState};

/// What is to be run, and on what. It does not change after submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// The module, a blob.
    pub module: Digest,
    /// The name that the module was given by, if it was given by one. What runs is the digest: a name may move on.
    pub module_name: Option<Name>,
    /// The project whose content the module is, if another one has the name.
    pub module_project: Option<Project>,
    /// Arguments after the program name.
    pub args: Vec<String>,
    /// Environment, in the order given.
    pub env: Vec<(String, String)>,
    /// Standard input, a blob; `None` for an empty one.
    pub stdin: Option<Digest>,
    /// Files of the read-only input directory `/in`: relative path and blob.
    pub inputs: Vec<(String, Digest)>,
    /// Whether the guest gets a writable directory `/out`, whose files become outputs.
    pub output_directory: bool,
    /// What it may use.
    pub limits: RunLimits,
    /// Whether it runs under the deterministic profile `det-1`.
    pub deterministic: bool,
    /// When it runs, how urgently, and how often it is attempted.
    pub plan: Plan,
    /// The task that it does once more, if somebody asked for that.
    pub repeats: Option<TaskId>,
    /// Tasks of the same project that must succeed before it is taken, at most [`crate::NEEDS_MAX`], each once and in order.
    pub needs: Vec<TaskId>,
    /// What it reads of them. What is known of it by now is in `stdin` and `inputs`.
    pub awaited: Vec<Awaited>,
    /// How many nodes are to run it, and how many must agree.
    pub quorum: Option<Quorum>,
    /// The task in whose place it is run.
    pub replica_of: Option<TaskId>,
}

/// Who works on a task, and until when unless it asks for more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker.
    pub worker: WorkerId,
    /// The node that it works for, if that is one that has joined.
    pub node: Option<NodeId>,
    /// When the lease ends.
    pub until: Timestamp,
}

/// A file that a guest left in its output directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Path under `/out`.
    pub path: String,
    /// The content, a blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResult {
    /// The run; its receipt goes by the same id.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// Standard output, a blob.
    pub stdout: Option<Digest>,
    /// Standard error, a blob.
    pub stderr: Option<Digest>,
    /// Output files, sorted by path.
    pub outputs: Vec<OutputFile>,
    /// The signed receipt in its canonical bytes.
    pub receipt: Vec<u8>,
    /// Sequence number of the audit entry that records the receipt.
    pub entry: u64,
    /// Who ran it and signed the receipt, if that is a node that has joined.
    pub ran_on: Option<RanOn>,
    /// How many replicas have come to this, if there were any.
    pub agreement: Option<Agreement>,
    /// What is known of it by running it again.
    pub review: Option<Review>,
}

/// How many nodes of distinct owners have come to one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Nodes with this result.
    pub agreed: u8,
    /// Nodes that were to run it.
    pub nodes: u8,
}

impl TaskResult {
    /// The content that it names; the same may come more than once.
    pub fn content(&self) -> impl Iterator<Item = Digest> {
        let outputs = self.outputs.iter().map(|file| file.digest);
        outputs.chain(self.stdout).chain(self.stderr)
    }

    /// How far what it says was checked.
    pub fn level(&self) -> Level {
        match (self.review, self.agreement) {
            (Some(Review::Refuted | Review::Void), _) => Level::Reported,
            (_, Some(Agreement { agreed, nodes })) => Level::Replicated { agreed, nodes },
            (Some(Review::Confirmed), None) => Level::ReExecuted,
            (None, None) => Level::Signed,
        }
    }
}

/// A node that has joined, as it signed a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RanOn {
    /// The node.
    pub node: NodeId,
    /// The key that it had then.
    pub key: NodePublicKey,
}

/// The circumstances of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The task.
    pub task: TaskId,
    /// Its project.
    pub project: Project,
    /// Which attempt it was.
    pub attempt: u32,
    /// The worker.
    pub worker: WorkerId,
    /// The engine's build.
    pub engine: String,
    /// When the worker took it, and when it ended.
    pub times: (Timestamp, Timestamp),
}

impl TaskSpec {
    /// What is to be signed of a run that gave `result`: that whoever signs it answers for it.
    pub fn receipt(&self, run: Circumstances, result: &TaskResult) -> Receipt {
        let nothing = Digest::of(b"");
        let (started, ended) = run.times;
        Receipt {
            task: run.task,
            run: result.run,
            project: run.project,
            module: self.module,
            invocation: invocation_digest(&self.args, &self.env),
            input: self.stdin.unwrap_or(nothing),
            input_files: self.inputs.clone(),
            output: result.stdout.unwrap_or(nothing),
            output_files: result.outputs.iter().map(|file| (file.path.clone(), file.digest)).collect(),
            log: result.stderr.unwrap_or(nothing),
            outcome: result.outcome.clone(),
            usage: result.usage,
            limits: self.limits,
            engine: run.engine,
            profile: if self.deterministic { "det-1" } else { "default" }.to_owned(),
            worker: run.worker,
            attempt: run.attempt,
            started,
            ended,
            level: Level::Signed,
        }
    }
}

/// A task with everything known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecord {
    /// Its id.
    pub id: TaskId,
    /// The project that owns it.
    pub project: Project,
    /// What is to be run.
    pub spec: TaskSpec,
    /// Where it stands.
    pub progress: Progress,
    /// Who submitted it, as the audit log spells it.
    pub actor: String,
    /// The request that submitted it.
    pub request: RequestId,
    /// When it was accepted.
    pub created: Timestamp,
    /// When it last changed state.
    pub updated: Timestamp,
    /// What its last run gave.
    pub result: Option<TaskResult>,
}

/// Waits between attempts are longer by up to this many thousandths.
const SPREAD_PER_MILLE: u64 = 200;

impl TaskRecord {
    /// Applies a step by the task's own plan; see [`Progress::step`]. Waits are spread, so that tasks that failed together
    /// are not attempted again together.
    pub fn step(&self, step: &Step, now: Timestamp) -> Result<Progress, Refusal> {
        let next = self.progress.step(step, now, &self.spec.plan.retry)?;
        if next.state != TaskState::RetryWait || self.progress.state == TaskState::RetryWait {
            return Ok(next);
        }
        let wait_ms = next.due.as_millis().saturating_sub(now.as_millis());
        let more_ms = wait_ms / 1_000 * self.spread() + wait_ms % 1_000 * self.spread() / 1_000;
        let due = next.due.saturating_add(Duration::from_millis(more_ms));
        Ok(Progress { due, ..next })
    }

    /// When it may be taken, and when it is over at the latest, if nothing but time keeps it from being taken at `now`.
    pub fn schedule(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let due = self.spec.plan.not_before.map_or(now, |time| time.max(now));
        let millis = self.spec.plan.timeout_ms.unwrap_or(self.spec.limits.wall_ms);
        (due, due.saturating_add(Duration::from_millis(millis)))
    }

    /// The same while it waits for others: it is not taken, and is over when it has waited for as long as a task may.
    pub fn schedule_while_it_needs(&self) -> (Timestamp, Timestamp) {
        let end = self.created.saturating_add(Plan::TIMEOUT_MAX);
        (end, end)
    }

    /// From when on it was first to be taken, by its present schedule.
    pub fn available(&self) -> Timestamp {
        let millis = self.spec.plan.timeout_ms.unwrap_or(self.spec.limits.wall_ms);
        let since = self.progress.deadline.as_millis().saturating_sub(millis);
        Timestamp::from_millis(since).unwrap_or(self.created).max(self.created)
    }

    /// When an attempt that begins now ends at the latest: no attempt takes longer than one may, and none goes on after the
    /// task's own end.
    pub fn deadline_of_attempt(&self, now: Timestamp) -> Timestamp {
        let wall = Duration::from_millis(self.spec.limits.wall_ms);
        self.progress.deadline.min(now.saturating_add(wall))
    }

    /// Thousandths, the same for a task's attempt and different for others. The id's end is random.
    fn spread(&self) -> u64 {
        let text = self.id.to_string();
        let mixed = text.bytes().fold(u64::from(self.progress.attempt), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        mixed % (SPREAD_PER_MILLE + 1)
    }

    /// The project whose content the module is.
    pub fn module_project(&self) -> &Project {
        self.spec.module_project.as_ref().unwrap_or(&self.project)
    }
}

/// A run's report, as the holder of the lease hands it in. The store fills in [`TaskResult::entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The task.
    pub task: TaskId,
    /// The lease's fencing token.
    pub fence: u64,
    /// What the run gave.
    pub result: TaskResult,
    /// The size of standard output in bytes; 0 if there is none.
    pub stdout_bytes: u64,
    /// The size of standard error in bytes; 0 if there is none.
    pub stderr_bytes: u64,
    /// When it was reported.
    pub at: Timestamp,
    /// Whether it is to be audited, if it can be.
    pub audit: bool,
}
