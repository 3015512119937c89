use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::JailError;
use crate::error::attempt;

/// What the kernel lets the process use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of private writable memory, which is what a process can fill.
    Data(u64),
    /// Bytes of address space, of which an engine may reserve far more than it fills.
    AddressSpace(u64),
    /// Bytes of any one file.
    FileSize(u64),
    /// Seconds of processor time.
    Processor(u64),
    /// Open descriptors.
    Descriptors(u64),
    /// Processes and threads. They count per user, so this says nothing about those that exist.
    Processes(u64),
}

impl Limit {
    const fn parts(self) -> (Resource, u64, &'static str) {
        match self {
            Self::Data(value) => (Resource::Data, value, "limit memory"),
            Self::AddressSpace(value) => (Resource::As, value, "limit address space"),
            Self::FileSize(value) => (Resource::Fsize, value, "limit file sizes"),
            Self::Processor(value) => (Resource::Cpu, value, "limit processor time"),
            Self::Descriptors(value) => (Resource::Nofile, value, "limit open files"),
            Self::Processes(value) => (Resource::Nproc, value, "limit processes"),
        }
    }
}

/// What nobody in a jail needs.
const FORBIDDEN: [(Resource, u64, &str); 4] = [
    (Resource::Core, 0, "forbid core dumps"),
    (Resource::Memlock, 0, "forbid locked memory"),
    (Resource::Msgqueue, 0, "forbid message queues"),
    (Resource::Rtprio, 0, "forbid real-time priority"),
];

/// Sets limits, hard and soft alike, and forbids core dumps, locked memory, message queues and real-time priority.
pub fn limit(limits: &[Limit]) -> Result<(), JailError> {
    for (resource, value, name) in FORBIDDEN.into_iter().chain(limits.iter().map(|limit| limit.parts())) {
        // An existing hard limit that is lower already stays.
        let hard = getrlimit(resource).maximum;
        let value = hard.map_or(value, |hard| hard.min(value));
        let both = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, both).map_err(attempt(name))?;
    }
    Ok(())
}
