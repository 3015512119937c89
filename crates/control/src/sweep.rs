use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::Timestamp;
use casemate_names::Heard;
use casemate_objects::UploadLeftovers;
use casemate_tasks::TaskRecord;

use crate::{Control, ControlError};

/// How often deadlines and lost leases are looked for, at least.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is looked whether names end.
const TEND_INTERVAL: Duration = Duration::from_secs(60);

/// How often it is looked what other nodes did to names.
const HEAR_INTERVAL: Duration = Duration::from_millis(500);

/// How often it is kept when keys were used last.
const USES_INTERVAL: Duration = Duration::from_secs(60);

/// How often unreferenced content is looked for, at least.
const COLLECT_INTERVAL: Duration = Duration::from_secs(60);

/// How often figures and records are removed that nobody asks for.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);

/// How often tasks are removed that were kept for long enough, and how many at once.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(60);
const EXPIRE_BATCH: u32 = 64;

/// How long an upload in parts may be under way.
const UPLOAD_GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Most tasks that one transaction moves on.
const TICK_BATCH: u32 = 256;

/// How often all files of objects are compared with the catalog.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often new content is packed, and how many blobs at a time.
const PACK_INTERVAL: Duration = Duration::from_secs(1);
const PACK_BATCH: u32 = 8;

/// Moves on what only time moves: deadlines and lost leases.
pub(crate) async fn sweep(control: Control) {
    let mut ticks = tokio::time::interval(TICK_INTERVAL);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = ticks.tick() => {
                note(control.tick_tasks().await);
                note(control.settle_tasks().await);
                note(control.end_relays().await);
            }
            () = control.runs.task_ended() => note(control.settle_tasks().await),
        }
    }
}

/// Reminds of names that end, and ends those that nobody renews.
pub(crate) async fn tend(control: Control) {
    let mut rounds = tokio::time::interval(TEND_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => note(control.tend_names().await),
        }
    }
}

/// Hears of names that other nodes change.
pub(crate) async fn hear(control: Control) {
    let mut heard = Heard::default();
    let mut rounds = tokio::time::interval(HEAR_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => note(control.hear_names(&mut heard).await),
        }
    }
}

/// Keeps when keys were used, not more often than somebody would look.
pub(crate) async fn keep_uses(control: Control) {
    let mut rounds = tokio::time::interval(USES_INTERVAL);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return note(control.keep_uses().await),
            _ = rounds.tick() => note(control.keep_uses().await),
        }
    }
}

/// Removes content that nothing refers to. It may have to wait for uploads, so nothing else waits for it.
pub(crate) async fn collect(control: Control) {
    let every = COLLECT_INTERVAL.min(control.parts.settings.collect_grace);
    let mut collections = tokio::time::interval(every);
    collections.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut comparisons = tokio::time::interval(ORPHAN_INTERVAL);
    let mut leftovers = UploadLeftovers::default();
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = collections.tick() => {
                tokio::select! {
                    () = control.stopping.cancelled() => return,
                    collected = control.collect(&mut leftovers) => note(collected),
                }
            }
            _ = comparisons.tick() => {
                tokio::select! {
                    () = control.stopping.cancelled() => return,
                    collected = control.collect_orphans() => note(collected),
                }
            }
        }
    }
}

/// Removes what was kept for long enough.
pub(crate) async fn expire(control: Control) {
    let kept = control.parts.settings.task_retention;
    let mut rounds = tokio::time::interval(kept.map_or(FORGET_INTERVAL, |kept| EXPIRE_INTERVAL.min(kept)));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut forgotten = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => if let Some(kept) = kept {
                note(control.expire_tasks(kept).await);
            },
            _ = forgotten.tick() => {
                note(control.parts.queue.forget_hours(control.now()).await.map_err(ControlError::from));
                note(control.forget_relays().await);
            }
        }
    }
}

/// Packs what was put. Nothing waits for it.
pub(crate) async fn pack(control: Control) {
    let mut rounds = tokio::time::interval(PACK_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => {}
        }
        tokio::select! {
            () = control.stopping.cancelled() => return,
            packed = control.pack_objects() => note(packed),
        }
    }
}

pub(crate) fn note(swept: Result<(), ControlError>) {
    if let Err(error) = swept {
        tracing::warn!(error = &error as &dyn std::error::Error, "a sweep failed and will be tried again");
    }
}

impl Control {
    /// Applies time to tasks; when this returns, none has a lost lease or a past deadline.
    pub(crate) async fn tick_tasks(&self) -> Result<(), ControlError> {
        loop {
            let now = self.now();
            let changed = self.parts.queue.tick(now, ended, TICK_BATCH).await?;
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

    /// Moves on what waited for tasks that are over.
    async fn settle_tasks(&self) -> Result<(), ControlError> {
        loop {
            let mut settled = self.parts.queue.settle(self.now(), ended, TICK_BATCH).await?;
            let voided = self.parts.queue.void_results(self.now(), ended, TICK_BATCH).await?;
            settled.changed.extend(voided.changed);
            settled.more |= voided.more;
            for task in &settled.changed {
                self.announce_task(task);
            }
            for node in &settled.refuted {
                metrics::counter!("casemate_nodes_refuted_total").increment(1);
                tracing::error!(%node, "a node gave another result than enough others, and is not believed any more");
            }
            if !settled.changed.is_empty() {
                self.runs.wake();
            }
            if !settled.more {
                return Ok(());
            }
        }
    }

    async fn expire_tasks(&self, kept: Duration) -> Result<(), ControlError> {
        let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        loop {
            let now = self.now();
            let before =
                Timestamp::from_millis(now.as_millis().saturating_sub(kept_ms)).expect("earlier than now");
            let caller = self.node_caller(&casemate_model::Project::default_project());
            let event = self.event(&caller, "tasks.expire", "tasks", "removed");
            let removed = self.parts.queue.expire(before, event, EXPIRE_BATCH).await?;
            metrics::counter!("casemate_expired_tasks_total").increment(removed);
            if removed < u64::from(EXPIRE_BATCH) || self.stopping.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn pack_objects(&self) -> Result<(), ControlError> {
        loop {
            let packed = self.parts.objects.pack(self.now(), PACK_BATCH).await?;
            if packed > 0 {
                self.packed.notify_one();
            }
            // More may have been put meanwhile.
            if packed == 0 || self.stopping.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn collect_orphans(&self) -> Result<(), ControlError> {
        let collected = self.parts.objects.collect_orphans().await?;
        if collected > 0 {
            tracing::info!(collected, "removed files that no row of the catalog knows");
        }
        self.parts.objects.collect_second_forms().await?;
        metrics::counter!("casemate_collected_orphans_total").increment(collected);
        Ok(())
    }

    async fn collect(&self, leftovers: &mut UploadLeftovers) -> Result<(), ControlError> {
        self.forget_answers().await?;
        let grace = u64::try_from(self.parts.settings.collect_grace.as_millis()).unwrap_or(u64::MAX);
        let before = Timestamp::from_millis(self.now().as_millis().saturating_sub(grace));
        let collected = self.collect_objects(before.expect("earlier than now")).await?;
        metrics::counter!("casemate_collected_blobs_total").increment(collected);
        let grace = u64::try_from(UPLOAD_GRACE.as_millis()).expect("days fit");
        let before = Timestamp::from_millis(self.now().as_millis().saturating_sub(grace));
        let collected = self.collect_uploads(before.expect("earlier than now")).await?;
        metrics::counter!("casemate_expired_uploads_total").increment(collected);
        let collected = self.parts.objects.collect_upload_leftovers(leftovers).await?;
        if collected > 0 {
            tracing::info!(collected, "removed files of uploads that are over");
        }
        Ok(())
    }
}

/// The audit event of a task that ended without a run's report: its deadline passed, its last attempt's worker was
/// lost, or it was cancelled while its node stopped.
pub(crate) fn ended(task: &TaskRecord, now: Timestamp) -> Event {
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
