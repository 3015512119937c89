//! What every implementation of token buckets must answer to the same requests.

use casemate_model::Timestamp;

use crate::{Quota, TokenBuckets, Verdict};

/// One request of a series.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which bucket.
    pub key: u32,
    /// Its quota.
    pub quota: Quota,
    /// What the request costs.
    pub cost: u32,
    /// When it comes.
    pub now: Timestamp,
}

/// A series of requests: floods and pauses, costs that fit, that do not, and that never will, a clock that goes back, quotas that
/// change, and rates that do not divide a second. The same on every call.
pub fn steps(count: usize) -> Vec<Step> {
    // A generator of our own keeps the series the same, whatever libraries do.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let quotas = [(1, 1), (3, 7), (10, 3), (200, 400), (999, 50), (1_000_000, 1_000_000)];
    let mut millis = 1_800_000_000_000_u64;
    let mut steps = Vec::with_capacity(count);
    for _ in 0..count {
        millis = match next(20) {
            0 => millis - next(5_000),
            1 => millis + next(60_000),
            2..=8 => millis,
            _ => millis + next(300),
        };
        let key = next(6);
        // Mostly each key's own quota, now and then another one.
        let quota = if next(50) == 0 { next(6) } else { key };
        let (per_second, burst) = quotas[usize::try_from(quota).expect("six")];
        let cost = [0, 1, 1, 1, 2, 5, 400, 1_000_001][usize::try_from(next(8)).expect("eight")];
        let now = Timestamp::from_millis(millis).expect("in range");
        steps.push(Step {
            key: u32::try_from(key).expect("six"),
            quota: Quota { per_second, burst },
            cost,
            now,
        });
    }
    steps
}

/// What the buckets of this crate answer.
pub fn verdicts(steps: &[Step]) -> Vec<Verdict> {
    let buckets = TokenBuckets::new(1_000);
    steps.iter().map(|step| buckets.take(&step.key, step.quota, step.cost, step.now)).collect()
}
