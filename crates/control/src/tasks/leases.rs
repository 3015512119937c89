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
        if self.runs.load().0 == 0 {
            return Ok(());
        }
        let until = self.now().saturating_add(LEASE);
        for task in self.parts.queue.extend(self.worker, until).await? {
            self.runs.cancel(task);
        }
        Ok(())
    }
}
