//! Use cases: admit, authorize, do, record, answer. One module per family.
//!
//! ```text
//!   caller -> Permit (policy) -> engine (objects, names, tasks, sandbox) -> change + audit entry in one transaction
//!                                                                        -> feed item for whoever watches
//! ```
//!
//! Beside requests run four background tasks, all owned by [`Control`]: the dispatcher leases and runs tasks, the
//! lease keeper extends leases and carries cancellations, the log keeper moves audit entries into signed tiles, and
//! the sweep applies deadlines and collects content that nothing refers to.
//!
//! Nothing here knows HTTP, wire types or SQL.

mod audit;
mod caller;
mod control;
mod denials;
mod error;
mod feed;
mod keys;
mod log_keeper;
mod names;
mod objects;
mod sessions;
mod status;
mod sweep;
mod tasks;

pub use audit::EntryProof;
pub use caller::Caller;
pub use casemate_sandbox::Walls;
pub use control::{Control, Parts, Settings, Stopped};
pub use error::ControlError;
pub use feed::{Change, Feed, FeedItem, Following};
pub use keys::KeyRequest;
pub use log_keeper::LogKeeper;
pub use sessions::{Opened, SignIn};
pub use status::{Check, CheckStatus, Overview};
pub use tasks::{InputSource, ModuleSource, SubmitTask};
