use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use casemate_limits::{Quota, TokenBuckets};
use casemate_model::{PrincipalKind, Timestamp, client_network};

use crate::Caller;

/// Refusals of one principal that get an entry each: one a second, after a hundred at once.
const RECORDED: Quota = Quota { per_second: 1, burst: 100 };

/// Of strangers of one network: one in ten seconds, after a hundred at once, in tokens of a tenth of an entry.
const OF_NETWORK: Quota = Quota { per_second: 1, burst: 1_000 };
const NETWORK_COST: u32 = 10;

/// Of all strangers together: so much that no one network takes it from the others, and those of many networks do not
/// fill the disk either.
const OF_STRANGERS: Quota = Quota { per_second: 2, burst: 1_000 };

/// Principals and networks that are told apart; beyond it those that were refused least are forgotten.
const HOLDERS_MAX: usize = 10_000;

/// Decides which refusals get an audit entry of their own. Entries are kept for ever, and whoever may do nothing else
/// must not be able to fill the disk with them. The others are counted, and the next entry says how many there were.
pub(crate) struct Denials {
    principals: TokenBuckets,
    networks: TokenBuckets,
    unrecorded: AtomicU64,
}

impl Default for Denials {
    fn default() -> Self {
        Self {
            principals: TokenBuckets::new(HOLDERS_MAX),
            networks: TokenBuckets::new(HOLDERS_MAX),
            unrecorded: AtomicU64::new(0),
        }
    }
}

impl Denials {
    /// The refusals that were only counted since the last entry, if this one is to have an entry; else `None`.
    pub(crate) fn record(&self, caller: &Caller, now: Timestamp) -> Option<u64> {
        // Whoever calls a function may be anybody, and must not use up what is its maker's.
        let kind = if caller.function.is_some() { PrincipalKind::Anonymous } else { caller.principal.kind };
        if self.has_room(kind, caller.from(), now) {
            return Some(self.unrecorded.swap(0, Ordering::Relaxed));
        }
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Strangers are told apart by network, so that one who floods the log hides nobody else.
    fn has_room(&self, principal: PrincipalKind, address: IpAddr, now: Timestamp) -> bool {
        if principal != PrincipalKind::Anonymous {
            return self.principals.take(&principal, RECORDED, 1, now).allowed;
        }
        self.networks.take(&client_network(address), OF_NETWORK, NETWORK_COST, now).allowed
            && self.principals.take(&principal, OF_STRANGERS, 1, now).allowed
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use casemate_model::{Principal, RequestId};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000).expect("in range")
    }

    fn caller(principal: Principal, address: [u8; 4]) -> Caller {
        let request = RequestId::generate(at(0), &CountingEntropy::default());
        Caller::new(principal, request, Some(address.into()))
    }

    fn recorded(denials: &Denials, caller: &Caller, seconds: u64) -> usize {
        (0..1_000).filter(|_| denials.record(caller, at(seconds)).is_some()).count()
    }

    #[test]
    fn a_flood_of_refusals_is_counted_and_others_are_still_recorded() {
        let denials = Denials::default();
        let project = casemate_model::Project::default_project();
        let known = caller(Principal::local_user(1, project), [10, 0, 0, 1]);
        let (flood, other) =
            (caller(Principal::anonymous(), [192, 0, 2, 1]), caller(Principal::anonymous(), [192, 0, 2, 2]));
        assert_eq!(recorded(&denials, &flood, 0), 100);
        assert_eq!(denials.record(&other, at(0)), Some(900), "one network hides no other");
        assert_eq!(recorded(&denials, &known, 0), 100);
        assert_eq!(denials.record(&flood, at(9)), None);
        assert_eq!(denials.record(&flood, at(10)), Some(901));
    }

    #[test]
    fn strangers_of_many_networks_do_not_fill_the_disk() {
        let denials = Denials::default();
        let networks = (0..10_000_u16).map(|number| {
            let [high, low] = number.to_be_bytes();
            caller(Principal::anonymous(), [198, 18, high, low])
        });
        assert_eq!(networks.filter(|caller| denials.record(caller, at(0)).is_some()).count(), 1_000);
    }
}
