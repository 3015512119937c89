//! Measures what it costs to recognise a caller whose credential was seen within the last second.
//!
//! ```console
//! cargo run --release -p casemate-state --example key_check
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement: it has its own clock, and prints"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use casemate_fs::Dir;
use casemate_identity::{Authenticator, Credentials as _, NewKey, Pepper, Peppers, issue_key};
use casemate_ledger::{Decision, Event};
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{Clock as _, PrincipalKind, Project, RequestId, Role, Scopes, SessionId, UserId};
use casemate_state::{SqliteOptions, Store, StoreLimits};
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

const CHECKS: u32 = 50_000;
const ROUNDS: usize = 7;
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the check of a key must cost less than.
const TARGET_US: f64 = 2.0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let (clock, entropy) = (Arc::new(ManualClock::new()), CountingEntropy::default());
    let now = clock.now();
    let options = SqliteOptions {
        directory: Dir::open_private(&directory.path().join("state")).expect("a private directory"),
        limits: StoreLimits::DEFAULT,
        clock: clock.clone(),
    };
    let store = Arc::new(Store::open_sqlite(options).await.expect("a store"));
    let peppers = Peppers::new(Pepper::new(Zeroizing::new([7; 32])));
    let new = NewKey {
        project: Project::default_project(),
        label: "bench".parse().expect("a label"),
        role: Role::DEVELOPER,
        scopes: Scopes::ALL,
        expires: None,
        owner: None,
        networks: Default::default(),
        limit: None,
    };
    let (record, key) = issue_key(new, &peppers, now, &entropy);
    let event = Event {
        time: now,
        request: RequestId::generate(now, &entropy),
        actor: PrincipalKind::Node,
        project: Project::default_project(),
        action: "bench".into(),
        resource: String::new(),
        decision: Decision::Allowed,
        outcome: String::new(),
        details: Vec::new(),
    };
    store.insert_key(&record, event).await.expect("a key");
    let authenticator = Authenticator::new(store, peppers, "bench".to_owned());
    let (user, session) = (UserId::generate(now, &entropy), SessionId::generate(now, &entropy));
    let (token, _) = authenticator.access_tokens().issue(user, session, now, &entropy);

    println!("| credential | us per check (median of {ROUNDS}) | best | worst | under {TARGET_US} us |");
    println!("|---|---|---|---|---|");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..CHECKS {
            black_box(authenticator.by_key(black_box(key.expose_secret()), HOME, now).await)
                .expect("it is good");
        }
        rounds.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS));
    }
    say("API key", rounds);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..CHECKS / 50 {
            black_box(authenticator.access_tokens().open(black_box(token.expose_secret()), now))
                .expect("it is good");
        }
        rounds.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS / 50));
    }
    say("access token's signature", rounds);
}

fn say(what: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let (best, median, worst) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
    let met = if median < TARGET_US { "yes" } else { "no" };
    println!("| {what} | {median:.2} | {best:.2} | {worst:.2} | {met} |");
}
