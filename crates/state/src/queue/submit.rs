use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_tasks::{Progress, Submitted, TaskRecord};

use super::rows::{task_columns, task_record};
use super::stored::spec_blobs;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, statement, values};

/// Accepts a task if its blobs are there and its project's queue has room.
pub(crate) struct Submit {
    pub(crate) task: TaskRecord,
    pub(crate) event: Event,
}

#[async_trait]
impl Change for Submit {
    type Answer = Submitted;
    const ACTION: &'static str = "submit a task";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Submitted, Failure> {
        let mut task = self.task.clone();
        // They are held before the project's row, as whoever ends one of them does.
        let open = match tx.look_at_needs(&mut task).await? {
            Ok(open) => open,
            Err(refused) => return Ok(refused),
        };
        if !open.is_empty() {
            let (due, deadline) = task.schedule_while_it_needs();
            task.progress = Progress::queued(due, deadline);
        }
        let blobs = spec_blobs(&task);
        // All are looked at before one is counted, because a refusal must not leave a trace.
        for blob in &blobs {
            if !tx.is_known(blob).await? {
                return Ok(Submitted::BlobMissing(blob.digest));
            }
        }
        let open_max = tx.limits().open_tasks_max;
        let project = &self.task.project;
        let replicas = task.spec.replicas();
        let count = 1 + replicas.len() as u64;
        let opened = tx.execute(&OPEN_TASKS, values![project, open_max, count]).await? > 0;
        // Looked for while the project's row is held, so that of two that come at once one finds the other.
        if let Some(key) = &self.task.spec.plan.key
            && let Some(row) = tx.row(&OPEN_WITH_KEY, values![project, key.to_string()]).await?
        {
            if opened {
                tx.execute(&CLOSE_TASKS, values![project, count]).await?;
            }
            return Ok(Submitted::Exists(Box::new(task_record(row)?)));
        }
        if !opened {
            return Ok(Submitted::QueueFull { open_max });
        }
        let own_needs = if replicas.is_empty() { open.clone() } else { replicas.clone() };
        let replicas = replicas.into_iter().map(|id| task.replica(id, task.progress.clone()));
        let replicas: Vec<TaskRecord> = replicas.collect();
        if !replicas.is_empty() {
            let (due, deadline) = task.schedule_while_it_needs();
            task.progress = Progress::queued(due, deadline);
        }
        for blob in &blobs {
            tx.refer_to_known(blob).await?;
        }
        tx.insert_task(&task).await?;
        tx.insert_needs(task.id, &own_needs).await?;
        for replica in &replicas {
            for blob in &blobs {
                tx.refer_to_known(blob).await?;
            }
            tx.insert_task(replica).await?;
            tx.insert_needs(replica.id, &open).await?;
        }
        tx.record(&self.event).await?;
        Ok(Submitted::Accepted)
    }
}

/// Counts more open tasks, unless there would be more than there may be: then no row is changed.
const OPEN_TASKS: Statement = statement!(
    "INSERT INTO task_queues (project, open_tasks) SELECT $1, $3 WHERE $2 >= $3 \
     ON CONFLICT (project) DO UPDATE SET open_tasks = task_queues.open_tasks + $3 WHERE task_queues.open_tasks + $3 <= $2"
);
const CLOSE_TASKS: Statement =
    statement!("UPDATE task_queues SET open_tasks = open_tasks - $2 WHERE project = $1");

pub(super) const OPEN_WITH_KEY: Statement = statement!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE project = $1 AND unique_key = $2 AND lapse_at IS NOT NULL"
);
