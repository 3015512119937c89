//! What came of tasks, by the hour in which they ended.

use async_trait::async_trait;
use casemate_model::Timestamp;
use casemate_tasks::{HOURS_MAX, HourFigures, TaskRecord};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};

const HOUR_MS: u64 = 60 * 60 * 1_000;

impl Tx<'_> {
    /// Counts a task that has just come to its end.
    pub(super) async fn count_in_hour(&mut self, task: &TaskRecord) -> Result<(), Failure> {
        let usage = task.result.as_ref().map(|result| result.usage).unwrap_or_default();
        let values = values![
            task.project,
            hour_of(task.updated),
            task.progress.state,
            task.result.is_some(),
            usage.queue_ms,
            usage.wall_ms.saturating_sub(usage.queue_ms),
            usage.fuel / 1_000,
        ];
        self.execute(&COUNT, values).await.map(drop)
    }
}

/// Forgets figures of hours that nobody asks for.
pub(super) struct ForgetHours(pub(super) Timestamp);

#[async_trait]
impl Change for ForgetHours {
    type Answer = ();
    const ACTION: &'static str = "forget figures of tasks";

    /// No entry: nobody could have read them any more.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let oldest = hour_of(self.0).saturating_sub(u64::from(HOURS_MAX));
        tx.execute(&FORGET, values![oldest]).await.map(drop)
    }
}

/// The number of an hour, counted from 1970.
pub(super) fn hour_of(time: Timestamp) -> u64 {
    time.as_millis() / HOUR_MS
}

pub(super) fn hour_figures(row: Row) -> Result<HourFigures, Failure> {
    let mut columns = row.read("figures of an hour");
    let hour: u64 = columns.next()?;
    let hour = Timestamp::from_millis(hour.saturating_mul(HOUR_MS));
    Ok(HourFigures {
        hour: hour.map_err(|error| Failure::damaged("figures of an hour", error))?,
        state: columns.next()?,
        tasks: columns.next()?,
        runs: columns.next()?,
        queue_ms: columns.next()?,
        run_ms: columns.next()?,
        fuel: columns.next::<u64>()?.saturating_mul(1_000),
    })
}

const COUNT: Statement = statement!(
    "INSERT INTO task_hours (project, hour, state, tasks, runs, queue_ms, run_ms, fuel_thousands) \
     VALUES ($1, $2, $3, 1, $4, $5, $6, $7) ON CONFLICT (project, hour, state) DO UPDATE SET \
     tasks = task_hours.tasks + 1, runs = task_hours.runs + $4, queue_ms = task_hours.queue_ms + $5, \
     run_ms = task_hours.run_ms + $6, fuel_thousands = task_hours.fuel_thousands + $7"
);
pub(super) const HOURS: Statement = statement!(
    "SELECT hour, state, tasks, runs, queue_ms, run_ms, fuel_thousands FROM task_hours WHERE project = $1 AND hour >= $2 \
     ORDER BY project, hour, state LIMIT 5000"
);
pub(super) const FORGET: Statement = statement!("DELETE FROM task_hours WHERE hour < $1");
