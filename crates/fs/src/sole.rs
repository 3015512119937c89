//! Files of ours that nobody else has a hand on, and by what they are known again.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

use crate::dir::{READ, check, regular};
use crate::{Dir, File, FsError, beneath};

/// What a file that is never written again keeps for life. Whoever writes it, renames it, links it or changes its
/// mode changes this too: its time of change can be set by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, u64),
    mode: u32,
    owner: u32,
    links: u64,
}

impl Fingerprint {
    /// The size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            mode: stat.st_mode,
            owner: stat.st_uid,
            links: stat.st_nlink,
        }
    }
}

impl Dir {
    /// Opens a regular file in this directory that is ours, closed to others and has no second name; none if there
    /// is nothing.
    pub fn open_sole(&self, name: &str) -> Result<Option<(File, Fingerprint)>, FsError> {
        let path = self.path().join(name);
        let parsed = crate::relative::Relative::parse_name(name)?;
        let fd: OwnedFd = match beneath::open(self.as_fd(), &parsed, READ) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(FsError::io("open", path, errno)),
        };
        let (file, stat) = regular(fd, &path)?;
        check(&stat, &path)?;
        check_sole(&stat, &path)?;
        Ok(Some((file, Fingerprint::of(&stat))))
    }

    /// What is under a name now, be it a file or not, without opening it; none if there is nothing.
    pub fn fingerprint(&self, name: &str) -> Result<Option<Fingerprint>, FsError> {
        match rustix::fs::statat(self.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Fingerprint::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(FsError::io("look at", self.path().join(name), errno)),
        }
    }
}

fn check_sole(stat: &Stat, path: &Path) -> Result<(), FsError> {
    if stat.st_nlink == 1 {
        return Ok(());
    }
    Err(FsError::HardLinked { path: path.to_owned(), links: stat.st_nlink })
}
