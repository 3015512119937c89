//! What the allocator keeps, and who else may look at memory.
#![allow(unsafe_code, reason = "the C library's allocator is told by a call, and no safe wrapper makes it")]

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Tells glibc to give large blocks back to the system when they are freed, and to make few arenas. By itself it lets blocks
/// of up to 32 MiB grow its heaps, one a thread, once one of that size was freed, and a node that packs or unpacks a few
/// archives then holds hundreds of megabytes that it does not use.
pub(crate) fn bound() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE_BYTES),
        (libc::M_TRIM_THRESHOLD, LARGE_BYTES),
        (libc::M_ARENA_MAX, ARENAS_MAX),
    ] {
        // SAFETY: mallopt takes two numbers and no pointers. It is called before there are other threads.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Keeps what is in memory, which holds secrets, out of core files and from other processes of the same user. Programs that
/// this one starts may be looked into again, and write no core files either.
pub(crate) fn keep_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Neither can fail for a process that asks this of itself; if one did, the other still holds.
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Blocks from here on are the system's, each by itself.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 256 << 10;

/// As many as threads that compute at once on the smallest machines.
#[cfg(target_env = "gnu")]
const ARENAS_MAX: libc::c_int = 2;

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
