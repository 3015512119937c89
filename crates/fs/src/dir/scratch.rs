//! Changes that need not survive a crash: nothing here is synced.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::{Dir, private};
use crate::FsError;
use crate::relative::Relative;

impl Dir {
    /// Like [`Dir::private_subdir`], for a directory that may be gone after a crash.
    pub fn scratch_subdir(&self, name: &str) -> Result<Self, FsError> {
        Relative::parse_name(name)?;
        self.make_child(name)?;
        private::open_claimed(self, name)
    }

    /// Removes whatever has this name in the directory, a tree included, and follows no link; false if there is
    /// nothing.
    pub fn remove_any(&self, name: &str) -> Result<bool, FsError> {
        Relative::parse_name(name)?;
        match rustix::fs::unlinkat(self.as_fd(), name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::ISDIR | Errno::PERM) => self.remove_subdir(name),
            Err(errno) => Err(FsError::io("remove", self.path().join(name), errno)),
        }
    }

    /// Moves a name within the directory, replacing a file that has the new one.
    pub fn rename_scratch(&self, from: &str, to: &str) -> Result<(), FsError> {
        Relative::parse_name(from)?;
        Relative::parse_name(to)?;
        self.steps
            .rename(self.place(from), self.place(to))
            .map_err(|errno| FsError::io("rename", self.path().join(from), errno))
    }

    /// Whether the name still leads to `child`, and neither to nothing nor to something that took its place.
    pub fn still_holds(&self, name: &str, child: &Self) -> Result<bool, FsError> {
        Relative::parse_name(name)?;
        let held = child.stat()?;
        match rustix::fs::statat(self.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok((found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FsError::io("look at", self.path().join(name), errno)),
        }
    }

    /// Whether the directory is ours and closed to others.
    pub fn is_private(&self) -> bool {
        self.check_private().is_ok()
    }
}

/// How directories are passed through on the way to one that is secure.
pub(super) const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
