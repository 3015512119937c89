//! A token bucket per key, by the generic cell rate algorithm: one number per key instead of a bucket and a clock.
//!
//! For each key the *theoretical arrival time* of the next token is kept. A request that costs `n` tokens moves it
//! by `n` emission intervals; it is refused if that would bring it more than one full burst ahead of now.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use casemate_model::Timestamp;

/// How much is allowed: `burst` at once, refilled at `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tokens added each second; at least 1.
    pub per_second: u32,
    /// Most tokens at once; at least 1.
    pub burst: u32,
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Whole tokens left after it.
    pub remaining: u32,
    /// If refused, how long to wait before the same request would be allowed; otherwise zero.
    pub retry_after: Duration,
    /// How long until the bucket is full again.
    pub reset_after: Duration,
}

/// Buckets for many keys, with bounded memory.
///
/// When `keys_max` keys are tracked, keys whose bucket is full again are forgotten, which changes nothing for them.
/// If all are in use, new keys share one overflow bucket: a flood of keys cannot grow memory, nor buy itself more.
#[derive(Debug)]
pub struct TokenBuckets<K> {
    quota: Quota,
    keys_max: usize,
    arrivals: Mutex<Arrivals<K>>,
}

#[derive(Debug)]
struct Arrivals<K> {
    by_key: HashMap<K, u64>,
    overflow: u64,
}

impl<K: Hash + Eq> TokenBuckets<K> {
    /// Makes full buckets for at most `keys_max` keys.
    ///
    /// # Panics
    /// If a part of the quota is zero: nothing could ever be allowed.
    pub fn new(quota: Quota, keys_max: usize) -> Self {
        assert!(quota.per_second > 0 && quota.burst > 0, "a quota allows something");
        let arrivals = Arrivals { by_key: HashMap::new(), overflow: 0 };
        Self { quota, keys_max, arrivals: Mutex::new(arrivals) }
    }

    /// Takes `cost` tokens from the bucket of `key`, or none of them.
    pub fn take(&self, key: K, cost: u32, now: Timestamp) -> Verdict {
        let now_us = now.as_millis().saturating_mul(1_000);
        let mut arrivals = self.arrivals.lock().expect("nothing panics while it holds the lock");
        if arrivals.by_key.len() >= self.keys_max && !arrivals.by_key.contains_key(&key) {
            arrivals.by_key.retain(|_, arrival_us| *arrival_us > now_us);
            if arrivals.by_key.len() >= self.keys_max {
                return self.quota.take(&mut arrivals.overflow, cost, now_us);
            }
        }
        self.quota.take(arrivals.by_key.entry(key).or_insert(0), cost, now_us)
    }

    /// The quota that every key has.
    pub fn quota(&self) -> Quota {
        self.quota
    }
}

impl Quota {
    /// Microseconds between two tokens.
    fn interval_us(self) -> u64 {
        1_000_000 / u64::from(self.per_second)
    }

    fn take(self, arrival_us: &mut u64, cost: u32, now_us: u64) -> Verdict {
        let interval_us = self.interval_us().max(1);
        let window_us = interval_us * u64::from(self.burst);
        // Callers read their clocks before they get here, each a little apart, and clocks are set back. A bucket is never
        // emptier than empty, whatever time it is said to be.
        let start_us = (*arrival_us).clamp(now_us, now_us.saturating_add(window_us));
        let next_us = start_us.saturating_add(interval_us * u64::from(cost));
        let ahead_us = next_us - now_us;
        let allowed = ahead_us <= window_us;
        let kept_us = if allowed { next_us } else { start_us };
        *arrival_us = kept_us;
        let used_us = kept_us - now_us;
        Verdict {
            allowed,
            remaining: u32::try_from((window_us - used_us) / interval_us).unwrap_or(self.burst),
            retry_after: if allowed { Duration::ZERO } else { Duration::from_micros(ahead_us - window_us) },
            reset_after: Duration::from_micros(used_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUOTA: Quota = Quota { per_second: 10, burst: 3 };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    #[test]
    fn a_burst_then_the_rate() {
        let buckets = TokenBuckets::new(QUOTA, 10);
        let verdicts: Vec<_> = (0..4).map(|_| buckets.take("a", 1, at(1_000))).collect();
        assert_eq!(
            verdicts.iter().map(|verdict| verdict.allowed).collect::<Vec<_>>(),
            [true, true, true, false]
        );
        assert_eq!(verdicts.iter().map(|verdict| verdict.remaining).collect::<Vec<_>>(), [2, 1, 0, 0]);
        assert_eq!(verdicts[3].retry_after, Duration::from_millis(100));
        assert_eq!(verdicts[3].reset_after, Duration::from_millis(300));
        assert!(buckets.take("a", 1, at(1_100)).allowed, "one token came back");
        assert!(buckets.take("b", 3, at(1_000)).allowed, "keys do not share");
        assert!(!buckets.take("c", 4, at(1_000)).allowed, "more than the burst never fits");
    }

    #[test]
    fn a_flood_of_keys_neither_grows_memory_nor_buys_tokens() {
        let buckets = TokenBuckets::new(QUOTA, 2);
        assert!(buckets.take(0, 1, at(1_000)).allowed && buckets.take(1, 1, at(1_000)).allowed);
        let allowed = (2..1_000).filter(|key| buckets.take(*key, 1, at(1_000)).allowed).count();
        assert_eq!(allowed, 3, "all new keys share one bucket");
        assert_eq!(buckets.arrivals.lock().expect("unpoisoned").by_key.len(), 2);
        assert!(buckets.take(5, 1, at(2_000)).allowed, "full buckets were forgotten");
    }

    #[test]
    fn a_clock_that_goes_back_neither_panics_nor_locks_anybody_out() {
        let buckets = TokenBuckets::new(QUOTA, 10);
        for millis in [60_000, 59_999, 60_000, 59_998, 60_000, 1, 0] {
            for _ in 0..5 {
                let verdict = buckets.take("a", 1, at(millis));
                assert!(verdict.remaining <= 3 && verdict.reset_after <= Duration::from_millis(300));
            }
        }
        assert!(buckets.take("a", 3, at(300)).allowed, "full again after the time that it takes");
    }

    proptest! {
        #[test]
        fn any_times_at_all_give_an_answer(
            times in proptest::collection::vec((0_u64..=253_402_300_799_999, 0_u32..=u32::MAX), 1..50),
        ) {
            let buckets = TokenBuckets::new(QUOTA, 2);
            for (index, (millis, cost)) in times.into_iter().enumerate() {
                let verdict = buckets.take(index % 4, cost, at(millis));
                prop_assert!(verdict.remaining <= 3 && verdict.reset_after <= Duration::from_millis(300));
            }
        }

        #[test]
        fn never_more_than_burst_plus_rate(waits in proptest::collection::vec(0_u64..50, 1..200)) {
            let buckets = TokenBuckets::new(QUOTA, 1);
            let (mut now, mut allowed) = (1_000, 0);
            for wait in &waits {
                now += wait;
                let verdict = buckets.take("a", 1, at(now));
                allowed += u64::from(verdict.allowed);
                prop_assert!(verdict.allowed == verdict.retry_after.is_zero());
            }
            prop_assert!(allowed <= 3 + (now - 1_000) * 10 / 1_000);
        }

        #[test]
        fn waiting_as_told_is_enough_and_no_longer_than_needed(tries in 1_u32..20, cost in 1_u32..3) {
            let buckets = TokenBuckets::new(QUOTA, 1);
            for _ in 0..tries {
                buckets.take("a", 1, at(1_000));
            }
            let verdict = buckets.take("a", cost, at(1_000));
            if !verdict.allowed {
                let wait = u64::try_from(verdict.retry_after.as_millis()).expect("short");
                prop_assert!(!buckets.take("a", cost, at(1_000 + wait - 1)).allowed);
                prop_assert!(buckets.take("a", cost, at(1_000 + wait)).allowed);
            }
        }
    }
}
