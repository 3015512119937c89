//! What the disk beneath a directory is.

use rustix::fs::{Access, AtFlags, FsWord};
use rustix::io::Errno;

use super::Dir;
use crate::FsError;

/// The disk beneath a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Tells disks apart. Nothing can be renamed or linked from one to another.
    pub device: u64,
    /// Whether it is memory, and empty after a restart of the machine.
    pub volatile: bool,
    /// The bytes free to this user.
    pub free_bytes: u64,
}

impl Dir {
    /// Looks at the disk. Names do not count: what is called `/tmp` may last, and what is not may be memory.
    pub fn disk(&self) -> Result<Disk, FsError> {
        let failed = |errno| FsError::io("measure", self.path(), errno);
        let kind = rustix::fs::fstatfs(&*self.fd).map_err(failed)?.f_type;
        Ok(Disk {
            device: self.stat()?.st_dev,
            volatile: VOLATILE.contains(&kind),
            free_bytes: self.free_bytes()?,
        })
    }

    /// Checks that the path still leads here: that nobody has moved the directory away, or mounted another over it.
    pub fn check_in_place(&self) -> Result<(), FsError> {
        let (held, found) = (self.stat()?, Self::open(self.path())?.stat()?);
        if (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino) {
            return Ok(());
        }
        Err(FsError::io("find what was opened at", self.path(), Errno::STALE))
    }

    /// Whether this process may make files here, as far as that can be told without making one.
    pub fn may_write(&self) -> bool {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&*self.fd, ".", access, AtFlags::EACCESS).is_ok()
    }
}

/// The magic numbers of tmpfs and ramfs, which have no disk behind them.
const VOLATILE: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_was_moved_away_is_not_in_its_place() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Dir::open(scratch.path()).unwrap();
        let child = root.private_subdir("a").unwrap();
        child.check_in_place().unwrap();
        root.rename("a", "b").unwrap();
        assert!(child.check_in_place().unwrap_err().is_not_found());
        root.private_subdir("a").unwrap();
        assert!(child.check_in_place().is_err(), "another one of its name");
        root.remove_subdir("a").unwrap();
        root.rename("b", "a").unwrap();
        child.check_in_place().unwrap();
    }

    #[test]
    fn a_disk_is_told_by_what_it_is() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, other) = (Dir::open(scratch.path()).unwrap(), Dir::open(scratch.path()).unwrap());
        let (disk, again) = (one.disk().unwrap(), other.disk().unwrap());
        assert_eq!((disk.device, disk.volatile), (again.device, again.volatile));
        assert!(disk.free_bytes > 0 && one.may_write());
        // The kernel has one of memory for itself, wherever it is mounted.
        assert!(Dir::open(std::path::Path::new("/dev/shm")).unwrap().disk().unwrap().volatile);
        assert!(!Dir::open(std::path::Path::new("/proc")).unwrap().disk().unwrap().volatile);
    }
}
