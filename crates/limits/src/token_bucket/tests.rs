use std::time::Duration;

use proptest::prelude::*;

use super::*;

const QUOTA: Quota = Quota { per_second: 10, burst: 3 };

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).expect("in range")
}

#[test]
fn a_burst_then_the_rate() {
    let buckets = TokenBuckets::new(10);
    let take = |key, cost, millis| buckets.take(&key, QUOTA, cost, at(millis));
    let verdicts: Vec<_> = (0..4).map(|_| take("a", 1, 1_000)).collect();
    assert_eq!(verdicts.iter().map(|verdict| verdict.allowed).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(verdicts.iter().map(|verdict| verdict.remaining).collect::<Vec<_>>(), [2, 1, 0, 0]);
    assert_eq!(verdicts[3].retry_after, Duration::from_millis(100));
    assert_eq!(verdicts[3].reset_after, Duration::from_millis(300));
    assert!(take("a", 1, 1_100).allowed, "one token came back");
    assert!(take("b", 3, 1_000).allowed, "keys do not share");
    assert!(!take("c", 4, 1_000).allowed, "more than the burst never fits");
}

#[test]
fn looking_takes_nothing() {
    let buckets = TokenBuckets::new(10);
    assert_eq!(buckets.look(&"a", QUOTA, 1, at(1_000)).remaining, 2);
    assert_eq!((buckets.active(at(1_000)), buckets.take(&"a", QUOTA, 3, at(1_000)).remaining), (0, 0));
    assert!(!buckets.look(&"a", QUOTA, 1, at(1_000)).allowed);
    assert_eq!((buckets.active(at(1_000)), buckets.active(at(1_300))), (1, 0));
}

#[test]
fn a_flood_of_keys_neither_grows_memory_nor_locks_newcomers_out() {
    let buckets = TokenBuckets::new(1_024);
    let before = buckets.bytes_max();
    let spent = buckets.take(&"spent", QUOTA, 3, at(1_000));
    assert!(spent.allowed);
    let allowed = (0..100_000).filter(|key| buckets.take(key, QUOTA, 1, at(1_000)).allowed).count();
    assert_eq!(allowed, 100_000, "each newcomer has its own bucket");
    assert_eq!(buckets.bytes_max(), before);
    assert!(buckets.active(at(1_000)) <= 1_024);
    assert!(buckets.evicted() > 98_000, "{}", buckets.evicted());
    assert!(!buckets.take(&"spent", QUOTA, 1, at(1_000)).allowed, "who has used much is remembered");
    // Buckets that are full again make room without a loss.
    let evicted = buckets.evicted();
    assert!((0..100).all(|key| buckets.take(&(key, "later"), QUOTA, 1, at(2_000)).allowed));
    assert_eq!(buckets.evicted(), evicted);
}

#[test]
fn a_clock_that_goes_back_neither_panics_nor_locks_anybody_out() {
    let buckets = TokenBuckets::new(10);
    for millis in [60_000, 59_999, 60_000, 59_998, 60_000, 1, 0] {
        for _ in 0..5 {
            let verdict = buckets.take(&"a", QUOTA, 1, at(millis));
            assert!(verdict.remaining <= 3 && verdict.reset_after <= Duration::from_millis(300));
        }
    }
    assert!(buckets.take(&"a", QUOTA, 3, at(300)).allowed, "full again after the time that it takes");
}

#[test]
fn the_shares_of_replicas_are_the_quota_and_hardly_more() {
    for replicas in [1, 2, 3, 7, 64, 1_000] {
        for (per_second, burst) in [(1, 5), (5, 50), (200, 400), (2_000, 4_000), (999, 1_001)] {
            let (quota, burst_min) = (Quota { per_second, burst }, 5);
            let share = quota.share(replicas, burst_min);
            let together = |part: u32| u64::from(part) * u64::from(replicas);
            assert!(together(share.per_second) >= u64::from(per_second), "nothing closes");
            assert!(together(share.burst) >= u64::from(burst), "nothing closes");
            assert!(
                together(share.per_second) < u64::from(per_second) + u64::from(replicas),
                "nothing opens"
            );
            let most = (u64::from(burst) + u64::from(replicas) - 1).max(together(burst_min));
            assert!(together(share.burst) <= most, "nothing opens");
            assert!(share.burst >= burst_min, "the costliest request still fits");
            assert!(share.per_second >= 1);
        }
    }
    assert_eq!(QUOTA.share(1, 1), QUOTA);
}

#[test]
fn a_million_random_keys_take_less_than_64_bytes_each() {
    let buckets = TokenBuckets::new(1_000_000);
    let before = resident_bytes();
    for key in 0_u64..1_000_000 {
        buckets.take(&(key, "random by its hash"), QUOTA, 1, at(1_000));
    }
    let grown = resident_bytes() - before;
    assert!(grown < 64_000_000, "{grown} bytes");
    assert!(buckets.bytes_max() < 64_000_000, "{}", buckets.bytes_max());
    let (active, evicted) = (buckets.active(at(1_000)), buckets.evicted());
    assert_eq!(active as u64 + evicted, 1_000_000, "every key is known, or counted as forgotten");
}

#[expect(clippy::disallowed_methods, reason = "what the system says about this process")]
fn resident_bytes() -> u64 {
    let figures = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    figures.split(' ').nth(1).expect("the second figure").parse::<u64>().expect("pages") * 4_096
}

/// Tokens as exact fractions: what the algorithm must be equal to.
struct Oracle {
    tokens_us: u64,
    filled_us: u64,
}

impl Oracle {
    fn take(&mut self, quota: Quota, cost: u32, now_us: u64) -> bool {
        let (interval, full) = (quota.interval_us(), quota.interval_us() * u64::from(quota.burst));
        self.tokens_us = full.min(self.tokens_us + (now_us - self.filled_us));
        self.filled_us = now_us;
        let price = interval * u64::from(cost);
        let fits = price <= self.tokens_us;
        self.tokens_us -= if fits { price } else { 0 };
        fits
    }
}

proptest! {
    #[test]
    fn it_is_a_bucket_of_tokens_exactly(
        per_second in 1_u32..5_000,
        burst in 1_u32..50,
        steps in proptest::collection::vec((0_u64..2_000, 0_u32..12), 1..200),
    ) {
        let quota = Quota { per_second, burst };
        let buckets = TokenBuckets::new(1);
        let mut oracle = Oracle { tokens_us: quota.interval_us() * u64::from(burst), filled_us: 0 };
        let mut now = 1_000;
        for (wait, cost) in steps {
            now += wait;
            let verdict = buckets.take(&"a", quota, cost, at(now));
            prop_assert_eq!(verdict.allowed, oracle.take(quota, cost, now * 1_000));
            prop_assert_eq!(u64::from(verdict.remaining), oracle.tokens_us / quota.interval_us());
            prop_assert_eq!(verdict.allowed, verdict.retry_after.is_zero());
        }
    }

    #[test]
    fn any_times_at_all_give_an_answer(
        times in proptest::collection::vec((0_u64..=253_402_207_200_000, 0_u32..=u32::MAX), 1..50),
    ) {
        let buckets = TokenBuckets::new(2);
        for (index, (millis, cost)) in times.into_iter().enumerate() {
            let verdict = buckets.take(&(index % 4), QUOTA, cost, at(millis));
            prop_assert!(verdict.remaining <= 3 && verdict.reset_after <= Duration::from_millis(300));
        }
    }

    #[test]
    fn waiting_as_told_is_enough_and_no_longer_than_needed(tries in 1_u32..20, cost in 1_u32..3) {
        let buckets = TokenBuckets::new(1);
        for _ in 0..tries {
            buckets.take(&"a", QUOTA, 1, at(1_000));
        }
        let verdict = buckets.take(&"a", QUOTA, cost, at(1_000));
        if !verdict.allowed {
            let wait = u64::try_from(verdict.retry_after.as_millis()).expect("short");
            prop_assert!(!buckets.take(&"a", QUOTA, cost, at(1_000 + wait - 1)).allowed);
            prop_assert!(buckets.take(&"a", QUOTA, cost, at(1_000 + wait)).allowed);
        }
    }
}
