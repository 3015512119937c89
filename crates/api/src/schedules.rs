//! Schedules: tasks that are submitted again and again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tasks::SubmitTask;

/// A schedule that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSchedule {
    /// What people call it, 1 to 128 printable characters of ASCII; one of a project has it.
    #[schema(example = "nightly", min_length = 1, max_length = 128)]
    pub name: String,
    /// When: five fields as cron has them (minute, hour, day of the month, month, day of the week), or six with seconds first.
    #[schema(example = "0 3 * * *")]
    pub cron: String,
    /// The time zone, by its IANA name; UTC unless given. A time that is left out when clocks are put forward comes right after,
    /// and one that is there twice comes once.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Vienna")]
    pub zone: String,
    /// What becomes of a time at which the task before is open; nothing is submitted unless given.
    #[serde(default)]
    pub overlap: Overlap,
    /// What is submitted. Names and objects are looked up each time. It has no `after`, no outputs of other tasks, no
    /// `plan.not_before` and no `plan.key`.
    pub task: SubmitTask,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What becomes of a time at which the task before is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Nothing is submitted.
    #[default]
    Skip,
    /// Another task is submitted.
    Allow,
}

/// Whether a schedule submits tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// It does.
    Active,
    /// Somebody paused it.
    Paused,
    /// The server does not go on with it; `reason` says why.
    Halted,
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

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its id.
    #[schema(example = "sch_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When.
    pub cron: String,
    /// The time zone.
    pub zone: String,
    /// What becomes of a time at which the task before is open.
    pub overlap: Overlap,
    /// Whether it submits tasks.
    pub state: ScheduleState,
    /// Why the server does not go on with it, or why the last time gave no task; null if neither is so.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// The next time; null if there is none.
    #[schema(required = true, format = DateTime)]
    pub next: Option<String>,
    /// The last time; null before the first.
    #[schema(required = true, format = DateTime)]
    pub last: Option<String>,
    /// The last task; null before the first.
    #[schema(required = true)]
    pub last_task: Option<String>,
    /// What is submitted.
    pub task: SubmitTask,
    /// In whose name: a key or user by its id, or `operator`.
    pub actor: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
}
