use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_limits::Quota;
use casemate_model::{StoreError, Timestamp};

use crate::{Subject, Tier};

/// Most overrides at once. Every node holds all of them.
pub const OVERRIDES_MAX: u32 = 1_000;

/// An exception from the quota of a tier, for one subject, until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// For which requests.
    pub tier: Tier,
    /// For whom.
    pub subject: Subject,
    /// What is allowed instead.
    pub quota: Quota,
    /// From when on it is over.
    pub expires: Timestamp,
    /// When it was set.
    pub created: Timestamp,
}

/// A quota that no override can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Nothing would ever be allowed, or numbers would not hold.
    #[error("a rate is 1 to {max} requests per second", max = Quota::MAX)]
    Rate,
    /// The costliest request would never be allowed.
    #[error("a burst in the tier {tier} is {least} to {max}, as its costliest request costs {least}", max = Quota::MAX)]
    Burst {
        /// The tier.
        tier: Tier,
        /// The smallest burst.
        least: u32,
    },
    /// It would be over at once.
    #[error("an override ends in the future")]
    Expired,
}

/// What came of setting an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOverride {
    /// There was none for the subject in the tier.
    Made,
    /// It stands in the place of another.
    Replaced,
    /// There are as many as there may be.
    TooMany,
}

/// Where overrides are kept, for all nodes that share a store.
#[async_trait]
pub trait Overrides: Send + Sync + 'static {
    /// All overrides by tier and subject, those that are over included until the next is set.
    async fn overrides(&self) -> Result<Vec<Override>, StoreError>;

    /// Sets an override, and removes those that were over when it was made.
    async fn set_override(&self, set: &Override, event: Event) -> Result<SetOverride, StoreError>;

    /// Removes an override; false if there is none, and then no entry is added.
    async fn remove_override(&self, tier: Tier, subject: Subject, event: Event) -> Result<bool, StoreError>;
}

impl Override {
    /// Whether it can be set at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), OverrideError> {
        check_quota(self.tier, self.quota)?;
        if self.expires <= now { Err(OverrideError::Expired) } else { Ok(()) }
    }
}

/// Whether a tier can have this quota.
pub(crate) fn check_quota(tier: Tier, quota: Quota) -> Result<(), OverrideError> {
    let least = tier.burst_min();
    if !(1..=Quota::MAX).contains(&quota.per_second) {
        return Err(OverrideError::Rate);
    }
    if !(least..=Quota::MAX).contains(&quota.burst) {
        return Err(OverrideError::Burst { tier, least });
    }
    Ok(())
}
