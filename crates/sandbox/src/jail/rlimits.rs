use rustix::process::{Resource, Rlimit, setrlimit};

use super::{JailError, attempt};

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

/// Open descriptors. The deepest path walk of a guest holds a few dozen; its own open files come on top.
const DESCRIPTORS_MAX: u64 = 256;

/// Sets the limits, hard and soft alike.
pub(super) fn set(bounds: &Bounds) -> Result<(), JailError> {
    let mut limits = vec![
        (Resource::Core, 0, "forbid core dumps"),
        (Resource::Nofile, DESCRIPTORS_MAX, "limit open files"),
        (Resource::Fsize, bounds.file_bytes, "limit file sizes"),
        (Resource::Data, bounds.data_bytes, "limit memory"),
        (Resource::As, bounds.address_space_bytes, "limit address space"),
        (Resource::Memlock, 0, "forbid locked memory"),
        (Resource::Msgqueue, 0, "forbid message queues"),
        (Resource::Rtprio, 0, "forbid real-time priority"),
    ];
    if let Some(seconds) = bounds.cpu_seconds {
        limits.push((Resource::Cpu, seconds, "limit processor time"));
    }
    for (resource, value, name) in limits {
        set_one(resource, value, name)?;
    }
    Ok(())
}

/// Forbids new processes and threads. They count per user, so this says nothing about those that exist.
pub(super) fn forbid_new_processes() -> Result<(), JailError> {
    set_one(Resource::Nproc, 0, "forbid new processes")
}

/// Sets one limit, or the existing hard limit where that is lower already.
fn set_one(resource: Resource, value: u64, name: &'static str) -> Result<(), JailError> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let value = hard.map_or(value, |hard| hard.min(value));
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).map_err(attempt(name))
}
