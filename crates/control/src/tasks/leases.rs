use crate::{Control, ControlError};

use super::dispatch::LEASE;

/// Extends the leases of this node's runs well before they end, and carries cancellations that were asked for
/// elsewhere.
pub(crate) async fn keep_leases(control: Control) {
    let mut beats = tokio::time::interval(LEASE / 4);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = beats.tick() => {}
        }
        if let Err(error) = control.extend_leases().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "leases could not be extended");
        }
    }
}

impl Control {
    async fn extend_leases(&self) -> Result<(), ControlError> {
        let held = self.runs.held();
        if held.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let extended = self.parts.queue.extend(&held, now.saturating_add(LEASE), now).await?;
        for held in extended.cancelled {
            self.runs.cancel_run(held);
        }
        for held in extended.lost {
            // It ended here while this was under way, or another node has it now.
            tracing::debug!(task = %held.task, "a lease was lost");
            self.runs.cancel_run(held);
        }
        Ok(())
    }
}
