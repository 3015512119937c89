//! Where memory comes from, and who else may look at it.

use mimalloc::MiMalloc;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Threads here free what others allocated all the time, which costs this one no lock. It gives back what is not used after
/// a moment, so that a node that packed or unpacked a few archives does not hold on to hundreds of megabytes.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Keeps what is in memory, which holds secrets, out of core files and from other processes of the same user. Programs that
/// this one starts may be looked into again, and write no core files either.
pub(crate) fn keep_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Neither can fail for a process that asks this of itself; if one did, the other still holds.
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn memory_is_kept_out_of_core_files() {
        keep_private();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
    }
}
