//! The walls that a worker or compiler process raises around itself before it sees a guest's first byte.
//!
//! ```text
//! one thread   close all but the channel · own session · namespaces · root = scratch · user · capabilities
//!              no new privileges, not dumpable, dies with the node · rlimits · Landlock
//! all threads  (engine and helper threads start, inheriting the above) · no further process or thread · seccomp
//! ```
//!
//! Each layer alone should hold an escaped guest; they are stacked because each has had holes.

mod identity;
mod landlock_rules;
mod namespaces;
mod process;
mod rlimits;
pub(crate) mod seccomp;

use std::os::fd::BorrowedFd;

use crate::walls::Walls;

pub(crate) use rlimits::Bounds;

/// A wall that was there but could not be raised. Walls that the host lacks are no error here: they are absent
/// from [`Walls`], and the node decides.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JailError {
    /// A system call of the set-up failed.
    #[error("could not {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: rustix::io::Errno,
    },
    /// The Landlock rules could not be built or entered.
    #[error("could not enter the Landlock rules")]
    Landlock(#[from] landlock::RulesetError),
    /// The system-call filters could not be built or installed.
    #[error("could not install the system-call filters")]
    Seccomp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Names the attempt behind a system call's error.
fn attempt(attempt: &'static str) -> impl FnOnce(rustix::io::Errno) -> JailError {
    move |source| JailError::System { attempt, source }
}

/// Raises every wall that must stand before threads start. Must be called while the process has one thread.
pub(crate) fn enter(scratch: Option<BorrowedFd<'_>>, uid: u32, bounds: &Bounds) -> Result<Walls, JailError> {
    process::leave_session()?;
    process::take_short_turns();
    let network_namespace = namespaces::enter();
    let root_directory = namespaces::change_root(scratch)?;
    let user = identity::become_user(uid)?;
    let capabilities_dropped = identity::drop_capabilities()?;
    process::seal()?;
    rlimits::set(bounds)?;
    let landlock_abi = landlock_rules::enter(scratch)?;
    let rlimits = true;
    Ok(Walls {
        landlock_abi,
        seccomp: false,
        rlimits,
        capabilities_dropped,
        user,
        network_namespace,
        root_directory,
    })
}

/// Closes the door behind the last thread: no more processes or threads, and the system-call filters on all.
pub(crate) fn seal(walls: Walls) -> Result<Walls, JailError> {
    rlimits::forbid_new_processes()?;
    let seccomp = seccomp::install()?;
    Ok(Walls { seccomp, ..walls })
}

/// Closes every descriptor but the channel and the two standard streams. Must come first in the process.
pub(crate) fn close_inherited_descriptors() -> Result<(), JailError> {
    process::close_from(3)
}
