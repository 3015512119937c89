//! How many names are claimed and resolved in a second, by 64 clients at once, each change durable before its answer.
//!
//! ```sh
//! cargo run --release -p casemate-state --example claims
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool that measures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use casemate_fs::Dir;
use casemate_ledger::{Decision, Event, OwnerKey, SignedNameRecord};
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{
    Clock, Digest, DnsRecords, Name, Principal, PrincipalKind, Project, RequestId, Tags, Timestamp,
};
use casemate_names::{AGE_MAX, Content, Given, Keys, Names, Order};
use casemate_objects::{Attributes, ETag, ObjectCatalog, ObjectRecord, PutRule};
use casemate_policy::{Operation, Permit, Resource, authorize};
use casemate_state::test_support::PrivatePostgres;
use casemate_state::{PostgresOptions, SqliteOptions, Store, StoreLimits};

const CLIENTS: usize = 64;
const CLAIMS: usize = 20_000;
const RESOLVES: usize = 2_000_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (clock, limits) = (Arc::new(ManualClock::new()), StoreLimits::DEFAULT);
        let scratch = tempfile::tempdir().unwrap();
        let directory = Dir::open_private(&scratch.path().join("state")).unwrap();
        let options = SqliteOptions { directory, clock: Arc::clone(&clock) as Arc<dyn Clock>, limits };
        measure("SQLite", Store::open_sqlite(options).await.unwrap()).await;
        let server = PrivatePostgres::start().unwrap();
        let (url, origin) = (server.fresh_database().await, "node".to_owned());
        measure(
            "PostgreSQL",
            Store::open_postgres(PostgresOptions { url, origin, clock, limits }).await.unwrap(),
        )
        .await;
    });
}

async fn measure(engine: &str, store: Store) {
    let bench = Arc::new(Bench::new(store).await);
    let plain = bench.claims("plain", None).await;
    let key = Arc::new(OwnerKey::generate(false, &CountingEntropy::default()));
    let signed = bench.claims("signed", Some(key)).await;
    println!(
        "{engine}: {CLIENTS} clients, {CLAIMS} claims each way, durable, with record, log entry and audit"
    );
    println!("  claims                      {plain}");
    println!("  drafted, signed by owners   {signed}");
    println!("  resolved from memory, one task: {:.0}/s", bench.resolves().await);
}

struct Bench {
    names: Names,
    principal: Principal,
    entropy: CountingEntropy,
    now: Timestamp,
    digest: Digest,
}

impl Bench {
    async fn new(store: Store) -> Self {
        let (now, entropy) = (ManualClock::new().now(), CountingEntropy::default());
        let digest = Digest::of(b"content");
        let principal = Principal::local_user(0, Project::default_project());
        let names = Names::new(Arc::new(store.clone()));
        let bench = Self { names, principal, entropy, now, digest };
        let object = ObjectRecord {
            project: Project::default_project(),
            bucket: "builds".parse().unwrap(),
            key: "content".parse().unwrap(),
            digest,
            size_bytes: 7,
            media_type: "text/plain".to_owned(),
            stored: now,
            etag: ETag::of_digest(&digest),
            attributes: Attributes::default(),
            version: None,
        };
        store.put_object(&object, &PutRule::default(), bench.event("objects.put")).await.unwrap();
        bench
    }

    async fn claims(self: &Arc<Self>, kind: &str, key: Option<Arc<OwnerKey>>) -> String {
        let begun = Instant::now();
        let tasks = (0..CLIENTS).map(|client| {
            let (bench, kind, key) = (Arc::clone(self), kind.to_owned(), key.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                for number in 0..CLAIMS / CLIENTS {
                    let name: Name =
                        format!("{kind}-{client}-{number}.bench-{client}-{number}").parse().unwrap();
                    let asked = Instant::now();
                    bench.claim(&name, key.as_deref()).await;
                    waits.push(asked.elapsed());
                }
                waits
            })
        });
        let mut waits = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            waits.extend(task.await.unwrap());
        }
        let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
        waits.sort();
        let at = |percent: usize| waits[waits.len() * percent / 100].as_secs_f64() * 1_000.0;
        format!("{rate:>8.0}/s, p50 {:.1} ms, p99 {:.1} ms", at(50), at(99))
    }

    async fn claim(&self, name: &Name, key: Option<&OwnerKey>) {
        let content = Content { digest: self.digest, dns: DnsRecords::default(), tags: Tags::default() };
        let Some(key) = key else {
            let given = self.given("names.claim");
            self.names.claim(&self.permit(), name, (content, Keys::default()), given).await.unwrap();
            return;
        };
        let keys = Keys { owner: Some(key.public_key().clone()), recovery: None };
        let order = Order::Claim { content, keys };
        let times = (self.now, Duration::from_secs(60));
        let record = self.names.draft(&self.permit(), name, &order, times).await.unwrap().record;
        let signed = SignedNameRecord::new(record.clone(), vec![record.sign(key)]);
        self.names.take(&self.permit(), &signed, self.given("names.claim")).await.unwrap();
    }

    async fn resolves(&self) -> f64 {
        let names: Vec<Name> =
            (0..256).map(|number| format!("plain-0-{number}.bench-0-{number}").parse().unwrap()).collect();
        for name in &names {
            self.names.known(name, self.now, AGE_MAX).await.unwrap();
        }
        let begun = Instant::now();
        for number in 0..RESOLVES {
            let known = self.names.known(&names[number % names.len()], self.now, AGE_MAX).await.unwrap();
            assert!(known.resolved.is_some());
        }
        RESOLVES as f64 / begun.elapsed().as_secs_f64()
    }

    fn given(&self, action: &'static str) -> Given {
        Given { at: self.now, expected: None, nonce: None, event: self.event(action) }
    }

    fn permit<O: Operation>(&self) -> Permit<O> {
        authorize(&self.principal, &self.principal.project, &Resource::all("name")).unwrap()
    }

    fn event(&self, action: &'static str) -> Event {
        Event {
            time: self.now,
            request: RequestId::generate(self.now, &self.entropy),
            actor: PrincipalKind::LocalUser(0),
            project: Project::default_project(),
            action: action.into(),
            resource: "bench".to_owned(),
            decision: Decision::Allowed,
            outcome: "done".to_owned(),
            details: Vec::new(),
        }
    }
}
