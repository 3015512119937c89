//! The steps that change a directory, one system call each.
//!
//! All durable changes go through here, so that tests can make any step fail, or record the steps and compute what
//! a crash between any two of them may leave on the disk.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Result;

/// One directory and one name in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) dir: BorrowedFd<'a>,
    pub(crate) name: &'a str,
}

pub(crate) trait Steps: Send + Sync {
    /// Makes a new empty file, open for writing; `EEXIST` if the name is taken.
    fn create(&self, place: Place<'_>, mode: Mode) -> Result<OwnedFd>;
    /// Appends; may write less than asked.
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize>;
    /// Waits until a file's content is on the disk.
    fn sync_file(&self, file: BorrowedFd<'_>) -> Result<()>;
    /// Waits until a directory's entries are on the disk.
    fn sync_dir(&self, dir: BorrowedFd<'_>) -> Result<()>;
    /// Moves a name, replacing what was at the new one.
    fn rename(&self, from: Place<'_>, to: Place<'_>) -> Result<()>;
    /// Gives a file a second name; `EEXIST` if that is taken.
    fn link(&self, from: Place<'_>, to: Place<'_>) -> Result<()>;
    /// Takes a file's name away.
    fn unlink(&self, place: Place<'_>) -> Result<()>;
    /// Makes a directory of mode 0700; `EEXIST` if the name is taken.
    fn make_dir(&self, place: Place<'_>) -> Result<()>;
}

/// The operating system.
pub(crate) struct SystemSteps;

impl Steps for SystemSteps {
    fn create(&self, place: Place<'_>, mode: Mode) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(place.dir, place.name, flags, mode)
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        rustix::io::retry_on_intr(|| rustix::io::write(file, bytes))
    }

    fn sync_file(&self, file: BorrowedFd<'_>) -> Result<()> {
        rustix::fs::fsync(file)
    }

    fn sync_dir(&self, dir: BorrowedFd<'_>) -> Result<()> {
        rustix::fs::fsync(dir)
    }

    fn rename(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        rustix::fs::renameat(from.dir, from.name, to.dir, to.name)
    }

    fn link(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        rustix::fs::linkat(from.dir, from.name, to.dir, to.name, AtFlags::empty())
    }

    fn unlink(&self, place: Place<'_>) -> Result<()> {
        rustix::fs::unlinkat(place.dir, place.name, AtFlags::empty())
    }

    fn make_dir(&self, place: Place<'_>) -> Result<()> {
        rustix::fs::mkdirat(place.dir, place.name, Mode::RWXU)
    }
}
