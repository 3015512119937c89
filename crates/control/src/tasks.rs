//! Tasks from submission to receipt.
//!
//! `submit` makes a task durable and wakes `dispatch`, which leases due tasks as slots are free and gives each to
//! `run`; `run` loads content by digest, lets the sandbox run it, signs the receipt and hands in the result.
//! `leases` keeps leases alive meanwhile and carries cancellations. `read` is what callers see, and `follow` what they see
//! while a task runs.

mod dispatch;
mod follow;
mod leases;
mod read;
mod receipt;
mod run;
mod runs;
mod submit;

pub use casemate_tasks::{InputSource, ModuleSource, SubmitTask, TaskInput};
pub use dispatch::LEASE;
pub(crate) use dispatch::dispatch;
pub(crate) use follow::LiveLogs;
pub use follow::{FollowEvent, Followed};
pub(crate) use leases::keep_leases;
pub(crate) use read::result_of;
pub(crate) use runs::Runs;
pub(crate) use submit::check_texts;
