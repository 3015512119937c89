//! Opening beneath a directory handle: no symbolic link is followed, nothing above is ever reached.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

use crate::relative::Relative;

/// Opens `path` beneath `dir`. A symbolic link anywhere in it gives `ELOOP`.
pub(crate) fn open(dir: BorrowedFd<'_>, path: &Relative<'_>, flags: OFlags) -> Result<OwnedFd> {
    match open_by_kernel(dir, path, flags) {
        // An old kernel, or a system-call filter that answers for one. If it was a real EPERM, the walk says so too.
        Err(Errno::NOSYS | Errno::PERM) => open_by_walk(dir, path, flags),
        result => result,
    }
}

fn open_by_kernel(dir: BorrowedFd<'_>, path: &Relative<'_>, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // Without O_NOFOLLOW, which would turn a link's ELOOP into ENOTDIR when a directory is asked for.
    rustix::fs::openat2(dir, path.to_text(), flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// The same, one name at a time. Each step starts from a held handle and refuses a link, so a swap at any moment
/// leads at worst to another real directory beneath.
fn open_by_walk(dir: BorrowedFd<'_>, path: &Relative<'_>, flags: OFlags) -> Result<OwnedFd> {
    let (last, parents) = path.names().split_last().expect("a relative path has at least one name");
    let mut held: Option<OwnedFd> = None;
    for name in parents {
        let from = held.as_ref().map_or(dir, AsFd::as_fd);
        held = Some(open_one(from, name, OFlags::PATH | OFlags::DIRECTORY)?);
    }
    open_one(held.as_ref().map_or(dir, AsFd::as_fd), last, flags)
}

/// Opens one name in a directory, never through a link.
pub(crate) fn open_one(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if !flags.contains(OFlags::DIRECTORY) {
        return rustix::fs::openat(dir, name, flags, Mode::empty());
    }
    // Asked for a directory, the kernel calls a link "not a directory". So take hold of what is there, look at it,
    // and open that.
    let hold = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(dir, name, hold, Mode::empty())?;
    match FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) {
        FileType::Symlink => Err(Errno::LOOP),
        FileType::Directory if flags.contains(OFlags::PATH) => Ok(held),
        FileType::Directory => rustix::fs::openat(&held, ".", flags, Mode::empty()),
        _ => Err(Errno::NOTDIR),
    }
}

#[cfg(test)]
mod tests;
