use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Transactions committed.
    pub batches: u64,
    /// Changes in them.
    pub changes: u64,
    /// Time spent waiting for commits, in microseconds.
    pub commit_us: u64,
    /// Transactions that failed since the last one that was committed.
    pub failures_in_a_row: u64,
}

/// The figures as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    batches: AtomicU64,
    changes: AtomicU64,
    commit_us: AtomicU64,
    failures_in_a_row: AtomicU64,
}

impl Counters {
    /// Notes that a transaction was committed.
    pub(crate) fn committed(&self, changes: u64, took: Duration) {
        metrics::histogram!("casemate_store_commit_seconds").record(took.as_secs_f64());
        metrics::counter!("casemate_store_changes_total").increment(changes);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(changes, Ordering::Relaxed);
        self.commit_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.failures_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Notes that a transaction failed.
    pub(crate) fn failed(&self) {
        metrics::counter!("casemate_store_failures_total").increment(1);
        self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            batches: self.batches.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
            commit_us: self.commit_us.load(Ordering::Relaxed),
            failures_in_a_row: self.failures_in_a_row.load(Ordering::Relaxed),
        }
    }
}
