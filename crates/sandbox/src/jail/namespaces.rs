#![expect(unsafe_code, reason = "rustix marks unshare unsafe because of flags that are not used here")]

use std::os::fd::BorrowedFd;

use rustix::thread::UnshareFlags;

use super::{JailError, attempt};

/// Moves the process into network, System V and host-name namespaces of its own. Tells whether it could.
///
/// A node without rights gets there through a user namespace, where the host allows one; where it does not,
/// seccomp still denies every socket, so the other walls hold without this one.
pub(super) fn enter() -> bool {
    let wanted = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(wanted) || unshare(wanted | UnshareFlags::NEWUSER)
}

fn unshare(flags: UnshareFlags) -> bool {
    // SAFETY: the flags unshare no descriptor table and no memory, which is what could break Rust's ownership;
    // and the process has one thread, which user namespaces demand.
    unsafe { rustix::thread::unshare_unsafe(flags) }.is_ok()
}

/// Makes the scratch directory both root and working directory, where the process may; else working directory
/// only. Tells whether it became the root.
pub(super) fn change_root(scratch: Option<BorrowedFd<'_>>) -> Result<bool, JailError> {
    let Some(scratch) = scratch else {
        return Ok(false);
    };
    rustix::process::fchdir(scratch).map_err(attempt("enter the scratch directory"))?;
    Ok(rustix::process::chroot(".").is_ok())
}
