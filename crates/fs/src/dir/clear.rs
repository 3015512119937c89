//! Removing whole trees that somebody else may have filled.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
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

/// What became of a tree of which only our part was to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnRemoval {
    /// How many files, links and the like were removed.
    pub files: usize,
    /// How many directories were removed.
    pub directories: usize,
    /// How many things stayed because they belong to others or could not be removed, besides what holds them.
    pub left: usize,
}

impl Dir {
    /// Removes of a directory in this one what is ours, and follows no link. A directory of another user is not
    /// entered; nor is anything more than 64 levels down.
    pub fn remove_own(&self, name: &str) -> std::result::Result<OwnRemoval, FsError> {
        Relative::parse_name(name)?;
        private::unsettle();
        let mut removal = OwnRemoval::default();
        remove_own(self.as_fd(), OsStr::new(name), DEPTH_MAX, &mut removal)
            .map_err(|errno| FsError::io("remove", self.path().join(name), errno))?;
        Ok(removal)
    }

    /// Fails unless the directory belongs to the user who runs this.
    pub fn check_ours(&self) -> std::result::Result<(), FsError> {
        private::check_owner(&self.stat()?, self.path())
    }
}

fn remove_own(dir: BorrowedFd<'_>, name: &OsStr, depth: usize, removal: &mut OwnRemoval) -> Result<()> {
    let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if stat.st_uid != rustix::process::geteuid().as_raw() || depth == 0 {
        removal.left += 1;
        return Ok(());
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) => removal.files += 1,
            Err(_) => removal.left += 1,
        }
        return Ok(());
    }
    let inner = rustix::fs::openat(dir, name, HELD | OFlags::NOFOLLOW, Mode::empty())?;
    // What was opened is what counts, should it have been exchanged since.
    if rustix::fs::fstat(&inner)?.st_uid != stat.st_uid {
        removal.left += 1;
        return Ok(());
    }
    for child in names(inner.as_fd(), usize::MAX, |_| true)? {
        remove_own(inner.as_fd(), &child, depth - 1, removal)?;
    }
    match rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
        Ok(()) => removal.directories += 1,
        // What it still holds was counted.
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        Err(_) => removal.left += 1,
    }
    Ok(())
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

/// How deep [`Dir::remove_own`] goes, each level holding a descriptor.
const DEPTH_MAX: usize = 64;

/// How many names are read before they are removed.
const BATCH: usize = 1024;
