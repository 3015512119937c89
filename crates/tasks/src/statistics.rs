use casemate_model::Timestamp;

use crate::TaskState;

/// How many hours back figures are kept: five weeks.
pub const HOURS_MAX: u32 = 35 * 24;

/// What came of tasks that ended in one hour, in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourFigures {
    /// When the hour began.
    pub hour: Timestamp,
    /// The state.
    pub state: TaskState,
    /// How many tasks.
    pub tasks: u64,
    /// How many of them have run.
    pub runs: u64,
    /// How long their last runs have waited for a worker together, in milliseconds.
    pub queue_ms: u64,
    /// How long they took together after that, in milliseconds.
    pub run_ms: u64,
    /// Operations of the engine in them together, to the thousand.
    pub fuel: u64,
}
