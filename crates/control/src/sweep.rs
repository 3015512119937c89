use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::Timestamp;
use casemate_tasks::{RetryPolicy, TaskRecord};

use crate::{Control, ControlError};

/// How often deadlines and lost leases are looked for, at least.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// How often unreferenced content is looked for.
const COLLECT_INTERVAL: Duration = Duration::from_secs(60);

/// How long content stays after nothing refers to it, for transfers that are under way.
const COLLECT_GRACE: Duration = Duration::from_secs(10 * 60);

/// Most tasks that one transaction moves on.
const TICK_BATCH: u32 = 256;

/// Moves on what only time moves: deadlines, lost leases, content that nothing refers to.
pub(crate) async fn sweep(control: Control) {
    let mut ticks = tokio::time::interval(TICK_INTERVAL);
    let mut collections = tokio::time::interval(COLLECT_INTERVAL);
    loop {
        let swept = tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = ticks.tick() => control.tick_tasks().await,
            _ = collections.tick() => control.collect().await,
        };
        if let Err(error) = swept {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a sweep failed and will be tried again"
            );
        }
    }
}

impl Control {
    /// Applies time to tasks; when this returns, none has a lost lease or a past deadline.
    pub(crate) async fn tick_tasks(&self) -> Result<(), ControlError> {
        loop {
            let now = self.now();
            let changed =
                self.parts.queue.tick(now, &RetryPolicy::DEFAULT, ended_by_time, TICK_BATCH).await?;
            for task in &changed {
                self.announce_task(task);
            }
            if changed.len() < TICK_BATCH as usize {
                // A task that waited for its next attempt, or lost its worker, may be due now.
                self.runs.wake();
                return Ok(());
            }
        }
    }

    async fn collect(&self) -> Result<(), ControlError> {
        let grace = u64::try_from(COLLECT_GRACE.as_millis()).expect("minutes fit");
        let before = Timestamp::from_millis(self.now().as_millis().saturating_sub(grace));
        let collected = self.collect_objects(before.expect("earlier than now")).await?;
        metrics::counter!("casemate_collected_blobs_total").increment(collected);
        Ok(())
    }
}

/// The audit event of a task that time ended: its deadline passed, or its last attempt's worker was lost.
fn ended_by_time(task: &TaskRecord, now: Timestamp) -> Event {
    Event {
        time: now,
        request: task.request,
        actor: casemate_model::PrincipalKind::Node,
        project: task.project.clone(),
        action: "tasks.end".into(),
        resource: format!("task:{}", task.id),
        decision: casemate_ledger::Decision::Allowed,
        outcome: task.progress.state.to_string(),
        details: vec![("attempts".to_owned(), task.progress.attempt.to_string())],
    }
}
