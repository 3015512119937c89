use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use casemate_model::LimitKind;

use crate::wire::message::Limits;

/// What a run has used of the limits that several parts of a worker share, and the first limit it reached.
pub(super) struct Meter {
    limits: Limits,
    stdout_bytes: AtomicU64,
    files_bytes: AtomicU64,
    log_bytes: AtomicU64,
    reached: Mutex<Option<LimitKind>>,
}

/// Ends a guest that reached a limit; the [`Meter`] knows which one.
#[derive(Debug, thiserror::Error)]
#[error("the guest reached its {0} limit")]
pub(super) struct LimitReached(LimitKind);

/// Which stream of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            stdout_bytes: AtomicU64::new(0),
            files_bytes: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            reached: Mutex::new(None),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limit that ended the run, if one did.
    pub(super) fn reached(&self) -> Option<LimitKind> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `kind` is reached; the first one stands.
    pub(super) fn reach(&self, kind: LimitKind) -> LimitReached {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        LimitReached(*reached.get_or_insert(kind))
    }

    /// Takes up to `wanted` bytes of a stream's limit. Returns how many may be written; fewer than `wanted` means
    /// that the limit is reached.
    pub(super) fn take(&self, stream: Stream, wanted: u64) -> u64 {
        let (used, kind, max) = match stream {
            Stream::Stdout => (
                &self.stdout_bytes,
                LimitKind::Output,
                self.limits.output_bytes.saturating_sub(self.files_bytes.load(Ordering::Relaxed)),
            ),
            Stream::Stderr => (&self.log_bytes, LimitKind::Log, self.limits.log_bytes),
        };
        let before = used.load(Ordering::Relaxed);
        let granted = wanted.min(max.saturating_sub(before));
        used.store(before + granted, Ordering::Relaxed);
        if granted < wanted {
            self.reach(kind);
        }
        granted
    }

    /// Notes what the output directory holds now.
    pub(super) fn set_files(&self, bytes: u64) -> Result<(), LimitReached> {
        self.files_bytes.store(bytes, Ordering::Relaxed);
        if bytes.saturating_add(self.stdout_bytes.load(Ordering::Relaxed)) > self.limits.output_bytes {
            return Err(self.reach(LimitKind::Output));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter::new(Limits {
            fuel: 1,
            memory_bytes: 1,
            table_elements: 1,
            instances: 1,
            stack_bytes: 1,
            output_bytes: 10,
            log_bytes: 4,
        })
    }

    #[test]
    fn output_is_standard_output_and_files_together() {
        let meter = meter();
        assert_eq!(meter.take(Stream::Stdout, 6), 6);
        meter.set_files(4).unwrap();
        assert_eq!(meter.reached(), None);
        assert_eq!(meter.take(Stream::Stdout, 1), 0);
        assert_eq!(meter.reached(), Some(LimitKind::Output));
    }

    #[test]
    fn a_write_over_the_limit_is_cut_and_the_first_limit_stands() {
        let meter = meter();
        assert_eq!(meter.take(Stream::Stderr, 9), 4);
        assert_eq!(meter.take(Stream::Stdout, 11), 10);
        assert_eq!(meter.reached(), Some(LimitKind::Log));
    }
}
