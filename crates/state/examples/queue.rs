//! Measures the queue by itself: tasks accepted, claimed and ended per second, on SQLite and PostgreSQL, and what a receipt costs.
//!
//! ```console
//! cargo run --release -p casemate-state --example queue
//! ```
//!
//! Beside it stands what the disk gives: a file that is appended to and synced as often as it can be, once per batch.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement: it has its own clock, and prints"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casemate_fs::Dir;
use casemate_ledger::{Decision, Event, NodeKey, SignedReceipt};
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{
    Clock as _, Digest, Outcome, PrincipalKind, Project, RequestId, RunId, RunLimits, TaskId, Timestamp,
    Usage, WorkerId,
};
use casemate_objects::{Attributes, ETag, ObjectCatalog as _, ObjectRecord, PutRule};
use casemate_state::test_support::PrivatePostgres;
use casemate_state::{PostgresOptions, SqliteOptions, Store, StoreLimits};
use casemate_tasks::{
    Circumstances, Completed, Completion, Lease, Plan, Progress, Queue as _, Submitted, Taker, TaskRecord,
    TaskResult, TaskSpec,
};
use futures_util::StreamExt as _;

/// Tasks of a round.
const TASKS: u32 = 8_192;
/// How many a claim asks for.
const BATCHES: [u32; 3] = [1, 16, 64];
/// How many callers submit and end tasks at a time.
const CALLERS: usize = 64;
const RECEIPTS: u32 = 2_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    println!("a sync of 4 KiB: {:.0} a second", syncs(directory.path()));
    receipts();
    println!("| store | tasks accepted/s | claims/s by 1 | by 16 | by 64 | ended/s |");
    println!("|---|---|---|---|---|---|");
    let clock = Arc::new(ManualClock::new());
    let limits = StoreLimits { open_tasks_max: u64::from(TASKS) * 4, ..StoreLimits::DEFAULT };
    let options = SqliteOptions {
        directory: Dir::open_private(&directory.path().join("state")).expect("a private directory"),
        limits,
        clock: clock.clone(),
    };
    let store = Store::open_sqlite(options).await.expect("a store");
    Bench::new(store, clock).table("SQLite").await;
    let Some(server) = PrivatePostgres::start() else {
        println!("| PostgreSQL | not measured: it is not installed | | | | |");
        return;
    };
    let clock = Arc::new(ManualClock::new());
    let options = PostgresOptions {
        url: server.fresh_database().await,
        origin: "bench".to_owned(),
        clock: clock.clone(),
        limits,
    };
    let store = Store::open_postgres(options).await.expect("a store");
    Bench::new(store, clock).table("PostgreSQL").await;
}

/// How often a second a file can be appended to and synced.
fn syncs(directory: &Path) -> f64 {
    const COUNT: u32 = 500;
    let mut file = File::create(directory.join("synced")).expect("a file");
    let began = Instant::now();
    for _ in 0..COUNT {
        file.write_all(&[7; 4096]).expect("room on the disk");
        file.sync_data().expect("a disk");
    }
    f64::from(COUNT) / began.elapsed().as_secs_f64()
}

fn receipts() {
    let (clock, entropy) = (ManualClock::new(), CountingEntropy::default());
    let (key, now) = (NodeKey::generate(&entropy), clock.now());
    let task = task(Digest::of(b"module"), now, &entropy);
    let result = result(now, &entropy);
    let began = Instant::now();
    for _ in 0..RECEIPTS {
        let run = Circumstances {
            task: task.id,
            project: task.project.clone(),
            attempt: 1,
            worker: WorkerId::generate(now, &entropy),
            engine: "wasmtime".to_owned(),
            times: (now, now),
        };
        black_box(SignedReceipt::sign(task.spec.receipt(run, &result), &key)).expect("a receipt");
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(RECEIPTS);
    println!("a receipt, made and signed: {each:.1} us");
}

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    entropy: CountingEntropy,
}

impl Bench {
    fn new(store: Store, clock: Arc<ManualClock>) -> Self {
        Self { store, clock, entropy: CountingEntropy::default() }
    }

    async fn table(&self, name: &str) {
        let module = self.put().await;
        let (mut accepted, mut claimed, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for batch in BATCHES {
            let tasks: Vec<_> = (0..TASKS).map(|_| task(module, self.clock.now(), &self.entropy)).collect();
            accepted.push(
                rate(async {
                    futures_util::stream::iter(&tasks)
                        .for_each_concurrent(CALLERS, |task| self.submit(task))
                        .await;
                })
                .await,
            );
            let mut taken = Vec::new();
            claimed.push(rate(async { taken = self.claim(batch).await }).await);
            assert_eq!(taken.len(), tasks.len(), "each is claimed once");
            ended.push(
                rate(async {
                    futures_util::stream::iter(&taken)
                        .for_each_concurrent(CALLERS, |task| self.end(task))
                        .await;
                })
                .await,
            );
        }
        let median = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let by: Vec<_> = claimed.iter().map(|rate| format!("{rate:.0}")).collect();
        let by = by.join(" | ");
        println!("| {name} | {:.0} | {by} | {:.0} |", median(&mut accepted), median(&mut ended));
    }

    async fn put(&self) -> Digest {
        let digest = Digest::of(b"module");
        let object = ObjectRecord {
            project: Project::default_project(),
            bucket: "builds".parse().expect("a name"),
            key: "app.wasm".parse().expect("a key"),
            digest,
            size_bytes: 6,
            media_type: "application/wasm".to_owned(),
            stored: self.clock.now(),
            etag: ETag::of_digest(&digest),
            attributes: Attributes::default(),
            version: None,
        };
        self.store.put_object(&object, &PutRule::default(), self.event()).await.expect("an object");
        digest
    }

    async fn submit(&self, task: &TaskRecord) {
        let submitted = self.store.submit(task, self.event()).await.expect("a store");
        assert_eq!(submitted, Submitted::Accepted);
    }

    async fn claim(&self, batch: u32) -> Vec<TaskRecord> {
        let now = self.clock.now();
        let mut taken = Vec::new();
        loop {
            let lease = Lease {
                worker: WorkerId::generate(now, &self.entropy),
                node: None,
                until: now.saturating_add(Duration::from_secs(60)),
            };
            let more = self.store.take(Taker::of_any(lease), now, batch).await.expect("a store");
            if more.is_empty() {
                return taken;
            }
            taken.extend(more);
        }
    }

    async fn end(&self, task: &TaskRecord) {
        let now = self.clock.now();
        let completion = Completion {
            task: task.id,
            fence: task.progress.fence,
            result: result(now, &self.entropy),
            stdout_bytes: 6,
            stderr_bytes: 0,
            at: now,
            audit: false,
        };
        let completed = self.store.complete(&completion, self.event()).await.expect("a store");
        assert!(matches!(completed, Completed::Accepted(_)));
    }

    fn event(&self) -> Event {
        let now = self.clock.now();
        Event {
            time: now,
            request: RequestId::generate(now, &self.entropy),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: "bench".into(),
            resource: String::new(),
            decision: Decision::Allowed,
            outcome: String::new(),
            details: Vec::new(),
        }
    }
}

async fn rate(work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    f64::from(TASKS) / began.elapsed().as_secs_f64()
}

fn task(module: Digest, now: Timestamp, entropy: &CountingEntropy) -> TaskRecord {
    TaskRecord {
        id: TaskId::generate(now, entropy),
        project: Project::default_project(),
        spec: TaskSpec {
            module,
            module_name: None,
            module_project: None,
            args: vec!["--count".to_owned()],
            env: Vec::new(),
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
        progress: Progress::queued(now, now.saturating_add(Duration::from_secs(600))),
        actor: "uid:0".to_owned(),
        request: RequestId::generate(now, entropy),
        created: now,
        updated: now,
        result: None,
    }
}

fn result(now: Timestamp, entropy: &CountingEntropy) -> TaskResult {
    TaskResult {
        run: RunId::generate(now, entropy),
        outcome: Outcome::Exited(0),
        usage: Usage { fuel: 7, ..Usage::default() },
        stdout: Some(Digest::of(b"output")),
        stderr: None,
        outputs: Vec::new(),
        receipt: b"receipt".to_vec(),
        entry: 0,
        ran_on: None,
        agreement: None,
        review: None,
    }
}
