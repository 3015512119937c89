use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use casemate_model::{TaskId, Timestamp};
use casemate_tasks::{EndEvent, Extended, Held, Place, Step, Taker, TaskRecord, TaskState};

use super::rows::{if_readable, read_task, task_columns};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, skipping_locked, statement, values};

/// Leases tasks that are due.
pub(super) struct Take {
    pub(super) taker: Taker,
    pub(super) now: Timestamp,
    pub(super) limit: u32,
}

#[async_trait]
impl Change for Take {
    type Answer = Vec<TaskRecord>;
    const ACTION: &'static str = "take tasks";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<TaskRecord>, Failure> {
        tx.make_due_tasks_ready(self.now, self.limit).await?;
        let (mut taken, mut moved) = (Vec::new(), BTreeMap::<_, u64>::new());
        for mut task in self.due(tx).await? {
            if let Some(of) = task.spec.replica_of
                && !self.may_take(tx, of, task.id).await?
            {
                continue;
            }
            let before = task.progress.state;
            let step = task.step(&Step::Take(self.taker.lease), self.now);
            // The query asked for the same conditions, so a refusal does not happen; if it does, the task waits.
            let Ok(progress) = step else { continue };
            task.progress = progress;
            task.updated = self.now;
            *moved.entry((task.project.clone(), before)).or_default() += 1;
            taken.push(task);
        }
        self.write_leases(tx, &taken).await?;
        for ((project, before), tasks) in moved {
            tx.count_moved(&project, (before, TaskState::Leased), tasks).await?;
        }
        Ok(taken)
    }
}

impl Take {
    /// Writes down that `tasks` are taken, in one statement however many they are. It says of the rows what [`Step::Take`] says of
    /// each task.
    async fn write_leases(&self, tx: &mut Tx<'_>, tasks: &[TaskRecord]) -> Result<(), Failure> {
        if tasks.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = tasks.iter().map(|task| task.id.to_string()).collect();
        let ids = serde_json::to_string(&ids).expect("texts have a JSON form");
        let Taker { lease, owner, .. } = &self.taker;
        let values = values![ids, TaskState::Leased, lease.worker, lease.node, lease.until, self.now, owner];
        tx.execute(&LEASE, values).await.map(drop)
    }

    /// Whether the taker's owner has had nothing of what belongs together. Two nodes of one owner may come at once, through
    /// two servers: the one that finds the whole held by the other waits for another turn.
    async fn may_take(&self, tx: &mut Tx<'_>, of: TaskId, own: TaskId) -> Result<bool, Failure> {
        if tx.row(&HOLD_WHOLE, values![of]).await?.is_none() {
            return Ok(false);
        }
        Ok(tx.row(&OWNER_HAS, values![of, self.taker.owner, own]).await?.is_none())
    }

    /// The tasks whose turn it is among those that want no more than the taker's labels.
    async fn due(&self, tx: &mut Tx<'_>) -> Result<Vec<TaskRecord>, Failure> {
        let owner = &self.taker.owner;
        let mut due: Vec<((u64, u64), TaskRecord)> = Vec::new();
        let mut siblings = BTreeSet::new();
        for place in self.places(tx).await? {
            let rows = match &self.taker.project {
                None => tx.rows(&TAKE, values![place, self.now, self.limit, owner]).await?,
                Some(project) => {
                    tx.rows(&TAKE_OF_PROJECT, values![project, place, self.now, self.limit, owner]).await?
                }
            };
            for row in rows {
                let mut columns = row.read("task");
                let Some(task) = if_readable(read_task(&mut columns))? else { continue };
                // Two of one task may be due, and the taker gets one.
                if task.spec.replica_of.is_some_and(|of| !siblings.insert(of)) {
                    continue;
                }
                due.push(((columns.next()?, columns.next()?), task));
            }
        }
        // Each place's are in order; with one place, which is nearly always so, nothing moves.
        due.sort_by_key(|(turn, task)| (*turn, task.id));
        due.truncate(self.limit as usize);
        Ok(due.into_iter().map(|(_, task)| task).collect())
    }

    /// What ready tasks want that the taker is.
    async fn places(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, Failure> {
        let rows = match &self.taker.project {
            None => tx.rows(&PLACES, &[]).await?,
            Some(project) => tx.rows(&PLACES_OF_PROJECT, values![project]).await?,
        };
        let mut places = Vec::new();
        for row in rows {
            let place: String = row.only("place")?;
            match place.parse::<Place>() {
                Ok(wanted) if wanted.is_met_by(&self.taker.labels, self.taker.memory_bytes) => {
                    places.push(place)
                }
                Ok(_) => {}
                // A newer version may want more than this one knows of.
                Err(error) => tracing::error!(place, %error, "tasks are passed over"),
            }
        }
        Ok(places)
    }
}

/// Notes that the guest starts.
pub(super) struct Start {
    pub(super) id: TaskId,
    pub(super) fence: u64,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for Start {
    type Answer = bool;
    const ACTION: &'static str = "start a task";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let start = Step::Start { fence: self.fence };
        Ok(step(tx, self.id, &start, self.now).await?.is_some())
    }
}

/// Gives a task up unharmed.
pub(super) struct HandBack {
    pub(super) held: Held,
    pub(super) now: Timestamp,
    pub(super) event: EndEvent,
}

#[async_trait]
impl Change for HandBack {
    type Answer = Option<TaskRecord>;
    const ACTION: &'static str = "hand a task back";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<TaskRecord>, Failure> {
        let back = Step::HandBack { fence: self.held.fence };
        let Some(task) = step(tx, self.held.task, &back, self.now).await? else {
            return Ok(None);
        };
        if task.progress.state.is_final() {
            tx.record(&(self.event)(&task, self.now)).await?;
        }
        Ok(Some(task))
    }
}

/// Takes one step of the lease's holder, and returns the task as it is then; `None` if it is refused.
async fn step(
    tx: &mut Tx<'_>,
    id: TaskId,
    step: &Step,
    now: Timestamp,
) -> Result<Option<TaskRecord>, Failure> {
    let Some(mut task) = tx.task(id).await? else {
        return Ok(None);
    };
    let before = task.progress.state;
    let Ok(progress) = task.step(step, now) else {
        return Ok(None);
    };
    if progress.state != before {
        task.updated = now;
    }
    task.progress = progress;
    tx.save_task(&task, before).await?;
    Ok(Some(task))
}

/// Extends leases.
pub(super) struct Extend {
    pub(super) held: Vec<Held>,
    pub(super) until: Timestamp,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for Extend {
    type Answer = Extended;
    const ACTION: &'static str = "extend leases";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Extended, Failure> {
        let mut extended = Extended::default();
        for held in &self.held {
            let extend = Step::Extend { fence: held.fence, until: self.until };
            match step(tx, held.task, &extend, self.now).await? {
                None => extended.lost.push(*held),
                Some(task) if task.progress.cancel_requested => extended.cancelled.push(*held),
                Some(_) => {}
            }
        }
        Ok(extended)
    }
}

/// What different tasks want, from one to the next through the index, however many tasks there are.
pub(super) const PLACES: Statement = statement!(
    "WITH RECURSIVE wanted (place) AS (SELECT MIN(place) FROM tasks WHERE ready = 1 UNION ALL \
     SELECT (SELECT MIN(place) FROM tasks WHERE ready = 1 AND place > wanted.place) FROM wanted \
     WHERE wanted.place IS NOT NULL) SELECT place FROM wanted WHERE place IS NOT NULL LIMIT 256"
);
pub(super) const PLACES_OF_PROJECT: Statement = statement!(
    "WITH RECURSIVE wanted (place) AS (SELECT MIN(place) FROM tasks WHERE project = $1 AND ready = 1 UNION ALL \
     SELECT (SELECT MIN(place) FROM tasks WHERE project = $1 AND ready = 1 AND place > wanted.place) FROM wanted \
     WHERE wanted.place IS NOT NULL) SELECT place FROM wanted WHERE place IS NOT NULL LIMIT 256"
);
/// Leaves out what belongs together with something that the owner has had.
macro_rules! not_for {
    ($owner:literal) => {
        concat!(
            "(replica_of IS NULL OR (NOT EXISTS (SELECT 1 FROM tasks AS other WHERE other.replica_of = tasks.replica_of \
             AND other.taken_by = ",
            $owner,
            " AND other.id <> tasks.id) AND NOT EXISTS (SELECT 1 FROM tasks AS whole WHERE whole.id = tasks.replica_of \
             AND whole.taken_by = ",
            $owner,
            ")))"
        )
    };
}
pub(super) const TAKE: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    ", precedence, turn FROM tasks WHERE place = $1 AND ready = 1 AND deadline > $2 AND ",
    not_for!("$4"),
    " ORDER BY place, precedence, turn, id LIMIT $3"
);
pub(super) const TAKE_OF_PROJECT: Statement = skipping_locked!(
    "SELECT ",
    task_columns!(),
    ", precedence, turn FROM tasks WHERE project = $1 AND place = $2 AND ready = 1 AND deadline > $3 AND ",
    not_for!("$5"),
    " ORDER BY project, place, precedence, turn, id LIMIT $4"
);
const HOLD_WHOLE: Statement = skipping_locked!("SELECT id FROM tasks WHERE id = $1");
pub(super) const OWNER_HAS: Statement = statement!(
    "SELECT id FROM tasks WHERE replica_of = $1 AND taken_by = $2 AND id <> $3 \
     UNION ALL SELECT id FROM tasks WHERE id = $1 AND taken_by = $2 LIMIT 1"
);
/// Whether anything may be there to take. Tasks of others that are due count too, as they have yet to be made ready.
pub(super) const ANY_CLAIMABLE: Statement = statement!(
    "SELECT 1 FROM tasks WHERE project = $1 AND ready = 1 \
     UNION ALL SELECT 1 FROM tasks WHERE take_at <= $2 AND ready = 0 LIMIT 1"
);
macro_rules! lease {
    ($ids:literal) => {
        concat!(
            "UPDATE tasks SET state = $2, attempt = attempt + 1, fence = fence + 1, lease_worker = $3, lease_node = $4, \
             lease_until = $5, take_at = NULL, lapse_at = $5, updated = $6, ready = 0, taken_by = CASE WHEN \
             replica_of IS NOT NULL OR CAST($4 AS TEXT) IS NOT NULL THEN $7 ELSE taken_by END WHERE id ",
            $ids
        )
    };
}
/// `$1` is a JSON list of ids.
pub(super) const LEASE: Statement = Statement {
    sqlite: lease!("IN (SELECT value FROM json_each($1))"),
    postgres: lease!("= ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB))))"),
};
