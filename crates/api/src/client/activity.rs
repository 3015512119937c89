use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// What happens to an upload while it is sent: whether it moves, and who holds it up.
#[derive(Default)]
pub(super) struct Activity {
    moved: Notify,
    source_is_slow: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

impl Activity {
    /// The source gave something, or ended.
    pub(super) fn moved(&self) {
        self.source_is_slow.store(false, Ordering::Relaxed);
        self.moved.notify_one();
    }

    /// The source has nothing yet.
    pub(super) fn source_waits(&self) {
        self.source_is_slow.store(true, Ordering::Relaxed);
    }

    /// The source failed.
    pub(super) fn failed(&self, error: io::Error) {
        *self.failure.lock().expect("nothing panics while it holds the lock") = Some(error);
    }

    /// Why the source failed, if it did.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().expect("nothing panics while it holds the lock").take()
    }

    /// Returns when the node has taken nothing for `idle`. A slow source, such as a person who types, may take its
    /// time.
    pub(super) async fn stalled(&self, idle: Duration) {
        loop {
            let moved = timeout(idle, self.moved.notified()).await.is_ok();
            if !moved && !self.source_is_slow.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}
