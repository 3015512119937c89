use std::time::Duration;

use casemate_tasks::{Held, Lease, Taker};

use crate::{Control, ControlError};

/// How long a lease holds without being extended. A node that dies is missed after this long.
pub const LEASE: Duration = Duration::from_secs(10);

/// Most tasks that are leased in one transaction.
const TAKE_BATCH: u32 = 64;

/// How long the dispatcher pauses after the store failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// Leases due tasks while slots are free, and starts their runs.
pub(crate) async fn dispatch(control: Control) {
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            () = control.runs.woken() => {}
        }
        if let Err(error) = control.dispatch_due().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "due tasks could not be leased");
            tokio::select! {
                () = control.stopping.cancelled() => return,
                () = tokio::time::sleep(FAILURE_PAUSE) => control.runs.wake(),
            }
        }
    }
}

impl Control {
    /// Starts due tasks until no slot is free or no task is due.
    async fn dispatch_due(&self) -> Result<(), ControlError> {
        loop {
            let free = self.runs.free_slots().min(TAKE_BATCH);
            if free == 0 || self.stopping.is_cancelled() {
                return Ok(());
            }
            let now = self.now();
            let lease = Lease { worker: self.worker, node: None, until: now.saturating_add(LEASE) };
            let taken = self.parts.queue.take(Taker::of_any(lease), now, free).await?;
            let all = taken.len() < free as usize;
            for task in taken {
                self.announce_task(&task);
                // Only this loop takes slots, so there are as many as it counted; should that ever be wrong, the
                // lease ends and the task is taken again.
                if let Some(slot) = self.runs.enter(Held { task: task.id, fence: task.progress.fence }) {
                    self.background.spawn(super::run::run(self.clone(), task, slot));
                }
            }
            if all {
                return Ok(());
            }
        }
    }
}
