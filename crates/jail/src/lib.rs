//! The walls that a process raises around itself before it runs what nobody trusts.
//!
//! ```text
//! close descriptors · own session · namespaces · root · user · capabilities · no new privileges · limits · Landlock
//! ```
//!
//! Each alone should hold whoever is inside; they are stacked because each has had holes. They must be raised by a process with
//! one thread: what is changed for a thread changes the process then.

mod error;
mod files;
mod identity;
mod limits;
mod namespaces;
mod process;

pub use error::JailError;
pub use files::{FileAccess, FileRule, allow_only};
pub use identity::{become_user, drop_capabilities};
pub use limits::{Limit, limit};
pub use namespaces::{change_root, leave_namespaces};
pub use process::{Orphaned, close_descriptors_from, leave_session, seal};
