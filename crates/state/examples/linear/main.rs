//! Many clients at few names, processes that are killed, and a checker that looks whether all of it could have happened one after another.
//!
//! ```sh
//! cargo run --release -p casemate-state --example linear -- --database sqlite --steps 1000000
//! cargo run --release -p casemate-state --example linear -- --database postgres --steps 1000000
//! ```
//!
//! It ends with code 1 if a history has no order, and shows the name.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a tool of tests")]

mod lines;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use casemate_fs::Dir;
use casemate_ledger::{Decision, Event};
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{
    Clock, Digest, Entropy, KeyId, Principal, PrincipalKind, Project, RequestId, Role, Scope, Scopes,
    Timestamp,
};
use casemate_names::test_support::{Input, Output, Party, Step, check};
use casemate_names::{Content, Edit, Given, HeldName, Keys, Names, NamesError, Order};
use casemate_objects::{Attributes, ETag, ObjectCatalog, ObjectRecord, PutRule};
use casemate_policy::{Operation, Permit, Resource, authorize, operation};
use casemate_state::test_support::PrivatePostgres;
use casemate_state::{PostgresOptions, SqliteOptions, Store, StoreLimits};
use secrecy::{ExposeSecret, SecretString};

use lines::{Line, read_line, write_input, write_output};

/// Clients of one process.
const CLIENTS: u64 = 64;
/// Who they act as.
const PARTIES: Party = 4;
/// What names mean.
const CONTENTS: u8 = 4;
/// Names that all of them are at.
const NAMES: u64 = 24;
/// How long a process lives.
const LIFETIME: Duration = Duration::from_millis(1_500);

/// What was done to each name.
type Histories = BTreeMap<String, Vec<Step>>;
/// What has not ended: the name, and its place in the history.
type Open = BTreeMap<u64, (String, usize)>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value =
        |key: &str| words.iter().position(|word| word == key).and_then(|place| words.get(place + 1)).cloned();
    match words.first().map(String::as_str) {
        Some("child") => child(&words[1..]),
        _ => {
            let steps = value("--steps").map_or(100_000, |steps| steps.parse().unwrap());
            let database = value("--database").unwrap_or_else(|| "sqlite".to_owned());
            std::process::exit(parent(&database, steps));
        }
    }
}

/// Starts processes and kills them until there are enough steps; then looks at what they said.
fn parent(database: &str, wanted: usize) -> i32 {
    let scratch = tempfile::tempdir().unwrap();
    let server = (database == "postgres").then(|| PrivatePostgres::start().unwrap());
    let place = match &server {
        Some(server) => runtime().block_on(server.fresh_database()).expose_secret().to_owned(),
        None => scratch.path().join("state").display().to_string(),
    };
    let nodes = if server.is_some() { 2 } else { 1 };
    let (sender, lines) = channel();
    let (mut histories, mut open) = (Histories::new(), Open::new());
    let (mut steps, mut kills) = (0, 0);
    let begun = Instant::now();
    for life in 0.. {
        let children: Vec<Child> =
            (0..nodes).map(|node| start(database, &place, (life, node), sender.clone())).collect();
        let until = Instant::now() + LIFETIME + Duration::from_millis(life * 37 % 500);
        steps += collect(&lines, until, (&mut histories, &mut open));
        for mut child in children {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        // What they wrote before they were killed.
        steps += collect(&lines, Instant::now() + Duration::from_millis(100), (&mut histories, &mut open));
        if steps >= wanted {
            break;
        }
    }
    let took = begun.elapsed();
    let unknown = open.len();
    let checking = Instant::now();
    let mut wrong = 0;
    for (name, history) in &histories {
        if let Err(furthest) = check(history) {
            wrong += 1;
            println!("{name}: of {} steps no order has more than {furthest}", history.len());
        }
    }
    println!(
        "{database}: {steps} steps at {} names in {:.0} s, {kills} kills, {unknown} ends that nobody saw; checked in {:.1} s: {wrong} without an order",
        histories.len(),
        took.as_secs_f64(),
        checking.elapsed().as_secs_f64(),
    );
    i32::from(wrong > 0)
}

fn start(database: &str, place: &str, (life, node): (u64, u64), lines: Sender<Line>) -> Child {
    let (life, node) = (life.to_string(), node.to_string());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", database, place, &life, &node])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // The last one may be cut.
            let Some(line) = read_line(&line) else { return };
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    child
}

fn collect(lines: &Receiver<Line>, until: Instant, (histories, open): (&mut Histories, &mut Open)) -> usize {
    let mut ended = 0;
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match line {
            Line::Call { id, time, name, by, input } => {
                let history = histories.entry(name.clone()).or_default();
                open.insert(id, (name, history.len()));
                history.push(Step { call: time, by, input, end: None });
            }
            Line::End { id, time, output } => {
                let (name, index) = open.remove(&id).unwrap();
                histories.get_mut(&name).unwrap()[index].end = Some((time, output));
                ended += 1;
            }
        }
    }
    ended
}

/// Runs clients until it is killed.
fn child(words: &[String]) {
    let [database, place, life, node] = words else { panic!("started by hand?") };
    let (life, node): (u64, u64) = (life.parse().unwrap(), node.parse().unwrap());
    runtime().block_on(async {
        let store = open(database, place, node).await;
        let clients = Clients::new(&store).await;
        let clients = Arc::new(clients);
        let tasks = (0..CLIENTS).map(|client| {
            let clients = Arc::clone(&clients);
            tokio::spawn(async move { clients.run(life, node * CLIENTS + client).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

async fn open(database: &str, place: &str, node: u64) -> Store {
    let (clock, limits) = (Arc::new(ManualClock::new()), StoreLimits::DEFAULT);
    if database == "postgres" {
        let (url, origin) = (SecretString::from(place.to_owned()), format!("node-{node}"));
        return Store::open_postgres(PostgresOptions { url, origin, clock, limits }).await.unwrap();
    }
    let directory = Dir::open_private(std::path::Path::new(place)).unwrap();
    Store::open_sqlite(SqliteOptions { directory, clock, limits }).await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// The clients of one process.
struct Clients {
    names: Names,
    principals: Vec<Principal>,
    entropy: CountingEntropy,
    now: Timestamp,
}

impl Clients {
    async fn new(store: &Store) -> Self {
        let (now, entropy) = (ManualClock::new().now(), CountingEntropy::default());
        let mut principals = Vec::new();
        for party in 0..PARTIES {
            let project: Project = format!("party-{party}").parse().unwrap();
            principals.push(Principal {
                kind: PrincipalKind::Key(KeyId::generate(now, &entropy)),
                project: project.clone(),
                role: Role::DEVELOPER,
                scopes: Scopes::of(&[Scope::NamesRead, Scope::NamesWrite]),
                ..Principal::anonymous()
            });
            for content in 0..CONTENTS {
                let digest = content_of(content);
                let object = ObjectRecord {
                    project: project.clone(),
                    bucket: "builds".parse().unwrap(),
                    key: format!("content-{content}").parse().unwrap(),
                    digest,
                    size_bytes: 1,
                    media_type: "text/plain".to_owned(),
                    stored: now,
                    etag: ETag::of_digest(&digest),
                    attributes: Attributes::default(),
                    version: None,
                };
                let event = event(now, &entropy, "objects.put", &project);
                store.put_object(&object, &PutRule::default(), event).await.unwrap();
            }
        }
        Self { names: Names::new(Arc::new(store.clone())), principals, entropy, now }
    }

    async fn run(&self, life: u64, client: u64) {
        let mut random = Random(life << 32 | client << 8 | 1);
        // Each name is there through two lives, so that what one knew the next one sees.
        let block = life / 2;
        let mut known = BTreeMap::new();
        for step in 0_u64.. {
            let number = random.below(NAMES);
            let name = format!("name-{block}-{number}");
            let by = Party::try_from(random.below(u64::from(PARTIES))).unwrap();
            let content = u8::try_from(random.below(u64::from(CONTENTS))).unwrap();
            let input = match random.below(16) {
                0..=2 => Input::Claim(content),
                3..=7 => Input::Update(known.get(&number).copied().unwrap_or(1), content),
                8..=9 => Input::Offer(Party::try_from(random.below(u64::from(PARTIES))).unwrap()),
                10 => Input::Withdraw,
                11..=12 => Input::Accept(content),
                13 => Input::Release,
                _ => Input::Read,
            };
            if input == Input::Offer(by) {
                continue;
            }
            // Unlike any other of any life.
            let id = life << 40 | client << 28 | step;
            say(&format!("c {id} {} {name} {by} {} .\n", time(), write_input(input)));
            let output = self.carry_out(&name, by, input).await;
            say(&format!("e {id} {} {} .\n", time(), write_output(output)));
            match output {
                Output::Done(sequence) | Output::Stale(sequence) | Output::Means(_, sequence, _) => {
                    known.insert(number, sequence);
                }
                _ => {}
            }
        }
    }

    async fn carry_out(&self, name: &str, by: Party, input: Input) -> Output {
        let name = name.parse().unwrap();
        let project = &self.principals[usize::from(by)].project;
        // Offers come two days after everything else, so that what was claimed or taken over just now can be offered.
        let days = if matches!(input, Input::Offer(_)) { 2 } else { 0 };
        let at = self.now.saturating_add(Duration::from_secs(days * 86_400));
        let given = |action, expected| {
            let event = event(self.now, &self.entropy, action, project);
            Given { at, expected, nonce: None, event }
        };
        let result = match input {
            Input::Claim(content) => {
                let content = Content {
                    digest: content_of(content),
                    dns: casemate_model::DnsRecords::default(),
                    tags: casemate_model::Tags::default(),
                };
                let permit = self.permit::<operation::ClaimName>(by);
                self.names.claim(&permit, &name, (content, Keys::default()), given("names.claim", None)).await
            }
            Input::Update(expected, content) => {
                let order = Order::Update(Edit { digest: Some(content_of(content)), ..Edit::default() });
                let permit = self.permit::<operation::UpdateName>(by);
                self.names.change(&permit, &name, &order, given("names.update", Some(expected))).await
            }
            Input::Offer(to) => {
                let order = Order::Offer { to: self.principals[usize::from(to)].project.clone() };
                let permit = self.permit::<operation::OfferName>(by);
                self.names.change(&permit, &name, &order, given("names.offer", None)).await
            }
            Input::Withdraw => {
                let permit = self.permit::<operation::WithdrawName>(by);
                self.names.change(&permit, &name, &Order::Withdraw, given("names.withdraw", None)).await
            }
            Input::Accept(content) => {
                let order = Order::Accept { digest: Some(content_of(content)), keys: Keys::default() };
                let permit = self.permit::<operation::AcceptName>(by);
                self.names.change(&permit, &name, &order, given("names.accept", None)).await
            }
            Input::Release => {
                let permit = self.permit::<operation::ReleaseName>(by);
                self.names.change(&permit, &name, &Order::Release, given("names.release", None)).await
            }
            Input::Read => {
                let permit = self.permit::<operation::ShowName>(by);
                let resolved = self.names.resolve(&permit, &name, at).await;
                return match resolved {
                    Ok(resolved) => self.means(&resolved.held),
                    Err(error) => refused(&error),
                };
            }
        };
        match result {
            Ok(held) => Output::Done(held.record.sequence),
            Err(error) => refused(&error),
        }
    }

    fn means(&self, held: &HeldName) -> Output {
        let by = self.principals.iter().position(|principal| principal.project == held.record.project);
        let digest = held.record.digest.unwrap();
        let content = (0..CONTENTS).find(|content| content_of(*content) == digest).unwrap();
        Output::Means(Party::try_from(by.unwrap()).unwrap(), held.record.sequence, content)
    }

    fn permit<O: Operation>(&self, by: Party) -> Permit<O> {
        let principal = &self.principals[usize::from(by)];
        authorize(principal, &principal.project, &Resource::all("name")).unwrap()
    }
}

fn refused(error: &NamesError) -> Output {
    match error {
        NamesError::Taken { .. } => Output::Taken,
        NamesError::CoolingOff { .. } => Output::Cooling,
        NamesError::NotClaimed { .. } => Output::Missing,
        NamesError::NotOwner { .. } => Output::NotOwner,
        NamesError::Stale { found, .. } => Output::Stale(*found),
        NamesError::NothingOpen { .. } => Output::NothingOpen,
        NamesError::NotOffered { .. } => Output::NotOffered,
        NamesError::Locked { .. } => Output::Locked,
        other => panic!("{other}"),
    }
}

fn content_of(content: u8) -> Digest {
    Digest::of(&[content])
}

fn event(now: Timestamp, entropy: &dyn Entropy, action: &'static str, project: &Project) -> Event {
    Event {
        time: now,
        request: RequestId::generate(now, entropy),
        actor: PrincipalKind::LocalUser(0),
        project: project.clone(),
        action: action.into(),
        resource: "test".to_owned(),
        decision: Decision::Allowed,
        outcome: "done".to_owned(),
        details: Vec::new(),
    }
}

/// One write a line, before what it says begins, or after it has ended.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Nanoseconds of a clock that all processes share.
fn time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

/// A small generator: what it does again, it does alike (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}
