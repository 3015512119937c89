use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use casemate_model::{KeyId, PrincipalKind, test_support::CountingEntropy};

use super::*;
use crate::SharedError;

const QUOTA: Quota = Quota { per_second: 10, burst: 20 };

fn settings() -> Settings {
    Settings::new([QUOTA; 8]).expect("good quotas")
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis).expect("in range")
}

fn network() -> Subject {
    Subject::network("203.0.113.7".parse().expect("an address"))
}

fn key() -> Subject {
    Subject::Credential(PrincipalKind::Key(KeyId::generate(at(0), &CountingEntropy::default())))
}

/// How many of a hundred requests at one time are allowed.
async fn allowed(throttle: &Throttle, tier: Tier, subject: Subject, millis: u64) -> u32 {
    let mut allowed = 0;
    for _ in 0..100 {
        allowed += u32::from(!throttle.charge(tier, subject, 1, at(millis)).await.refused);
    }
    allowed
}

#[tokio::test]
async fn tiers_and_subjects_have_buckets_of_their_own() {
    let throttle = Throttle::new(settings(), None);
    assert_eq!(allowed(&throttle, Tier::Names, network(), 0).await, 20);
    assert_eq!(allowed(&throttle, Tier::Tasks, network(), 0).await, 20);
    assert_eq!(allowed(&throttle, Tier::Names, key(), 0).await, 20);
    assert_eq!(allowed(&throttle, Tier::Names, network(), 500).await, 5);
}

#[tokio::test]
async fn a_keys_own_limit_counts_whatever_the_tier() {
    let throttle = Throttle::new(settings(), None);
    let limit = RequestLimit::new(2, 5).unwrap();
    let one = KeyLimit { key: KeyId::generate(at(0), &CountingEntropy::default()), limit };
    let mut allowed = 0;
    for _ in 0..100 {
        allowed += u32::from(!throttle.charge_key(one, 1, at(0)).await.refused);
    }
    assert_eq!(allowed, 5);
    let refused = throttle.charge_key(one, 1, at(499)).await;
    assert_eq!((refused.policy, refused.refused), ("key", true));
    assert!(!throttle.charge_key(one, 1, at(500)).await.refused);
    assert!(!throttle.charge(Tier::Names, key(), 1, at(0)).await.refused, "the tier is another limit");
}

#[tokio::test]
async fn an_override_holds_for_one_subject_until_its_end() {
    let throttle = Throttle::new(settings(), None);
    let quota = Quota { per_second: 1, burst: 2 };
    let set = Override { tier: Tier::Names, subject: key(), quota, expires: at(1_000), created: at(0) };
    assert_eq!(set.check(at(0)), Ok(()));
    assert_eq!(set.check(at(1_000)), Err(OverrideError::Expired));
    throttle.set_overrides(vec![set]);
    assert_eq!(allowed(&throttle, Tier::Names, key(), 0).await, 2);
    assert_eq!(allowed(&throttle, Tier::Tasks, key(), 0).await, 20);
    assert_eq!(allowed(&throttle, Tier::Names, network(), 0).await, 20);
    assert_eq!(throttle.charge(Tier::Names, key(), 0, at(999)).await.quota, quota);
    assert_eq!(throttle.charge(Tier::Names, key(), 0, at(1_000)).await.quota, QUOTA);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_refuse_and_refuses_nothing() {
    let throttle = Throttle::new(Settings { dry_run: true, ..settings() }, None);
    assert_eq!(allowed(&throttle, Tier::General, network(), 0).await, 100);
    let charge = throttle.charge(Tier::General, network(), 1, at(0)).await;
    assert_eq!((charge.refused, charge.verdict.allowed), (false, false));
}

#[test]
fn who_presents_bad_credentials_is_looked_at_no_more_for_a_while() {
    let throttle = Throttle::new(settings(), None);
    let (bad, other) =
        ("203.0.113.7".parse().expect("an address"), "203.0.113.8".parse().expect("an address"));
    for _ in 0..20 {
        assert_eq!(throttle.may_present(bad, at(0)), Ok(()));
        throttle.presented_badly(bad, at(0));
    }
    let charge = throttle.may_present(bad, at(0)).expect_err("too many");
    assert_eq!((charge.policy, charge.verdict.retry_after), ("auth", Duration::from_millis(100)));
    assert_eq!(throttle.may_present(other, at(0)), Ok(()));
    assert_eq!(throttle.may_present(bad, at(100)), Ok(()));
}

#[test]
fn quotas_that_close_a_tier_are_refused() {
    let with = |per_second, burst| Settings::new([Quota { per_second, burst }; 8]).err();
    assert_eq!(with(0, 20), Some(OverrideError::Rate));
    assert_eq!(with(1_000_001, 20), Some(OverrideError::Rate));
    assert_eq!(with(1, 4), Some(OverrideError::Burst { tier: Tier::Auth, least: 5 }));
    assert_eq!(with(1, 5), None);
}

/// Shared buckets that can be taken away.
#[derive(Default)]
struct Fleeting {
    gone: AtomicBool,
    asked: AtomicU32,
    buckets: Option<TokenBuckets>,
}

#[async_trait]
impl SharedBuckets for Fleeting {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn take(&self, key: &str, quota: Quota, cost: u32) -> Result<Verdict, SharedError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.gone.load(Ordering::SeqCst) {
            return Err(SharedError("it is gone".into()));
        }
        Ok(self.buckets.as_ref().expect("made").take(&key, quota, cost, at(0)))
    }
}

#[tokio::test]
async fn without_the_shared_buckets_each_node_allows_its_part() {
    let shared = Arc::new(Fleeting { buckets: Some(TokenBuckets::new(100)), ..Fleeting::default() });
    let node = || {
        let settings = Settings { replicas: 4, ..settings() };
        Throttle::new(settings, Some(Arc::clone(&shared) as Arc<dyn SharedBuckets>))
    };
    let nodes = [node(), node(), node(), node()];
    let together = async |millis| {
        let mut sum = 0;
        for node in &nodes {
            sum += allowed(node, Tier::Names, network(), millis).await;
        }
        sum
    };
    assert_eq!(together(0).await, 20, "one bucket for all nodes");
    shared.gone.store(true, Ordering::SeqCst);
    shared.asked.store(0, Ordering::SeqCst);
    assert_eq!(together(0).await, 20, "5 on each of 4 nodes");
    assert_eq!(shared.asked.load(Ordering::SeqCst), 20, "5 failures on each open its breaker");
    assert_eq!(together(900).await, 8, "2.7 of 10 a second each: neither opened nor closed");
    shared.gone.store(false, Ordering::SeqCst);
    assert!(!nodes[0].charge(Tier::Names, network(), 1, at(1_000)).await.verdict.allowed);
    assert!(
        nodes[0].charge(Tier::Names, key(), 1, at(1_001)).await.verdict.remaining == 19,
        "it counts together again"
    );
}
