use std::sync::atomic::{AtomicU64, Ordering};

use casemate_model::{Clock, Timestamp};

/// A clock that is a second later each time somebody looks at it.
#[derive(Debug, Default)]
pub struct HurriedClock(AtomicU64);

impl HurriedClock {
    /// A clock that begins at 1970.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for HurriedClock {
    fn now(&self) -> Timestamp {
        let seconds = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millis(seconds.saturating_mul(1000)).unwrap_or(Timestamp::MAX)
    }
}
