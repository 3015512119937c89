use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, RwLock};

use casemate_limits::{Quota, TokenBuckets, Verdict};
use casemate_model::{KeyLimit, RequestLimit, Timestamp};

use crate::overrides::check_quota;
use crate::shared::Guarded;
use crate::{Override, OverrideError, SharedBuckets, Subject, Tier};

/// Subjects that a tier tells apart. With 16 bytes each, everything together stays under 70 MB whatever is sent.
const SUBJECTS_MAX: usize = 1 << 19;

/// What an operator decides about limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    quotas: [Quota; Tier::EVERY.len()],
    /// Counts and logs what would be refused, and refuses nothing.
    pub dry_run: bool,
    /// Nodes that count together, each of which allows its part while they cannot.
    pub replicas: u32,
}

/// What a request was charged, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What it counted in: the name of the tier, or `key` for the limit of a key.
    pub policy: &'static str,
    /// The quota that was in force.
    pub quota: Quota,
    /// What the bucket said.
    pub verdict: Verdict,
    /// Whether the request is to be refused; in a dry run none is.
    pub refused: bool,
}

/// Counts requests and says which are too many.
pub struct Throttle {
    settings: Settings,
    tiers: [TokenBuckets; Tier::EVERY.len()],
    /// What keys that have a limit of their own have used of it.
    keys: TokenBuckets,
    /// Credentials that were presented and no good, by network. On this node only: what it guards is this node's store.
    failures: TokenBuckets,
    overrides: RwLock<Arc<HashMap<(Tier, Subject), Override>>>,
    shared: Option<Guarded>,
    told: Mutex<Told>,
}

/// What was said already.
#[derive(Default)]
struct Told {
    /// The second, since 1970, of the last line about a dry run.
    dry_run_at: u64,
    evicted: [u64; Tier::EVERY.len()],
}

impl Settings {
    /// Settings with a quota for each tier, in the order of [`Tier::EVERY`].
    pub fn new(quotas: [Quota; Tier::EVERY.len()]) -> Result<Self, OverrideError> {
        for tier in Tier::EVERY {
            check_quota(tier, quotas[tier.index()])?;
        }
        Ok(Self { quotas, dry_run: false, replicas: 1 })
    }

    /// The quota of a tier.
    pub fn quota(&self, tier: Tier) -> Quota {
        self.quotas[tier.index()]
    }
}

impl Throttle {
    /// Full buckets for everybody; `shared` ones if several nodes are to count together.
    pub fn new(settings: Settings, shared: Option<Arc<dyn SharedBuckets>>) -> Self {
        Self {
            settings,
            tiers: std::array::from_fn(|_| TokenBuckets::new(SUBJECTS_MAX)),
            keys: TokenBuckets::new(SUBJECTS_MAX),
            failures: TokenBuckets::new(SUBJECTS_MAX),
            overrides: RwLock::default(),
            shared: shared.map(Guarded::new),
            told: Mutex::default(),
        }
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether several nodes are to count together.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Charges a request of `subject` that costs `cost` in `tier`. Only a credential that was verified may be a subject:
    /// who merely names it must not spend what is its holder's.
    pub async fn charge(&self, tier: Tier, subject: Subject, cost: u32, now: Timestamp) -> Charge {
        let quota = self.quota(tier, subject, now);
        let verdict = match self.take_shared(|| format!("{tier}:{subject}"), quota, cost, now).await {
            Some(verdict) => verdict,
            None => {
                let share = quota.share(self.replicas(), tier.burst_min());
                self.tiers[tier.index()].take(&subject, share, cost, now)
            }
        };
        self.judge(tier.as_str(), quota, verdict, now)
    }

    /// Charges a request to the limit of the key that was verified for it.
    pub async fn charge_key(&self, own: KeyLimit, cost: u32, now: Timestamp) -> Charge {
        let KeyLimit { key, limit } = own;
        let quota = Quota { per_second: limit.per_second(), burst: limit.burst() };
        let verdict = match self.take_shared(|| format!("own:{key}"), quota, cost, now).await {
            Some(verdict) => verdict,
            None => self.keys.take(&key, quota.share(self.replicas(), RequestLimit::BURST_MIN), cost, now),
        };
        self.judge("key", quota, verdict, now)
    }

    /// The verdict of the buckets that nodes count in together; `None` if there are none, or they cannot be asked.
    async fn take_shared(
        &self,
        key: impl FnOnce() -> String,
        quota: Quota,
        cost: u32,
        now: Timestamp,
    ) -> Option<Verdict> {
        self.shared.as_ref()?.take(&key(), quota, cost, now).await
    }

    /// Nodes that each allow their part when they count alone.
    fn replicas(&self) -> u32 {
        if self.shared.is_some() { self.settings.replicas } else { 1 }
    }

    /// Whether a credential that `network` presents may be looked at. It may not once the network has presented too many
    /// that were no good; nothing is charged by asking.
    pub fn may_present(&self, network: IpAddr, now: Timestamp) -> Result<(), Charge> {
        let quota = self.settings.quota(Tier::Auth);
        let verdict = self.failures.look(&network, quota, 1, now);
        if verdict.allowed {
            return Ok(());
        }
        let charge = self.judge(Tier::Auth.as_str(), quota, verdict, now);
        if charge.refused { Err(charge) } else { Ok(()) }
    }

    /// Hears that `network` presented a credential that was no good.
    pub fn presented_badly(&self, network: IpAddr, now: Timestamp) {
        self.failures.take(&network, self.settings.quota(Tier::Auth), 1, now);
    }

    /// Takes over the overrides that are stored.
    pub fn set_overrides(&self, overrides: Vec<Override>) {
        let by_subject = overrides.into_iter().map(|set| ((set.tier, set.subject), set)).collect();
        *self.overrides.write().expect("nothing panics while it holds the lock") = Arc::new(by_subject);
    }

    /// Says in metrics what is not counted as it happens. Walks over all buckets.
    pub fn say(&self, now: Timestamp) {
        let mut told = self.told.lock().expect("nothing panics while it holds the lock");
        for tier in Tier::EVERY {
            let (name, buckets) = (tier.as_str(), &self.tiers[tier.index()]);
            let active = u32::try_from(buckets.active(now)).unwrap_or(u32::MAX);
            metrics::gauge!("casemate_limit_active_subjects", "tier" => name).set(f64::from(active));
            let evicted = buckets.evicted();
            metrics::counter!("casemate_limit_evicted_total", "tier" => name)
                .increment(evicted - told.evicted[tier.index()]);
            told.evicted[tier.index()] = evicted;
        }
        if let Some(shared) = &self.shared {
            shared.say();
        }
    }

    fn quota(&self, tier: Tier, subject: Subject, now: Timestamp) -> Quota {
        let overrides = Arc::clone(&self.overrides.read().expect("nothing panics while it holds the lock"));
        let set = overrides.get(&(tier, subject)).filter(|set| now < set.expires);
        set.map_or_else(|| self.settings.quota(tier), |set| set.quota)
    }

    fn judge(&self, policy: &'static str, quota: Quota, verdict: Verdict, now: Timestamp) -> Charge {
        let refused = !verdict.allowed && !self.settings.dry_run;
        if verdict.allowed {
            metrics::counter!("casemate_limit_allowed_total", "tier" => policy).increment(1);
        } else if refused {
            metrics::counter!("casemate_limit_denied_total", "tier" => policy).increment(1);
        } else {
            metrics::counter!("casemate_limit_dry_run_denied_total", "tier" => policy).increment(1);
            self.log_dry_run(policy, now);
        }
        Charge { policy, quota, verdict, refused }
    }

    /// At most one line a second, however many requests there are.
    fn log_dry_run(&self, tier: &str, now: Timestamp) {
        let second = now.as_millis() / 1_000;
        let mut told = self.told.lock().expect("nothing panics while it holds the lock");
        if told.dry_run_at != second {
            told.dry_run_at = second;
            tracing::info!(
                tier,
                "dry run: requests would be refused; casemate_limit_dry_run_denied_total counts them"
            );
        }
    }
}

#[cfg(test)]
mod tests;
