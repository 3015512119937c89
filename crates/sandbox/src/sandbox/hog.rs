use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use tokio::time::Instant;

use crate::process::Process;

/// Processor time after which a run that answers a request gives way to those that have had less. Most answers take a
/// fraction of it.
const FAIR_SHARE: Duration = Duration::from_millis(50);
/// How often to look.
const LOOK: Duration = Duration::from_millis(25);
/// The lowest priority: 1.5 % of the share of a process of the usual one.
const LOWEST: i32 = 19;

/// Watches one run's use of the processor, so that a request that computes for long does not delay those that do not.
pub(super) struct Hog {
    pid: Option<Pid>,
    before: Duration,
    next: Instant,
    slowed: bool,
}

impl Hog {
    pub(super) fn watch(process: &Process, watched: bool) -> Self {
        let pid = process.pid().filter(|_| watched);
        // Without the figure there is nothing to go by.
        let before = pid.and_then(used);
        let pid = pid.filter(|_| before.is_some());
        Self { pid, before: before.unwrap_or_default(), next: Instant::now() + LOOK, slowed: false }
    }

    /// Looks after a while, for ever if there is nothing to see. May be dropped at any time: when to look next stays what it
    /// was, or a guest that says something all the time would never be looked at.
    pub(super) async fn look(&mut self) {
        let Some(pid) = self.pid.filter(|_| !self.slowed) else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(self.next).await;
        self.next = Instant::now() + LOOK;
        if used(pid).is_some_and(|now| now.saturating_sub(self.before) >= FAIR_SHARE) {
            self.slowed = lower(pid);
            // Where that is not possible, there is nothing to look at either.
            self.pid = None;
        }
    }

    pub(super) fn was_slowed(&self) -> bool {
        self.slowed
    }
}

/// Has a worker run at the lowest priority from now on, as a priority once lowered cannot be raised again by everybody. Says whether
/// it does.
pub(super) fn slow_down(process: &Process) -> bool {
    process.pid().is_some_and(lower)
}

fn lower(pid: Pid) -> bool {
    let lowered = rustix::process::setpriority_process(Some(pid), LOWEST);
    if let Err(error) = &lowered {
        tracing::debug!(error = error as &dyn std::error::Error, "a worker keeps its priority");
    }
    lowered.is_ok()
}

/// The processor time of the thread that runs guests: the first figure of `schedstat`, in nanoseconds.
fn used(pid: Pid) -> Option<Duration> {
    let path = format!("/proc/{}/schedstat", pid.as_raw_nonzero());
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut buffer = [0; 128];
    let count = rustix::io::read(&file, &mut buffer).ok()?;
    let text = std::str::from_utf8(&buffer[..count]).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
