#![expect(unsafe_code, reason = "rustix marks unshare unsafe because of flags that are not used here")]

use std::os::fd::BorrowedFd;

use rustix::thread::UnshareFlags;

use crate::JailError;
use crate::error::attempt;

/// Moves the process into network, System V and host-name namespaces of its own. Tells whether it could.
///
/// A process without rights gets there through a user namespace, where the host allows one.
pub fn leave_namespaces() -> bool {
    let wanted = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(wanted) || unshare(wanted | UnshareFlags::NEWUSER)
}

fn unshare(flags: UnshareFlags) -> bool {
    // SAFETY: the flags unshare no descriptor table and no memory, which is what could break Rust's ownership;
    // and the process has one thread, which user namespaces demand.
    unsafe { rustix::thread::unshare_unsafe(flags) }.is_ok()
}

/// Makes a directory both root and working directory, where the process may; else working directory
/// only. Tells whether it became the root.
pub fn change_root(directory: BorrowedFd<'_>) -> Result<bool, JailError> {
    rustix::process::fchdir(directory).map_err(attempt("enter the directory of the jail"))?;
    Ok(rustix::process::chroot(".").is_ok())
}
