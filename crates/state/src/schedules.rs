//! Tasks that are submitted again and again.

mod stored;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, ScheduleId, StoreError, Timestamp};
use casemate_objects::BlobId;
use casemate_tasks::{
    Fired, Firing, FiringOf, SCHEDULES_MAX, Schedule, ScheduleCreated, ScheduleState, Schedules, Submitted,
    Timetable,
};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::queue::Submit;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Schedules for Store {
    async fn create_schedule(
        &self,
        schedule: &Schedule,
        event: Event,
    ) -> Result<ScheduleCreated, StoreError> {
        self.change(Create { schedule: schedule.clone(), event }).await
    }

    async fn schedule(&self, project: &Project, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let action = "read a schedule";
        read_one(self.row(action, &SCHEDULE, values![id, project]).await?, action, schedule_record)
    }

    async fn schedules(
        &self,
        project: &Project,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError> {
        let action = "list schedules";
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = self.rows(action, &SCHEDULES, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, schedule_record)
    }

    async fn set_schedule_next(
        &self,
        project: &Project,
        id: ScheduleId,
        next: Option<Timestamp>,
        event: Event,
    ) -> Result<Option<Schedule>, StoreError> {
        self.change(SetNext { project: project.clone(), id, next, event }).await
    }

    async fn remove_schedule(
        &self,
        project: &Project,
        id: ScheduleId,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(Remove { project: project.clone(), id, event }).await
    }

    async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError> {
        let action = "find schedules whose time has come";
        read_all(self.rows(action, &DUE, values![now, limit.min(PAGE_MAX)]).await?, action, schedule_record)
    }

    async fn fire(&self, firing: &Firing) -> Result<Fired, StoreError> {
        self.change(Fire(firing.clone())).await
    }
}

struct Create {
    schedule: Schedule,
    event: Event,
}

#[async_trait]
impl Change for Create {
    type Answer = ScheduleCreated;
    const ACTION: &'static str = "make a schedule";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<ScheduleCreated, Failure> {
        let schedule = &self.schedule;
        tx.row(&LOCK_COUNT, values![schedule.project]).await?;
        if tx.row(&BY_NAME, values![schedule.project, schedule.name]).await?.is_some() {
            return Ok(ScheduleCreated::NameTaken);
        }
        let count: u32 = match tx.row(&COUNT, values![schedule.project]).await? {
            Some(row) => row.only("count of schedules")?,
            None => 0,
        };
        if count >= SCHEDULES_MAX {
            return Ok(ScheduleCreated::TooMany);
        }
        let blobs = blobs(schedule);
        for blob in &blobs {
            if !tx.is_known(blob).await? {
                return Ok(ScheduleCreated::BlobMissing(blob.digest));
            }
        }
        for blob in &blobs {
            tx.refer_to_known(blob).await?;
        }
        let values = values![
            schedule.id,
            schedule.project,
            schedule.name,
            schedule.timetable.pattern(),
            schedule.timetable.zone(),
            schedule.overlap,
            stored::task_text(&schedule.task),
            schedule.maker,
            schedule.state,
            schedule.next,
            schedule.created,
        ];
        tx.execute(&INSERT, values).await?;
        tx.record(&self.event).await?;
        Ok(ScheduleCreated::Done)
    }
}

struct SetNext {
    project: Project,
    id: ScheduleId,
    next: Option<Timestamp>,
    event: Event,
}

#[async_trait]
impl Change for SetNext {
    type Answer = Option<Schedule>;
    const ACTION: &'static str = "pause a schedule, or have it go on";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Schedule>, Failure> {
        let state = if self.next.is_some() { ScheduleState::Active } else { ScheduleState::Paused };
        if tx.execute(&SET_NEXT, values![self.id, self.project, self.next, state]).await? == 0 {
            return Ok(None);
        }
        tx.record(&self.event).await?;
        tx.row(&SCHEDULE, values![self.id, self.project]).await?.map(schedule_record).transpose()
    }
}

struct Remove {
    project: Project,
    id: ScheduleId,
    event: Event,
}

#[async_trait]
impl Change for Remove {
    type Answer = bool;
    const ACTION: &'static str = "remove a schedule";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&LOCK_SCHEDULE, values![self.id, self.project]).await? else {
            return Ok(false);
        };
        for blob in blobs(&schedule_record(row)?) {
            tx.drop_reference(&blob, self.event.time).await?;
        }
        tx.execute(&DELETE, values![self.id]).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct Fire(Firing);

#[async_trait]
impl Change for Fire {
    type Answer = Fired;
    const ACTION: &'static str = "submit a task of a schedule";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Fired, Failure> {
        let Firing { schedule, due, next, what } = &self.0;
        if tx.row(&LOCK_DUE, values![schedule, due]).await?.is_none() {
            return Ok(Fired::Lost);
        }
        let (state, next) = match what {
            FiringOf::Halt(..) => (ScheduleState::Halted, None),
            FiringOf::Task(..) | FiringOf::Nothing(_) => (ScheduleState::Active, *next),
        };
        let fired = match what {
            FiringOf::Task(task, event) => {
                let submit = Submit { task: (**task).clone(), event: event.clone() };
                match submit.apply(tx).await? {
                    Submitted::Accepted => Fired::Submitted(task.clone()),
                    refused => Fired::Nothing(refusal(&refused)),
                }
            }
            FiringOf::Nothing(reason) => Fired::Nothing(reason.clone()),
            FiringOf::Halt(reason, event) => {
                tx.record(event).await?;
                Fired::Nothing(reason.clone())
            }
        };
        let (task, reason) = match &fired {
            Fired::Submitted(task) => (Some(task.id), None),
            Fired::Nothing(reason) => (None, Some(reason.as_str())),
            Fired::Lost => (None, None),
        };
        tx.execute(&FIRED, values![schedule, state, next, due, task, reason]).await?;
        Ok(fired)
    }
}

/// Why a submission gave no task, for whoever looks at the schedule.
fn refusal(refused: &Submitted) -> String {
    match refused {
        Submitted::Accepted => String::new(),
        Submitted::Exists(task) => format!("the task before, {}, is still open", task.id),
        Submitted::NeedsMissing(task) => format!("the task {task} is needed, and is not there"),
        Submitted::OutputMissing(missing) => missing.to_string(),
        Submitted::BlobMissing(digest) => format!("no content {digest} is stored"),
        Submitted::QueueFull { open_max } => format!("the project has {open_max} open tasks already"),
    }
}

/// What a schedule refers to, so that it stays.
fn blobs(schedule: &Schedule) -> std::collections::BTreeSet<BlobId> {
    schedule.task.digests().map(|digest| BlobId::new(&schedule.project, digest)).collect()
}

/// The same of a row of [`ALL_SCHEDULES`].
pub(crate) fn blobs_of(row: Row) -> Result<std::collections::BTreeSet<BlobId>, Failure> {
    schedule_record(row).map(|schedule| blobs(&schedule))
}

fn schedule_record(row: Row) -> Result<Schedule, Failure> {
    let mut columns = row.read("schedule");
    let (id, project, name) = (columns.next()?, columns.next()?, columns.next()?);
    let (pattern, zone): (String, String) = (columns.next()?, columns.next()?);
    let timetable = Timetable::stored(pattern, zone);
    let overlap = columns.next()?;
    let task =
        stored::read_task(&columns.next::<String>()?).map_err(|error| Failure::damaged("schedule", error))?;
    Ok(Schedule {
        id,
        project,
        name,
        timetable,
        overlap,
        task,
        maker: columns.next()?,
        state: columns.next()?,
        reason: columns.next()?,
        next: columns.next()?,
        last: columns.next()?,
        last_task: columns.next()?,
        created: columns.next()?,
    })
}

macro_rules! schedule_columns {
    () => {
        "id, project, name, pattern, zone, overlap, task, maker, state, reason, next, last, last_task, created"
    };
}

/// A count has no row that could be locked: those who add to one project take turns. SQLite has one writer anyway.
const LOCK_COUNT: Statement = Statement {
    sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310035, hashtext($1)) AS held",
};
const COUNT: Statement = statement!("SELECT COUNT(*) FROM schedules WHERE project = $1");
const BY_NAME: Statement = statement!("SELECT id FROM schedules WHERE project = $1 AND name = $2");
const INSERT: Statement = statement!(
    "INSERT INTO schedules (id, project, name, pattern, zone, overlap, task, maker, state, next, created) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
);
const SCHEDULE: Statement =
    statement!("SELECT ", schedule_columns!(), " FROM schedules WHERE id = $1 AND project = $2");
const LOCK_SCHEDULE: Statement =
    locking!("SELECT ", schedule_columns!(), " FROM schedules WHERE id = $1 AND project = $2");
const SCHEDULES: Statement = statement!(
    "SELECT ",
    schedule_columns!(),
    " FROM schedules WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3"
);
const DUE: Statement =
    statement!("SELECT ", schedule_columns!(), " FROM schedules WHERE next <= $1 ORDER BY next, id LIMIT $2");
const LOCK_DUE: Statement = locking!("SELECT id FROM schedules WHERE id = $1 AND next = $2");
const SET_NEXT: Statement =
    statement!("UPDATE schedules SET next = $3, state = $4, reason = NULL WHERE id = $1 AND project = $2");
const FIRED: Statement = statement!(
    "UPDATE schedules SET state = $2, next = $3, last = $4, last_task = COALESCE($5, last_task), reason = $6 WHERE id = $1"
);
const DELETE: Statement = statement!("DELETE FROM schedules WHERE id = $1");
/// All schedules in the order of their ids; for checking.
pub(crate) const ALL_SCHEDULES: Statement =
    statement!("SELECT ", schedule_columns!(), " FROM schedules WHERE id > $1 ORDER BY id LIMIT $2");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a schedule", &SCHEDULE),
    ("find a schedule by its name", &BY_NAME),
    ("list schedules", &SCHEDULES),
    ("count schedules", &COUNT),
    ("find schedules whose time has come", &DUE),
    ("find a schedule whose time has come", &LOCK_DUE),
    ("note what came of a time", &FIRED),
];
