//! In which order tasks are taken.
//!
//! A task gets a turn when it becomes ready: one more than its project's last, but no earlier than the turn that is served
//! now, and no further behind it than its project has open tasks. So a project that submits a thousand tasks takes a thousand
//! turns, and whoever comes with one meanwhile gets the present one.

use casemate_model::{Project, TaskId, Timestamp};
use casemate_tasks::Priority;

use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

impl Tx<'_> {
    /// The turn of a task of `project` that becomes ready now. The project's row must be there.
    pub(super) async fn next_turn(&mut self, project: &Project, precedence: u64) -> Result<u64, Failure> {
        let front: Option<u64> = match self.row(&FRONT, values![precedence]).await? {
            Some(row) => Some(row.only("turn")?),
            None => None,
        };
        let row = self.row(&TAKE_TURN, values![project, front.unwrap_or(0), front.is_some()]).await?;
        row.ok_or_else(|| Failure::damaged("task queue", QueueMissing))?.only("turn")
    }

    /// Makes at most `limit` tasks ready whose time has come.
    pub(super) async fn make_due_tasks_ready(&mut self, now: Timestamp, limit: u32) -> Result<(), Failure> {
        for row in self.rows(&DUE, values![now, limit]).await? {
            let mut columns = row.read("task");
            let (id, project, precedence): (TaskId, Project, u64) =
                (columns.next()?, columns.next()?, columns.next()?);
            let turn = self.next_turn(&project, precedence).await?;
            self.make_ready(id, turn).await?;
        }
        Ok(())
    }

    /// Gives a task that may be taken from now on its turn.
    pub(super) async fn make_ready(&mut self, id: TaskId, turn: u64) -> Result<(), Failure> {
        self.execute(&READY, values![id, turn]).await.map(drop)
    }
}

/// How a priority is stored: the most urgent is 0.
pub(super) fn precedence(priority: Priority) -> u64 {
    u64::from(Priority::MAX.number() - priority.number())
}

/// A project with tasks whose row is not there.
#[derive(Debug, thiserror::Error)]
#[error("the row of a project's queue is not there")]
struct QueueMissing;

pub(super) const FRONT: Statement = statement!(
    "SELECT turn FROM tasks WHERE ready = 1 AND precedence = $1 ORDER BY precedence, turn, id LIMIT 1"
);
/// `$2` is the turn that is served now, if `$3` is 1.
const TAKE_TURN: Statement = statement!(
    "UPDATE task_queues SET last_turn = CASE WHEN $3 = 0 THEN last_turn + 1 \
     WHEN last_turn + 1 < $2 THEN $2 \
     WHEN last_turn + 1 > $2 + open_tasks THEN $2 + open_tasks \
     ELSE last_turn + 1 END WHERE project = $1 RETURNING last_turn"
);
pub(super) const DUE: Statement = skipping_locked!(
    "SELECT id, project, precedence FROM tasks WHERE take_at <= $1 AND ready = 0 ORDER BY take_at, id LIMIT $2"
);
pub(super) const READY: Statement = statement!("UPDATE tasks SET ready = 1, turn = $2 WHERE id = $1");
