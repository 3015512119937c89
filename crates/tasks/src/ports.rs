use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{NodeId, NodeLabels, Project, StoreError, TaskId, Timestamp};

use crate::{Completion, HourFigures, Lease, OutputMissing, TaskRecord, TaskState};

/// The durable queue. Each method is one transaction; state changes go through [`crate::Progress::step`].
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Accepts a task, and refers to its module and inputs.
    async fn submit(&self, task: &TaskRecord, event: Event) -> Result<Submitted, StoreError>;

    /// Takes at most `limit` tasks that are due and that the taker may take: the most urgent first, among equals those of
    /// each project in turn, and of a project the oldest first.
    async fn take(&self, taker: Taker, now: Timestamp, limit: u32) -> Result<Vec<TaskRecord>, StoreError>;

    /// Whether there may be something of `project` to take. Asking costs little, and taking a turn of who writes.
    async fn is_any_claimable(&self, project: &Project, now: Timestamp) -> Result<bool, StoreError>;

    /// Notes that the holder of `fence` starts the guest; false if the lease was lost.
    async fn start(&self, id: TaskId, fence: u64, now: Timestamp) -> Result<bool, StoreError>;

    /// Extends the leases that `held` names to `until`. Only they: a lease that nobody works under any more must end.
    /// See [`crate::Step::Extend`].
    async fn extend(&self, held: &[Held], until: Timestamp, now: Timestamp) -> Result<Extended, StoreError>;

    /// Accepts the end of a run from the holder of the lease, and refers to its outputs. `event` is recorded in the
    /// same transaction and its sequence number kept with the result. Handing the same run in again is accepted again
    /// and changes nothing.
    async fn complete(&self, completion: &Completion, event: Event) -> Result<Completed, StoreError>;

    /// Gives a task up unharmed because its node stops, and returns it; `None` if the lease was lost. See
    /// [`crate::Step::HandBack`]. `event` is called if that ended the task, for its audit entry.
    async fn hand_back(
        &self,
        held: Held,
        now: Timestamp,
        event: EndEvent,
    ) -> Result<Option<TaskRecord>, StoreError>;

    /// Cancels a task of `project`.
    async fn cancel(
        &self,
        project: &Project,
        id: TaskId,
        now: Timestamp,
        event: Event,
    ) -> Result<Cancelled, StoreError>;

    /// Applies time to at most `limit` tasks whose lease or deadline is past, and returns the tasks that changed.
    /// `event` is called once for each that came to an end, for its audit entry.
    async fn tick(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Vec<TaskRecord>, StoreError>;

    /// Moves on at most `limit` tasks because of others that they need and that are over: released if all have succeeded,
    /// cancelled if one has not. Returns the tasks that changed, and whether there may be more. `event` is called for those
    /// that came to an end.
    async fn settle(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Settled, StoreError>;

    /// Marks at most `limit` results of distrusted nodes that nobody has looked at as void, and submits their tasks once more.
    /// Returns what [`Queue::settle`] does.
    async fn void_results(&self, now: Timestamp, event: EndEvent, limit: u32) -> Result<Settled, StoreError>;

    /// Finds a task.
    async fn task(&self, project: &Project, id: TaskId) -> Result<Option<TaskRecord>, StoreError>;

    /// Those that were submitted to look at what `task` gave, and are there yet.
    async fn audits(&self, project: &Project, task: TaskId) -> Result<Vec<TaskRecord>, StoreError>;

    /// A project's tasks, newest first.
    async fn tasks(&self, page: &TaskPage) -> Result<Vec<TaskRecord>, StoreError>;

    /// What came of the tasks of `project` that ended since the hour of `since`, by hour and state, oldest first.
    async fn hours(&self, project: &Project, since: Timestamp) -> Result<Vec<HourFigures>, StoreError>;

    /// Removes at most `limit` tasks that have been over since before `before` and that nothing needs any more. Content that
    /// nothing else refers to is collected later. `event` is recorded once for each project that they were of, with their
    /// number. Returns how many were removed.
    async fn expire(&self, before: Timestamp, event: Event, limit: u32) -> Result<u64, StoreError>;

    /// Forgets figures of hours that are longer ago than anybody can ask for.
    async fn forget_hours(&self, now: Timestamp) -> Result<(), StoreError>;

    /// How many tasks of `project` are in each state, from counters; states without tasks may be missing.
    async fn counts(&self, project: &Project) -> Result<Vec<(TaskState, u64)>, StoreError>;
}

/// Makes the audit event of a task that came to an end without a run's report.
pub type EndEvent = fn(&TaskRecord, Timestamp) -> Event;

/// Who takes tasks, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taker {
    /// What it gets.
    pub lease: Lease,
    /// Only tasks of this project.
    pub project: Option<Project>,
    /// Only tasks that want nothing but these labels.
    pub labels: NodeLabels,
    /// Only tasks that may use no more memory than this.
    pub memory_bytes: u64,
    /// Whose the taker is. Of the replicas of one task nobody gets two.
    pub owner: String,
}

impl Taker {
    /// The server itself, which takes tasks of all projects that want no labels. What tasks may use there its configuration
    /// bounds.
    pub fn of_any(lease: Lease) -> Self {
        let labels = NodeLabels::default();
        Self { lease, project: None, labels, memory_bytes: u64::MAX, owner: "server".to_owned() }
    }
}

/// A lease as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The task.
    pub task: TaskId,
    /// The lease's fencing token.
    pub fence: u64,
}

/// What the holder of leases learns when it extends them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// Somebody asked to cancel these.
    pub cancelled: Vec<Held>,
    /// These leases are lost: what their runs give will not count.
    pub lost: Vec<Held>,
}

/// What came of moving tasks on because of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The tasks that changed.
    pub changed: Vec<TaskRecord>,
    /// Nodes whose results were found wrong, and that are not believed any more.
    pub refuted: Vec<NodeId>,
    /// Whether there may be more.
    pub more: bool,
}

/// Which tasks to list.
#[derive(Clone, Debug)]
pub struct TaskPage {
    /// The project.
    pub project: Project,
    /// Only tasks in this state.
    pub state: Option<TaskState>,
    /// Only tasks older than this one.
    pub before: Option<TaskId>,
    /// Most tasks to return.
    pub limit: u32,
}

/// How a submission ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The task is durable and will run.
    Accepted,
    /// There is an open task of this key already.
    Exists(Box<TaskRecord>),
    /// It needs a task that is not there, or has not succeeded.
    NeedsMissing(TaskId),
    /// It reads what a task that it needs has not left.
    OutputMissing(OutputMissing),
    /// No blob with that digest is stored.
    BlobMissing(casemate_model::Digest),
    /// The project has as many open tasks as it may have.
    QueueFull {
        /// The most open tasks of a project.
        open_max: u64,
    },
}

/// How a completion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The result counts; this is the task now.
    Accepted(Box<TaskRecord>),
    /// The lease was lost or the task is over; nothing was changed.
    Stale,
}

/// How a cancellation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The task is cancelled.
    Done(Box<TaskRecord>),
    /// The worker that runs it was asked to stop.
    Requested(Box<TaskRecord>),
    /// The task was over already.
    Over(Box<TaskRecord>),
    /// There is no such task in the project.
    Missing,
}
