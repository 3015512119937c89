//! Results that are run again, and what becomes of those of a node that was caught.

use async_trait::async_trait;
use casemate_ledger::{Decision, Event, SignedReceipt};
use casemate_model::{NodeId, PrincipalKind, TaskId, Timestamp};
use casemate_tasks::{EndEvent, Review, Settled, TaskRecord, TaskState, Vote};

use super::needs::Settle;
use super::rows::{if_readable, task_columns, task_record};
use super::stored::{result_text, spec_blobs};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

/// Of two nodes that do not agree a third run tells who is right; there are no more.
const AUDITS_MAX: usize = 2;

impl Tx<'_> {
    /// Adds the task that looks at `task`, which is told when it is over.
    pub(super) async fn insert_audit(
        &mut self,
        task: &TaskRecord,
        purpose: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let audit = task.audit(purpose, now);
        if self.insert_more(&audit, (purpose, SignedReceipt::REPLICA_OF, task.id)).await? {
            self.insert_needs(task.id, &[audit.id]).await?;
        }
        Ok(())
    }

    /// Adds a task that the server itself wants, whatever the queue holds, with the entry that says why and because of which
    /// other; false if what it reads is gone.
    async fn insert_more(
        &mut self,
        task: &TaskRecord,
        (purpose, relation, other): (&str, &str, TaskId),
    ) -> Result<bool, Failure> {
        let blobs = spec_blobs(task);
        for blob in &blobs {
            if !self.is_known(blob).await? {
                return Ok(false);
            }
        }
        for blob in &blobs {
            self.refer_to_known(blob).await?;
        }
        self.execute(&OPEN_ONE_MORE, values![task.project]).await?;
        self.insert_task(task).await?;
        self.record(&event_of(task, "tasks.submit", purpose, (relation, other))).await?;
        Ok(true)
    }

    /// Writes down what is known of a result by now.
    async fn review(&mut self, task: &mut TaskRecord, review: Review) -> Result<(), Failure> {
        if let Some(result) = &mut task.result {
            result.review = Some(review);
            self.execute(&REVIEW, values![task.id, result_text(result)]).await?;
        }
        Ok(())
    }

    /// Marks a result that is not believed, and submits its task once more.
    async fn take_back_result(
        &mut self,
        mut task: TaskRecord,
        (review, now): (Review, Timestamp),
        settled: &mut Settled,
    ) -> Result<(), Failure> {
        self.review(&mut task, review).await?;
        // Whoever cancelled it does not want it, whatever its node is worth.
        if task.progress.state == TaskState::Cancelled {
            return Ok(());
        }
        let again = task.once_more(now);
        if self.insert_more(&again, ("once more", "repeats", task.id)).await? {
            settled.changed.push(again);
        }
        Ok(())
    }
}

impl Settle {
    /// Compares a result with what those gave who ran it again.
    pub(super) async fn settle_audit(
        &self,
        tx: &mut Tx<'_>,
        mut task: TaskRecord,
        settled: &mut Settled,
    ) -> Result<(), Failure> {
        let Some(said) = task.result.as_ref().filter(|_| task.can_be_audited()).and_then(Vote::of) else {
            return Ok(());
        };
        let mut audits = Vec::new();
        for row in tx.rows(&AUDITS, values![task.id]).await? {
            let Some(audit) = if_readable(task_record(row))? else { continue };
            if let Some(vote) = audit.result.as_ref().and_then(Vote::of) {
                audits.push((audit, vote));
            }
        }
        let Some((_, found)) = audits.first() else { return Ok(()) };
        let by_server =
            |audit: &TaskRecord| audit.result.as_ref().is_some_and(|result| result.ran_on.is_none());
        let truth = match audits.iter().find(|(audit, _)| by_server(audit)) {
            Some((_, vote)) => Some(vote.clone()),
            None if *found == said => Some(said.clone()),
            None => audits
                .get(1)
                .filter(|(_, second)| *second == said || second == found)
                .map(|(_, second)| second.clone()),
        };
        let Some(truth) = truth else {
            if audits.len() < AUDITS_MAX {
                return tx.insert_audit(&task, "second audit", self.now).await;
            }
            return self.record(tx, "nodes.dispute", &task, None).await;
        };
        for (audit, vote) in &audits {
            if let Some(node) = node_of(audit) {
                self.judge(tx, node, (*vote == truth, audit), settled).await?;
            }
        }
        if let Some(node) = node_of(&task) {
            self.judge(tx, node, (said == truth, &task), settled).await?;
        }
        if said == truth {
            if let Some((audit, _)) = audits.iter().find(|(_, vote)| *vote == truth) {
                task.updated = self.now;
                tx.record(&event_of(&task, "tasks.review", "confirmed", ("by", audit.id))).await?;
            }
            tx.review(&mut task, Review::Confirmed).await
        } else {
            tx.take_back_result(task, (Review::Refuted, self.now), settled).await
        }
    }

    /// Counts for a node what its result was worth. One that was found wrong is not believed any more, which has an entry
    /// of its own.
    pub(super) async fn judge(
        &self,
        tx: &mut Tx<'_>,
        node: NodeId,
        (right, task): (bool, &TaskRecord),
        settled: &mut Settled,
    ) -> Result<(), Failure> {
        if right {
            return tx.count_confirmed(node).await;
        }
        tx.refute_node(node).await?;
        settled.refuted.push(node);
        self.record(tx, "nodes.refute", task, Some(node)).await
    }

    async fn record(
        &self,
        tx: &mut Tx<'_>,
        action: &'static str,
        task: &TaskRecord,
        node: Option<NodeId>,
    ) -> Result<(), Failure> {
        let mut event: Event = (self.event)(task, self.now);
        event.action = action.into();
        event.details = vec![("task".to_owned(), task.id.to_string())];
        match node {
            Some(node) => {
                event.resource = format!("node:{node}");
                event.outcome = "another result than others have".to_owned();
            }
            None => event.outcome = "three runs came to three results".to_owned(),
        }
        tx.record(&event).await.map(drop)
    }
}

/// The entry of what the server itself does with a task because of another, when it was last changed.
fn event_of(
    task: &TaskRecord,
    action: &'static str,
    outcome: &str,
    (relation, other): (&str, TaskId),
) -> Event {
    Event {
        time: task.updated,
        request: task.request,
        actor: PrincipalKind::Node,
        project: task.project.clone(),
        action: action.into(),
        resource: format!("task:{}", task.id),
        decision: Decision::Allowed,
        outcome: outcome.to_owned(),
        details: vec![(relation.to_owned(), other.to_string())],
    }
}

/// The node that ran a task, if that is one that has joined.
pub(super) fn node_of(task: &TaskRecord) -> Option<NodeId> {
    task.result.as_ref()?.ran_on.as_ref().map(|ran_on| ran_on.node)
}

/// Takes back what distrusted nodes gave and nobody has looked at.
pub(super) struct VoidResults {
    pub(super) now: Timestamp,
    pub(super) event: EndEvent,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for VoidResults {
    type Answer = Settled;
    const ACTION: &'static str = "take results back";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Settled, Failure> {
        let rows = tx.rows(&UNJUDGED, values![self.limit]).await?;
        let mut settled = Settled { more: rows.len() == self.limit as usize, ..Settled::default() };
        for row in rows {
            let Some(task) = if_readable(task_record(row))? else { continue };
            let mut event: Event = (self.event)(&task, self.now);
            event.action = "tasks.void".into();
            event.outcome = "its node was caught".to_owned();
            tx.record(&event).await?;
            tx.take_back_result(task, (Review::Void, self.now), &mut settled).await?;
        }
        Ok(settled)
    }
}

const OPEN_ONE_MORE: Statement =
    statement!("UPDATE task_queues SET open_tasks = open_tasks + 1 WHERE project = $1");
const REVIEW: Statement = statement!("UPDATE tasks SET result = $2, judged = 1 WHERE id = $1");
pub(super) const AUDITS: Statement = statement!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE replica_of = $1 ORDER BY replica_of, taken_by LIMIT 9"
);
pub(super) const ANY_UNJUDGED: Statement = statement!(
    "SELECT 1 FROM nodes JOIN tasks ON tasks.ran_by = nodes.id AND tasks.judged = 0 WHERE nodes.state = 'distrusted' LIMIT 1"
);
pub(super) const UNJUDGED: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE judged = 0 AND ran_by IN (SELECT nodes.id FROM nodes WHERE nodes.state = 'distrusted') LIMIT $1"
);
