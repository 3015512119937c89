//! The generic cell rate algorithm: one number per key instead of a bucket and a clock.
//!
//! For each key the *theoretical arrival time* of the next token is kept, in microseconds since 1970. A request that
//! costs `n` tokens moves it by `n` emission intervals; it is refused if that would bring it more than one full burst
//! ahead of now. A time at or before now is a full bucket, so that a key that was never seen is one that is zero.

use std::time::Duration;

use casemate_model::Timestamp;

/// How much is allowed: `burst` at once, refilled at `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tokens added each second; at least 1. The time between two tokens is a whole number of microseconds, rounded up, so
    /// that never more than this is allowed.
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

impl Quota {
    /// The most of either part. Within it, times stay whole numbers that every implementation can hold exactly, up to
    /// the year 2200.
    pub const MAX: u32 = 1_000_000;

    /// Microseconds between two tokens.
    pub fn interval_us(self) -> u64 {
        1_000_000_u64.div_ceil(u64::from(self.per_second.max(1)))
    }

    /// Takes `cost` tokens, or none of them, from the bucket whose state is `arrival_us`.
    pub fn take(self, arrival_us: &mut u64, cost: u32, now_us: u64) -> Verdict {
        let (interval_us, window_us) = (self.interval_us(), self.window_us());
        // Callers read their clocks before they get here, each a little apart, and clocks are set back. A bucket is never
        // emptier than empty, whatever time it is said to be.
        let start_us = (*arrival_us).clamp(now_us, now_us.saturating_add(window_us));
        let next_us = start_us.saturating_add(interval_us.saturating_mul(u64::from(cost)));
        let ahead_us = next_us - now_us;
        let allowed = ahead_us <= window_us;
        let kept_us = if allowed { next_us } else { start_us };
        // A full bucket is left as it is: by a clock that is set back a moment later it would not be full.
        if kept_us > now_us {
            *arrival_us = kept_us;
        }
        self.verdict(kept_us - now_us, if allowed { None } else { Some(ahead_us - window_us) })
    }

    /// The verdict of a bucket that is `used_us` from full; refused if there is something to wait for.
    pub fn verdict(self, used_us: u64, wait_us: Option<u64>) -> Verdict {
        let left_us = self.window_us().saturating_sub(used_us);
        Verdict {
            allowed: wait_us.is_none(),
            remaining: u32::try_from(left_us / self.interval_us()).unwrap_or(self.burst),
            retry_after: Duration::from_micros(wait_us.unwrap_or_default()),
            reset_after: Duration::from_micros(used_us),
        }
    }

    /// What one of `replicas` nodes allows by itself while they cannot count together: its part of both numbers, rounded
    /// up, and never a burst under `burst_min`, which the costliest request needs.
    ///
    /// All together then allow at least the quota, so nothing closes, and at most `replicas - 1` tokens a second more,
    /// and as many in the burst or `replicas * burst_min`, so nothing opens.
    pub fn share(self, replicas: u32, burst_min: u32) -> Self {
        let replicas = replicas.max(1);
        Self {
            per_second: self.per_second.div_ceil(replicas),
            burst: self.burst.div_ceil(replicas).max(burst_min.min(self.burst)),
        }
    }

    fn window_us(self) -> u64 {
        self.interval_us() * u64::from(self.burst)
    }
}

/// A time as buckets keep it.
pub(crate) fn micros(now: Timestamp) -> u64 {
    now.as_millis().saturating_mul(1_000)
}
