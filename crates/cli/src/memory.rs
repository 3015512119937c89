//! What the allocator keeps.
#![allow(unsafe_code, reason = "the C library's allocator is told by a call, and no safe wrapper makes it")]

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

/// Blocks from here on are the system's, each by itself.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 256 << 10;

/// As many as threads that compute at once on the smallest machines.
#[cfg(target_env = "gnu")]
const ARENAS_MAX: libc::c_int = 2;
