use std::sync::atomic::{AtomicU64, Ordering};

use casemate_limits::{Quota, TokenBuckets};
use casemate_model::{PrincipalKind, Timestamp};

/// Refusals of one principal that get an entry each: one a second, after a hundred at once.
const RECORDED: Quota = Quota { per_second: 1, burst: 100 };

/// Principals that are told apart; beyond it those that were refused least are forgotten.
const PRINCIPALS_MAX: usize = 10_000;

/// Decides which refusals get an audit entry of their own. Entries are kept for ever, and whoever may do nothing else
/// must not be able to fill the disk with them. The others are counted, and the next entry says how many there were.
pub(crate) struct Denials {
    recorded: TokenBuckets,
    unrecorded: AtomicU64,
}

impl Default for Denials {
    fn default() -> Self {
        Self { recorded: TokenBuckets::new(PRINCIPALS_MAX), unrecorded: AtomicU64::new(0) }
    }
}

impl Denials {
    /// The refusals that were only counted since the last entry, if this one is to have an entry; else `None`.
    pub(crate) fn record(&self, principal: PrincipalKind, now: Timestamp) -> Option<u64> {
        if self.recorded.take(&principal, RECORDED, 1, now).allowed {
            return Some(self.unrecorded.swap(0, Ordering::Relaxed));
        }
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_others_are_still_recorded() {
        let denials = Denials::default();
        let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1_000).expect("in range");
        let recorded =
            (0..1_000).filter(|_| denials.record(PrincipalKind::Anonymous, at(0)).is_some()).count();
        assert_eq!(recorded, 100);
        assert_eq!(denials.record(PrincipalKind::LocalUser(1), at(0)), Some(900));
        assert_eq!(denials.record(PrincipalKind::Anonymous, at(0)), None);
        assert_eq!(denials.record(PrincipalKind::Anonymous, at(1)), Some(1));
    }
}
