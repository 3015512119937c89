use std::sync::Arc;
use std::time::Duration;

use casemate_fs::Dir;
use casemate_ledger::{AuditLog, Decision, Entry, Event};
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{
    Clock, Digest, Outcome, PrincipalKind, Project, RequestId, RunId, RunLimits, TaskId, Timestamp, Usage,
    VersionId, WorkerId,
};
use casemate_objects::{Attributes, BlobCatalog, BlobId, ETag, ObjectCatalog, ObjectRecord, PutRule};
use casemate_state::test_support::PrivatePostgres;
use casemate_state::{PostgresOptions, SqliteOptions, Store, StoreLimits};
use casemate_tasks::{Completion, Lease, Plan, Progress, TaskRecord, TaskResult, TaskSpec};
use secrecy::SecretString;
use tempfile::TempDir;

/// A fresh store with a clock that stands still.
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: CountingEntropy,
    pub(crate) project: Project,
    _directory: Option<TempDir>,
}

/// Few, so that a queue can be filled.
pub(crate) const LIMITS: StoreLimits =
    StoreLimits { open_tasks_max: 5, webhook_pending_max: 7, ..StoreLimits::DEFAULT };

impl Context {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let store = open_sqlite(&private_dir(&directory), Arc::clone(&clock)).await;
        Self::new(store, clock, Some(directory))
    }

    pub(crate) async fn postgres(url: SecretString) -> Self {
        let clock = Arc::new(ManualClock::new());
        Self::new(open_postgres(url, "one", Arc::clone(&clock)).await, clock, None)
    }

    pub(crate) fn new(store: Store, clock: Arc<ManualClock>, directory: Option<TempDir>) -> Self {
        let project = Project::default_project();
        Self { store, clock, entropy: CountingEntropy::default(), project, _directory: directory }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn later(&self, seconds: u64) -> Timestamp {
        self.now().saturating_add(Duration::from_secs(seconds))
    }

    pub(crate) fn event(&self, action: &'static str) -> Event {
        Event {
            time: self.now(),
            request: RequestId::generate(self.now(), &self.entropy),
            actor: PrincipalKind::LocalUser(0),
            project: self.project.clone(),
            action: action.into(),
            resource: "test".to_owned(),
            decision: Decision::Allowed,
            outcome: "done".to_owned(),
            details: Vec::new(),
        }
    }

    pub(crate) fn object(&self, key: &str, content: &[u8]) -> ObjectRecord {
        ObjectRecord {
            project: self.project.clone(),
            bucket: "builds".parse().unwrap(),
            key: key.parse().unwrap(),
            digest: Digest::of(content),
            size_bytes: content.len() as u64,
            media_type: "text/plain".to_owned(),
            stored: self.now(),
            etag: ETag::of_digest(&Digest::of(content)),
            attributes: Attributes::default(),
            version: None,
        }
    }

    pub(crate) fn version_id(&self) -> VersionId {
        VersionId::generate(self.now(), &self.entropy)
    }

    /// Stores `content` under `key`, and returns its digest.
    pub(crate) async fn put(&self, key: &str, content: &[u8]) -> Digest {
        let object = self.object(key, content);
        self.store.put_object(&object, &PutRule::default(), self.event("objects.put")).await.unwrap();
        object.digest
    }

    /// Content of the project.
    pub(crate) fn blob(&self, digest: Digest) -> BlobId {
        BlobId::new(&self.project, digest)
    }

    pub(crate) fn task(&self, module: Digest) -> TaskRecord {
        TaskRecord {
            id: TaskId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            spec: TaskSpec {
                module,
                module_name: Some("reader.tools".parse().expect("a name")),
                module_project: None,
                args: vec!["--count".to_owned(), "nul \0 and \u{1f980}".to_owned()],
                env: vec![("KEY".to_owned(), "value".to_owned())],
                stdin: None,
                inputs: Vec::new(),
                output_directory: true,
                limits: RunLimits::DEFAULT,
                deterministic: false,
                plan: Plan::default(),
                repeats: None,
                needs: Vec::new(),
                awaited: Vec::new(),
                quorum: None,
                replica_of: None,
            },
            progress: Progress::queued(self.now(), self.later(60)),
            actor: "uid:0".to_owned(),
            request: RequestId::generate(self.now(), &self.entropy),
            created: self.now(),
            updated: self.now(),
            result: None,
        }
    }

    pub(crate) fn lease(&self, seconds: u64) -> Lease {
        Lease {
            worker: WorkerId::generate(self.now(), &self.entropy),
            node: None,
            until: self.later(seconds),
        }
    }

    pub(crate) fn completion(&self, task: &TaskRecord, outcome: Outcome, stdout: &[u8]) -> Completion {
        Completion {
            task: task.id,
            fence: task.progress.fence,
            result: TaskResult {
                run: RunId::generate(self.now(), &self.entropy),
                outcome,
                usage: Usage { fuel: 7, ..Usage::default() },
                stdout: Some(Digest::of(stdout)),
                stderr: None,
                outputs: Vec::new(),
                receipt: b"receipt".to_vec(),
                entry: 0,
                ran_on: None,
                agreement: None,
                review: None,
            },
            stdout_bytes: stdout.len() as u64,
            stderr_bytes: 0,
            at: self.now(),
            audit: false,
        }
    }

    /// The actions in the audit log, oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let entries = self.store.entries(0, 1000).await.unwrap();
        entries.iter().map(|bytes| Entry::decode(bytes).unwrap().event.action.into_owned()).collect()
    }

    /// Whether a blob may be swept, that is, is written down and not referred to.
    pub(crate) async fn is_unreferenced(&self, digest: Digest) -> bool {
        self.store.unreferenced_blobs(Timestamp::MAX, 1000).await.unwrap().contains(&self.blob(digest))
    }
}

pub(crate) fn private_dir(directory: &TempDir) -> Dir {
    Dir::open_private(&directory.path().join("state")).unwrap()
}

pub(crate) async fn open_sqlite(directory: &Dir, clock: Arc<ManualClock>) -> Store {
    let options = SqliteOptions { directory: directory.clone(), clock, limits: LIMITS };
    Store::open_sqlite(options).await.unwrap()
}

pub(crate) async fn open_postgres(url: SecretString, origin: &str, clock: Arc<ManualClock>) -> Store {
    let options = PostgresOptions { url, origin: origin.to_owned(), clock, limits: LIMITS };
    Store::open_postgres(options).await.unwrap()
}

/// Runs a test on a runtime of its own, beside a PostgreSQL server of its own.
pub(crate) fn with_postgres<F: Future<Output = ()>>(test: impl FnOnce(PrivatePostgres) -> F) {
    if let Some(server) = PrivatePostgres::start() {
        run(test(server));
    }
}

pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}
