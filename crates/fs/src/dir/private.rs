//! Directories that are ours alone: mode 0700, our user id.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Dir, HELD};
use crate::relative::Relative;
use crate::{FsError, beneath};

impl Dir {
    /// Opens a directory that is ours alone. It and its parents are made, durably, when absent; a wrong mode is
    /// repaired; another owner or a symbolic link is refused.
    pub fn open_private(path: &Path) -> Result<Self, FsError> {
        let (existing, missing) = nearest_existing(path)?;
        open_private_beneath(&existing, &missing)
    }

    /// The same, for a name in this directory.
    pub fn private_subdir(&self, name: &str) -> Result<Self, FsError> {
        Relative::parse_name(name)?;
        let made = self.make_child(name)?;
        let child = open_claimed(self, name)?;
        self.settle(name, &child, made)?;
        Ok(child)
    }

    /// Makes a directory of mode 0700; false if there is something of that name.
    pub(crate) fn make_child(&self, name: &str) -> Result<bool, FsError> {
        match self.steps.make_dir(self.place(name)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(FsError::io("make the directory", self.path.join(name), errno)),
        }
    }

    /// Checks that the directory is ours, and closes it to others if it is open to them.
    fn claim(&self) -> Result<(), FsError> {
        let stat = self.stat()?;
        check_owner(&stat, self.path())?;
        if stat.st_mode & ALL_BITS != PRIVATE_BITS {
            rustix::fs::fchmod(self.as_fd(), Mode::RWXU)
                .map_err(|errno| FsError::io("close to other users", self.path(), errno))?;
            self.sync()?;
        }
        Ok(())
    }

    /// Makes sure that `child` is still there after a crash. Only the first opening of a child costs a sync: not
    /// only its maker's, because another thread or an earlier process may have made it and not have synced it yet.
    fn settle(&self, name: &str, child: &Self, made: bool) -> Result<(), FsError> {
        let stat = child.stat()?;
        let identity = (stat.st_dev, stat.st_ino);
        if !made && (settled(|settled| settled.contains(&identity)) || self.only_passed_through()) {
            return Ok(());
        }
        if let Err(error) = self.sync() {
            // A second sync may succeed without having written what the first could not, so nobody shall find it.
            if made {
                let _ = rustix::fs::unlinkat(self.as_fd(), name, AtFlags::REMOVEDIR);
            }
            return Err(error);
        }
        settled(|settled| settled.insert(identity));
        Ok(())
    }

    /// Whether the directory could not be opened for reading, and so cannot be synced either.
    fn only_passed_through(&self) -> bool {
        rustix::fs::fcntl_getfl(self.as_fd()).is_ok_and(|flags| flags.contains(OFlags::PATH))
    }

    pub(crate) fn stat(&self) -> Result<Stat, FsError> {
        rustix::fs::fstat(self.as_fd()).map_err(|errno| FsError::io("look at", self.path(), errno))
    }

    /// Fails unless the directory is ours and closed to others.
    pub(crate) fn check_private(&self) -> Result<(), FsError> {
        check(&self.stat()?, self.path())
    }
}

/// Opens a directory that is ours and closes it to others.
pub(super) fn open_claimed(parent: &Dir, name: &str) -> Result<Dir, FsError> {
    let path = parent.path.join(name);
    let child = parent.with(open_repairing(parent.as_fd(), name, &path)?, path);
    child.claim()?;
    Ok(child)
}

/// Makes `missing` one by one beneath `existing`, and claims the last.
pub(crate) fn open_private_beneath(existing: &Dir, missing: &[String]) -> Result<Dir, FsError> {
    let mut dir = existing.clone();
    for name in missing {
        dir = dir.private_subdir(name)?;
    }
    Ok(dir)
}

/// Splits a path into the part that exists, opened, and the names to make beneath it. The last name is always in
/// the second part, so that a link there is refused.
pub(crate) fn nearest_existing(path: &Path) -> Result<(Dir, Vec<String>), FsError> {
    let path: PathBuf = std::path::absolute(path).map_err(|source| FsError::io("resolve", path, source))?;
    let mut missing = Vec::new();
    let mut existing = path.as_path();
    loop {
        let Some(Component::Normal(name)) = existing.components().next_back() else {
            let text = path.to_string_lossy().into_owned();
            return Err(FsError::BadRelativePath {
                text,
                reason: "it names no directory that could be made",
            });
        };
        let name = name.to_str().ok_or_else(|| FsError::NotUtf8 { path: path.clone() })?;
        missing.insert(0, name.to_owned());
        existing = existing.parent().expect("a path with a last name has a parent");
        match open_search(existing) {
            Ok(fd) => return Ok((Dir::of(fd, existing.to_owned()), missing)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(FsError::io("open the directory", existing, errno)),
        }
    }
}

/// Opens a directory for reading, or, where only passing through is allowed, for that.
fn open_search(path: &Path) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::open(path, HELD, Mode::empty()) {
        Err(Errno::ACCESS) => rustix::fs::open(path, HELD | OFlags::PATH, Mode::empty()),
        result => result,
    }
}

/// Opens a directory of ours whose mode may even keep ourselves out.
fn open_repairing(dir: BorrowedFd<'_>, name: &str, path: &Path) -> Result<OwnedFd, FsError> {
    let failed = |errno| FsError::io("open the directory", path, errno);
    match beneath::open_one(dir, name, HELD) {
        Err(Errno::ACCESS) => {}
        result => return result.map_err(failed),
    }
    let seen = beneath::open_one(dir, name, OFlags::PATH | OFlags::DIRECTORY).map_err(failed)?;
    let stat = rustix::fs::fstat(&seen).map_err(failed)?;
    check_owner(&stat, path)?;
    // The only way to change the mode of something that may not be opened, and not of whatever has its name by now.
    let handle = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&seen));
    rustix::fs::chmod(handle, Mode::RWXU)
        .map_err(|errno| FsError::io("close to other users", path, errno))?;
    rustix::fs::openat(&seen, ".", HELD, Mode::empty()).map_err(failed)
}

/// Fails unless a directory, file or socket is ours and closed to others.
pub(crate) fn check(stat: &Stat, path: &Path) -> Result<(), FsError> {
    check_owner(stat, path)?;
    if stat.st_mode & OTHERS_BITS != 0 {
        return Err(FsError::NotPrivate { path: path.to_owned(), mode: stat.st_mode & ALL_BITS });
    }
    Ok(())
}

pub(super) fn check_owner(stat: &Stat, path: &Path) -> Result<(), FsError> {
    let expected = rustix::process::geteuid().as_raw();
    if stat.st_uid != expected {
        return Err(FsError::WrongOwner { path: path.to_owned(), owner: stat.st_uid, expected });
    }
    Ok(())
}

/// Forgets which directories are settled, as the number of a removed one may come back for a new one.
pub(super) fn unsettle() {
    settled(HashSet::clear);
}

/// The directories whose entry in their parent this process has synced, by device and inode number.
fn settled<T>(use_set: impl FnOnce(&mut HashSet<(u64, u64)>) -> T) -> T {
    static SETTLED: Mutex<Option<HashSet<(u64, u64)>>> = Mutex::new(None);
    let mut guard = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
    let set = guard.get_or_insert_default();
    if set.len() >= SETTLED_MAX {
        set.clear();
    }
    use_set(set)
}

/// Bounds the memory of [`settled`] to a few MiB; beyond, it starts anew.
const SETTLED_MAX: usize = 200_000;

const ALL_BITS: u32 = 0o7777;
const PRIVATE_BITS: u32 = 0o700;
const OTHERS_BITS: u32 = 0o077;
