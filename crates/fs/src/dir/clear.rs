//! Removing whole trees that somebody else may have filled.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, Result};

use super::listing::names;
use super::{Dir, HELD, private};
use crate::FsError;
use crate::beneath::open_one;
use crate::relative::Relative;
use crate::staged::unique_name;

impl Dir {
    /// Removes everything in the directory and follows no link. For scratch directories: nothing is synced.
    pub fn remove_contents(&self) -> std::result::Result<(), FsError> {
        private::unsettle();
        clear(self.as_fd()).map_err(|errno| FsError::io("empty the directory", self.path(), errno))
    }

    /// Removes a directory in this one with all that is in it, and follows no link; false if there is none. For
    /// scratch directories: nothing is synced.
    pub fn remove_subdir(&self, name: &str) -> std::result::Result<bool, FsError> {
        Relative::parse_name(name)?;
        private::unsettle();
        match remove_tree(self.as_fd(), name) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FsError::io("remove the directory", self.path().join(name), errno)),
        }
    }
}

fn remove_tree(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    let tree = open_one(dir, name, HELD)?;
    clear(tree.as_fd())?;
    rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)
}

/// Empties `top` without recursion. However deep a guest has nested directories, two are held at a time: what is
/// found inside a directory in `top` and is itself a directory with content is moved up into `top`.
fn clear(top: BorrowedFd<'_>) -> Result<()> {
    loop {
        let batch = names(top, BATCH, |_| true)?;
        if batch.is_empty() {
            return Ok(());
        }
        for name in batch {
            if !remove_one(top, &name)? {
                let inner = rustix::fs::openat(top, &name, HELD | OFlags::NOFOLLOW, Mode::empty())?;
                flatten(inner.as_fd(), top)?;
                rustix::fs::unlinkat(top, &name, AtFlags::REMOVEDIR)?;
            }
        }
    }
}

fn flatten(dir: BorrowedFd<'_>, top: BorrowedFd<'_>) -> Result<()> {
    loop {
        let batch = names(dir, BATCH, |_| true)?;
        if batch.is_empty() {
            return Ok(());
        }
        for name in batch {
            if !remove_one(dir, &name)? {
                rustix::fs::renameat(dir, &name, top, unique_name())?;
            }
        }
    }
}

/// Removes a file or an empty directory; false if it is a directory with content.
fn remove_one(dir: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
    let removed = match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR),
        result => result,
    };
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// How many names are read before they are removed.
const BATCH: usize = 1024;
