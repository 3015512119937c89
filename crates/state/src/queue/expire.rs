//! Tasks that have been over for so long that nobody asks for them any more.

use std::collections::BTreeMap;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, Timestamp};
use casemate_objects::BlobId;
use casemate_tasks::TaskRecord;

use super::end::{DROP_OUTPUT, FORGET_OUTPUT};
use super::rows::{COUNT_DOWN, task_columns, task_record};
use super::stored::{result_blobs, spec_blobs};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

/// Removes old tasks.
pub(super) struct Expire {
    pub(super) before: Timestamp,
    pub(super) event: Event,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for Expire {
    type Answer = u64;
    const ACTION: &'static str = "remove old tasks";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        let (mut removed, now): (BTreeMap<Project, u64>, _) = (BTreeMap::new(), self.event.time);
        for row in tx.rows(&OLD, values![self.before, self.limit]).await? {
            let task = task_record(row)?;
            tx.remove_task(&task, now).await?;
            *removed.entry(task.project).or_default() += 1;
        }
        for (project, count) in &removed {
            let details = vec![("tasks".to_owned(), count.to_string())];
            tx.record(&Event { project: project.clone(), details, ..self.event.clone() }).await?;
        }
        Ok(removed.values().sum())
    }
}

impl Tx<'_> {
    /// Removes a task that is over, with everything that it refers to and what is known of it.
    async fn remove_task(&mut self, task: &TaskRecord, now: Timestamp) -> Result<(), Failure> {
        for blob in spec_blobs(task) {
            self.drop_reference(&blob, now).await?;
        }
        for digest in task.result.iter().flat_map(result_blobs) {
            self.drop_reference(&BlobId::new(&task.project, digest), now).await?;
            self.execute(&DROP_OUTPUT, values![task.project, digest]).await?;
            self.execute(&FORGET_OUTPUT, values![task.project, digest]).await?;
        }
        self.execute(&crate::proofs::FORGET, values![task.project, task.id]).await?;
        self.execute(&COUNT_DOWN, values![task.project, task.progress.state, 1u64]).await?;
        self.execute(&DELETE, values![task.id]).await.map(drop)
    }
}

/// What is run in a task's place, or looks at it, stays as long as the task, whose proof it is part of.
macro_rules! old_tasks {
    () => {
        " FROM tasks WHERE lapse_at IS NULL AND updated < $1 \
         AND NOT EXISTS (SELECT 1 FROM tasks AS whole WHERE whole.id = tasks.replica_of) \
         AND NOT EXISTS (SELECT 1 FROM task_needs WHERE task_needs.needed = tasks.id) \
         AND NOT EXISTS (SELECT 1 FROM task_needs WHERE task_needs.task = tasks.id) ORDER BY updated, id LIMIT "
    };
}

pub(super) const ANY_OLD: Statement = statement!("SELECT id", old_tasks!(), "1");
pub(super) const OLD: Statement = skipping_locked!("SELECT ", task_columns!(), old_tasks!(), "$2");
const DELETE: Statement = statement!("DELETE FROM tasks WHERE id = $1");
