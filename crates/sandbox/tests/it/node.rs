//! A node's sandbox for a test, in a directory that goes with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use casemate_fs::{Dir, SealedBytes};
use casemate_model::test_support::CountingEntropy;
use casemate_model::{Digest, Outcome, Project, RunLimits};
use casemate_sandbox::{Job, Profile, RunReport, Sandbox, SandboxConfig, WorkerProgram};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A test hangs rather than ends if this passes; no assertion depends on it.
const HANG_GUARD: Duration = Duration::from_secs(120);

/// A sandbox and the directory that it lives in.
pub(crate) struct Node {
    pub(crate) sandbox: Sandbox,
    _root: tempfile::TempDir,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_with(|config| config).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(SandboxConfig) -> SandboxConfig) -> Self {
        let root = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(change(config(&root))).await.unwrap();
        Self { sandbox, _root: root }
    }

    /// A node whose processes are started through a link of that name, by which the program knows how to behave.
    pub(crate) async fn start_through_link(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_casemate-sandbox-worker"), &link).unwrap();
        let config = SandboxConfig { program: WorkerProgram::Path(link), ..config(&root) };
        Self { sandbox: Sandbox::start(config).await.unwrap(), _root: root }
    }

    /// Runs `job` to its end.
    pub(crate) async fn run(&self, job: Job) -> RunReport {
        let run = self.sandbox.run(job, CancellationToken::new());
        tokio::time::timeout(HANG_GUARD, run).await.expect("a run ends by itself")
    }

    /// Runs a module in text form with limits that are far above what it needs.
    pub(crate) async fn run_text(&self, text: &str) -> RunReport {
        self.run(job(text)).await
    }

    /// The outcome of [`Node::run_text`] under other limits.
    pub(crate) async fn outcome_within(&self, text: &str, limits: RunLimits) -> Outcome {
        self.run(Job { limits, ..job(text) }).await.outcome
    }
}

pub(crate) fn config(root: &tempfile::TempDir) -> SandboxConfig {
    let directory = Dir::open_private(&root.path().join("sandbox")).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_casemate-sandbox-worker"));
    SandboxConfig {
        program: WorkerProgram::Path(program),
        ..SandboxConfig::new(1, directory, Arc::new(CountingEntropy::default()))
    }
}

pub(crate) fn sealed(bytes: &[u8]) -> SealedBytes {
    SealedBytes::from_bytes(bytes).unwrap()
}

/// A job for a module in text form.
pub(crate) fn job(text: &str) -> Job {
    job_of(&wat::parse_str(text).unwrap())
}

/// A job for the bytes of a module.
pub(crate) fn job_of(module: &[u8]) -> Job {
    let now = Instant::now();
    Job {
        module: sealed(module),
        module_digest: Digest::of(module),
        project: Project::default_project(),
        args: vec!["guest".to_owned()],
        env: vec![],
        stdin: None,
        inputs: vec![],
        output_directory: false,
        limits: RunLimits::DEFAULT,
        profile: Profile::Default,
        seed: [0; 32],
        deadline: now + HANG_GUARD,
        accepted: now,
        serving: None,
        slow: false,
        watcher: None,
    }
}
