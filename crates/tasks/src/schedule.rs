use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Project, ScheduleId, StoreError, TaskId, Timestamp};

use crate::{SubmitTask, TaskRecord, Timetable};

/// Most schedules of a project.
pub const SCHEDULES_MAX: u32 = 100;

/// A task that is submitted again and again, at the times of a timetable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub project: Project,
    /// What people call it; one of a project has it.
    pub name: ScheduleName,
    /// When.
    pub timetable: Timetable,
    /// What becomes of a time at which the task before is open.
    pub overlap: Overlap,
    /// What is submitted.
    pub task: SubmitTask,
    /// In whose name it is submitted, as the store of identities spells it.
    pub maker: String,
    /// Whether it is.
    pub state: ScheduleState,
    /// Why the server does not go on, or why the last time gave no task.
    pub reason: Option<String>,
    /// The next time, as long as it is active.
    pub next: Option<Timestamp>,
    /// The last time.
    pub last: Option<Timestamp>,
    /// The last task.
    pub last_task: Option<TaskId>,
    /// When it was made.
    pub created: Timestamp,
}

/// What people call a schedule: 1 to 128 bytes of text without control characters, and no space at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScheduleName(String);

/// Text that is no [`ScheduleName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a schedule has 1 to {NAME_BYTES_MAX} bytes, no control characters, no space at either end, and is no id"
)]
pub struct ScheduleNameError;

const NAME_BYTES_MAX: usize = 128;

/// What becomes of a time at which the task before is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Nothing is submitted.
    Skip,
    /// Another task is submitted.
    Allow,
}

/// Whether a schedule submits tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleState {
    /// It does.
    Active,
    /// Somebody paused it.
    Paused,
    /// The server does not go on with it, because whoever made it may not submit such a task any more.
    Halted,
}

/// Text that is no [`ScheduleState`] or [`Overlap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of schedules")]
pub struct ScheduleWordError;

impl FromStr for ScheduleName {
    type Err = ScheduleNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.trim() == text && !text.chars().any(char::is_control);
        // An id would hide it.
        let is_id = text.parse::<ScheduleId>().is_ok();
        if !(1..=NAME_BYTES_MAX).contains(&text.len()) || !printable || is_id {
            return Err(ScheduleNameError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Overlap {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Allow => "allow",
        }
    }
}

impl ScheduleState {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Halted => "halted",
        }
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ScheduleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Overlap {
    type Err = ScheduleWordError;

    fn from_str(text: &str) -> Result<Self, ScheduleWordError> {
        [Self::Skip, Self::Allow].into_iter().find(|word| word.as_str() == text).ok_or(ScheduleWordError)
    }
}

impl FromStr for ScheduleState {
    type Err = ScheduleWordError;

    fn from_str(text: &str) -> Result<Self, ScheduleWordError> {
        let all = [Self::Active, Self::Paused, Self::Halted];
        all.into_iter().find(|word| word.as_str() == text).ok_or(ScheduleWordError)
    }
}

/// Stored schedules. Each method is one transaction.
#[async_trait]
pub trait Schedules: Send + Sync + 'static {
    /// Makes a schedule, and refers to the content that it names by digest.
    async fn create_schedule(&self, schedule: &Schedule, event: Event)
    -> Result<ScheduleCreated, StoreError>;

    /// Finds a schedule.
    async fn schedule(&self, project: &Project, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;

    /// A project's schedules, oldest first.
    async fn schedules(
        &self,
        project: &Project,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError>;

    /// Pauses a schedule, or has it go on with `next` as its next time, and returns it; `None` if there is none.
    async fn set_schedule_next(
        &self,
        project: &Project,
        id: ScheduleId,
        next: Option<Timestamp>,
        event: Event,
    ) -> Result<Option<Schedule>, StoreError>;

    /// Removes a schedule; false if there is none.
    async fn remove_schedule(
        &self,
        project: &Project,
        id: ScheduleId,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// At most `limit` active schedules whose next time has come, those first that have waited longest.
    async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError>;

    /// Carries a time of a schedule out, once: if another server has, or somebody changed it, nothing happens.
    async fn fire(&self, firing: &Firing) -> Result<Fired, StoreError>;
}

/// A time of a schedule that has come.
#[derive(Clone, Debug)]
pub struct Firing {
    /// The schedule.
    pub schedule: ScheduleId,
    /// The time, which must be its next one.
    pub due: Timestamp,
    /// The time after that; `None` if it is halted.
    pub next: Option<Timestamp>,
    /// What is done.
    pub what: FiringOf,
}

/// What is done at a time of a schedule.
#[derive(Clone, Debug)]
pub enum FiringOf {
    /// The task is submitted.
    Task(Box<TaskRecord>, Event),
    /// Nothing is, for this reason.
    Nothing(String),
    /// Nothing is, now and from now on, for this reason.
    Halt(String, Event),
}

/// What came of a time of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The task was submitted.
    Submitted(Box<TaskRecord>),
    /// None was, for this reason.
    Nothing(String),
    /// Somebody else was faster.
    Lost,
}

/// How making a schedule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleCreated {
    /// It is there.
    Done,
    /// Another one of the project has the name.
    NameTaken,
    /// The project has [`SCHEDULES_MAX`].
    TooMany,
    /// No blob with that digest is stored.
    BlobMissing(Digest),
}
