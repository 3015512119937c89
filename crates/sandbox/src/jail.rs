//! The walls that a worker or compiler process raises around itself before it sees a guest's first byte.
//!
//! ```text
//! one thread   close all but the channel · own session · namespaces · root = scratch · user · capabilities
//!              no new privileges, not dumpable, dies with the node · rlimits · Landlock
//! all threads  (engine and helper threads start, inheriting the above) · no further process or thread · seccomp
//! ```
//!
//! Each layer alone should hold an escaped guest; they are stacked because each has had holes.

pub(crate) mod seccomp;
mod turns;

use std::os::fd::BorrowedFd;

use casemate_jail::{FileAccess, FileRule, Limit, Orphaned};

use crate::walls::Walls;

/// Open descriptors. The deepest path walk of a guest holds a few dozen; its own open files come on top.
const DESCRIPTORS_MAX: u64 = 256;

/// A wall that was there but could not be raised. Walls that the host lacks are no error here: they are absent
/// from [`Walls`], and the node decides.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JailError {
    /// One of those that every jail has.
    #[error(transparent)]
    Wall(#[from] casemate_jail::JailError),
    /// The system-call filters could not be built or installed.
    #[error("could not install the system-call filters")]
    Seccomp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the kernel lets the process use at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Private writable memory, which is what a process can fill.
    pub(crate) data_bytes: u64,
    /// Address space, which the engine's pool reserves far more of than it fills.
    pub(crate) address_space_bytes: u64,
    /// Size of any one file.
    pub(crate) file_bytes: u64,
    /// Processor time in seconds, for a process that does one job.
    pub(crate) cpu_seconds: Option<u64>,
}

impl Bounds {
    fn limits(&self) -> Vec<Limit> {
        let always = [
            Limit::Descriptors(DESCRIPTORS_MAX),
            Limit::FileSize(self.file_bytes),
            Limit::Data(self.data_bytes),
            Limit::AddressSpace(self.address_space_bytes),
        ];
        always.into_iter().chain(self.cpu_seconds.map(Limit::Processor)).collect()
    }
}

/// Raises every wall that must stand before threads start. Must be called while the process has one thread.
pub(crate) fn enter(scratch: Option<BorrowedFd<'_>>, uid: u32, bounds: &Bounds) -> Result<Walls, JailError> {
    casemate_jail::leave_session()?;
    turns::take_short_turns();
    // Where the host allows no namespaces, seccomp still denies every socket.
    let network_namespace = casemate_jail::leave_namespaces();
    let root_directory = scratch.map(casemate_jail::change_root).transpose()?.unwrap_or(false);
    let user = casemate_jail::become_user(uid)?;
    let capabilities_dropped = casemate_jail::drop_capabilities()?;
    casemate_jail::seal(Orphaned::Dies)?;
    casemate_jail::limit(&bounds.limits())?;
    let rules: Vec<_> = scratch.map(|at| FileRule { at, access: FileAccess::Change }).into_iter().collect();
    let landlock_abi = casemate_jail::allow_only(&rules)?;
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
    casemate_jail::limit(&[Limit::Processes(0)])?;
    let seccomp = seccomp::install()?;
    Ok(Walls { seccomp, ..walls })
}

/// Closes every descriptor but the channel and the two standard streams. Must come first in the process.
pub(crate) fn close_inherited_descriptors() -> Result<(), JailError> {
    Ok(casemate_jail::close_descriptors_from(3)?)
}
