//! The world outside: the only clock and the only randomness of the product.
#![expect(clippy::disallowed_methods, reason = "time is read here and handed to everything else")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use casemate_cache::CacheClock;
use casemate_model::{Clock, Entropy, Timestamp};

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

/// The operating system's randomness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Clock for SystemClock {
    /// A clock that stands before 1970 or after 9999 is taken as standing at that end.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
    }
}

impl CacheClock for SystemClock {
    /// Counts while the machine sleeps, too, and nobody can set it.
    fn uptime(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let whole = |number| u64::try_from(number).unwrap_or(0);
        Duration::from_secs(whole(time.tv_sec)) + Duration::from_nanos(whole(time.tv_nsec))
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel gives randomness once it is up");
    }
}
