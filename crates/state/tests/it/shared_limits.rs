use std::sync::Arc;

use casemate_limits::test_support::{steps, verdicts};
use casemate_limits::{Quota, Verdict};
use casemate_model::Timestamp;
use casemate_state::RedisBuckets;
use casemate_state::test_support::PrivateRedis;
use casemate_throttle::{Settings, SharedBuckets, Subject, Throttle, Tier};

use crate::context::run;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
}

#[test]
fn redis_gives_the_verdicts_of_the_local_buckets() {
    let server = PrivateRedis::start();
    run(async {
        let buckets = RedisBuckets::open(&server.url(), None).unwrap();
        let steps = steps(4_000);
        let expected = verdicts(&steps);
        let refused = expected.iter().filter(|verdict| !verdict.allowed).count();
        assert!((400..3_600).contains(&refused), "the series has both: {refused}");
        for (number, (step, expected)) in steps.iter().zip(expected).enumerate() {
            let verdict = buckets.take_at(&step.key.to_string(), step.quota, step.cost, Some(step.now)).await;
            assert_eq!(verdict.unwrap(), expected, "step {number}: {step:?}");
        }
    });
}

#[test]
fn many_at_once_get_exactly_the_burst() {
    let server = PrivateRedis::start();
    run(async {
        let buckets = Arc::new(RedisBuckets::open(&server.url(), None).unwrap());
        let quota = Quota { per_second: 1, burst: 50 };
        let requests = (0..200).map(|_| {
            let buckets = Arc::clone(&buckets);
            tokio::spawn(async move { buckets.take_at("one", quota, 1, Some(at(0))).await.unwrap() })
        });
        let mut allowed = 0;
        for request in requests.collect::<Vec<_>>() {
            allowed += u32::from(request.await.unwrap().allowed);
        }
        assert_eq!(allowed, 50);
    });
}

#[test]
fn keys_go_by_themselves_and_the_clock_is_the_servers() {
    let server = PrivateRedis::start();
    run(async {
        let buckets = RedisBuckets::open(&server.url(), None).unwrap();
        let quota = Quota { per_second: 1, burst: 100 };
        let first: Verdict = buckets.take("a", quota, 60).await.unwrap();
        assert_eq!((first.allowed, first.remaining), (true, 40));
        let second = buckets.take("a", quota, 60).await.unwrap();
        assert!(!second.allowed && second.retry_after.as_secs() <= 20, "{second:?}");
        let client = redis::Client::open(secrecy::ExposeSecret::expose_secret(&server.url())).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let lives_ms: i64 =
            redis::cmd("PTTL").arg("casemate:limit:a").query_async(&mut connection).await.unwrap();
        assert!((60_000..=70_000).contains(&lives_ms), "{lives_ms}");
        buckets.take("untouched", quota, 0).await.unwrap();
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
        assert_eq!(keys, 1, "a full bucket needs no key");
    });
}

#[test]
fn a_server_that_hangs_holds_few_requests_up() {
    let mut server = PrivateRedis::start();
    run(async {
        let buckets = Arc::new(RedisBuckets::open(&server.url(), None).unwrap());
        let mut settings = Settings::new([Quota { per_second: 1, burst: 100 }; 8]).unwrap();
        settings.replicas = 4;
        let throttle = Throttle::new(settings, Some(buckets));
        let subject = Subject::network("203.0.113.7".parse().unwrap());
        let left = async |throttle: &Throttle, millis| {
            throttle.charge(Tier::Names, subject, 1, at(millis)).await.verdict.remaining
        };
        assert_eq!((left(&throttle, 0).await, left(&throttle, 0).await), (99, 98));
        server.freeze(true);
        let began = std::time::Instant::now();
        for expected in (5..25).rev() {
            assert_eq!(left(&throttle, 1).await, expected, "a quarter of the burst");
        }
        let waited = began.elapsed();
        assert!(waited < std::time::Duration::from_secs(3), "20 requests waited {waited:?} together");
        server.freeze(false);
        // The breaker's pause is over by the clock that it is told.
        let mut shared = 0;
        for second in 1..60 {
            shared = left(&throttle, second * 15_000).await;
            if shared > 25 {
                break;
            }
        }
        assert!(shared > 25, "it counts together again: {shared}");
        server.kill();
        assert!(left(&throttle, 10_000_000).await < 25);
        server.restart();
    });
}
