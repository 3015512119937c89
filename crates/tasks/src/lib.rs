//! Tasks: what they are, the states they go through, and the port of the durable queue.
//!
//! ```text
//!            lease            start             exit 0
//!  queued ---------> leased ---------> running ---------> succeeded
//!    ^  |              |                | | |  exit n, trap, refusal, limit
//!    |  |              | lease lost     | | +-----------> failed
//!    |  |              v or engine      | |    wall limit or deadline
//!    |  |  due     retry_wait <---------+ +-------------> timed_out
//!    +--|-------------+ |                 |
//!       |               | no attempt left |
//!       |               +---------------> dead
//!       +--- cancel (at once when nothing runs, else by the worker that runs it) ---> cancelled
//! ```
//!
//! A task with a [`Quorum`] stays `queued` while its replicas run, and ends as they agree, or as `dead` if too few can.
//! A task that needs others waits in `queued` until all have succeeded; if one ends otherwise, it is cancelled.
//! A guest that fails is attempted again, too, if its [`Plan`] says so: from `running` to `retry_wait`.
//!
//! [`Progress::step`] is the only place where a state changes, and it is pure: stores call it inside the transaction
//! that writes the row. A task is started at least once; its end is accepted once, from the holder of its lease,
//! which the fencing token proves.

mod audit;
mod live;
mod needs;
mod place;
mod plan;
mod ports;
mod progress;
mod quorum;
mod records;
mod request;
mod schedule;
mod state;
mod statistics;
mod timetable;
mod types;

pub use audit::{AuditPolicy, Review};
pub use live::{LiveLog, LogPiece, LogStream, RunProgress};
pub use needs::{Awaited, NEEDS_MAX, OutputMissing};
pub use place::{Place, PlaceError};
pub use plan::{Plan, Priority, PriorityError, RetryOn, RetryPolicy, TaskKey, TaskKeyError};
pub use ports::{Cancelled, Completed, EndEvent, Extended, Held, Queue, Settled, Submitted, Taker, TaskPage};
pub use progress::{Progress, REPORT_GRACE, Refusal, Step};
pub use quorum::{Ballot, Quorum, QuorumError, Verdict, Vote};
pub use records::{
    Agreement, Circumstances, Completion, Lease, OutputFile, RanOn, TaskRecord, TaskResult, TaskSpec,
};
pub use request::{InputSource, ModuleSource, SubmitTask, TaskInput};
pub use schedule::{
    Fired, Firing, FiringOf, Overlap, SCHEDULES_MAX, Schedule, ScheduleCreated, ScheduleName,
    ScheduleNameError, ScheduleState, ScheduleWordError, Schedules,
};
pub use state::{TaskState, TaskStateError};
pub use statistics::{HOURS_MAX, HourFigures};
pub use timetable::{Timetable, TimetableError};
pub use types::{TaskType, TaskTypeError, TypeLimits};
