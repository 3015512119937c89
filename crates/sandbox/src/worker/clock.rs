use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Where virtual time starts: 2000-01-01T00:00:00Z.
pub(super) const VIRTUAL_START: Duration = Duration::from_secs(946_684_800);
/// How far each look at a virtual clock moves it on, so that a guest that waits for time to pass gets on.
const STEP: Duration = Duration::from_millis(1);

/// The clock of the deterministic profile: it shows how often it was looked at, and nothing of the host.
///
/// A guest that sleeps does sleep, bounded by the deadline, but virtual time does not see it.
#[derive(Clone, Default)]
pub(super) struct VirtualClock {
    looks: Arc<AtomicU64>,
}

impl VirtualClock {
    fn elapsed(&self) -> Duration {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        Duration::from_nanos(looks.saturating_mul(nanos(STEP)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        VIRTUAL_START + self.elapsed()
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        nanos(STEP)
    }

    fn now(&self) -> u64 {
        nanos(self.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_moves_both_clocks_on() {
        let clock = VirtualClock::default();
        assert_eq!(HostWallClock::now(&clock), VIRTUAL_START);
        assert_eq!(HostMonotonicClock::now(&clock), 1_000_000);
        assert_eq!(HostWallClock::now(&clock), VIRTUAL_START + 2 * STEP);
    }
}
