use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use casemate_limits::{Breaker, BreakerSettings, Quota, Verdict};
use casemate_model::Timestamp;

/// Buckets that several nodes count in together.
#[async_trait]
pub trait SharedBuckets: Send + Sync + 'static {
    /// What the buckets are in, for metrics and logs.
    fn name(&self) -> &'static str;

    /// Takes `cost` tokens from the bucket of `key`, or none of them, by the clock of the place where they are. Answers
    /// or fails within a time of its own.
    async fn take(&self, key: &str, quota: Quota, cost: u32) -> Result<Verdict, SharedError>;
}

/// Shared buckets could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the shared limits do not answer")]
pub struct SharedError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// When the place of shared buckets is left alone: after five failures in ten seconds, for one second at first. Each of
/// those failures cost a request the time-out, so they are few.
const BREAKER: BreakerSettings = BreakerSettings {
    failures_max: 5,
    window: Duration::from_secs(10),
    open_for: Duration::from_secs(1),
    open_max: Duration::from_secs(10),
    probe_for: Duration::from_secs(2),
};

/// Shared buckets behind their breaker.
pub(crate) struct Guarded {
    buckets: Arc<dyn SharedBuckets>,
    breaker: Mutex<Breaker>,
}

impl Guarded {
    pub(crate) fn new(buckets: Arc<dyn SharedBuckets>) -> Self {
        Self { buckets, breaker: Mutex::new(Breaker::new(BREAKER)) }
    }

    /// The verdict of the shared buckets; `None` if they cannot be asked.
    pub(crate) async fn take(&self, key: &str, quota: Quota, cost: u32, now: Timestamp) -> Option<Verdict> {
        let pass = self.breaker().admit(now)?;
        let taken = self.buckets.take(key, quota, cost).await;
        let opened = {
            let mut breaker = self.breaker();
            let before = breaker.opened();
            breaker.report(pass, taken.is_ok(), now);
            breaker.opened() > before
        };
        match taken {
            Ok(verdict) => Some(verdict),
            Err(error) => {
                metrics::counter!("casemate_breaker_failures_total", "dependency" => self.buckets.name())
                    .increment(1);
                // One line for the change, not for each request that it holds up.
                if opened {
                    let (error, dependency) = (&error as &dyn std::error::Error, self.buckets.name());
                    tracing::warn!(error, dependency, "limits are this node's share until it answers again");
                }
                None
            }
        }
    }

    pub(crate) fn say(&self) {
        let state = self.breaker().state().number();
        metrics::gauge!("casemate_breaker_state", "dependency" => self.buckets.name()).set(f64::from(state));
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().expect("nothing panics while it holds the lock")
    }
}
