//! A held directory: reading. Changing it is in the modules beside.

mod clear;
mod disk;
mod listing;
mod private;
mod scratch;
mod secure;
mod write;

use std::fmt;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::relative::Relative;
use crate::steps::{Place, Steps, SystemSteps};
use crate::{File, FsError, beneath};

pub use clear::OwnRemoval;
pub use disk::Disk;
pub(crate) use listing::names;
pub use listing::{DirEntry, EntryKind};
pub(crate) use private::{check, nearest_existing, open_private_beneath};

/// A directory that is held open. Names are resolved beneath it; clones share the handle.
#[derive(Clone)]
pub struct Dir {
    fd: Arc<OwnedFd>,
    path: Arc<Path>,
    pub(crate) steps: Arc<dyn Steps>,
}

impl Dir {
    /// Opens an existing directory. Its parents may be reached through symbolic links, it may not be one.
    pub fn open(path: &Path) -> Result<Self, FsError> {
        Self::open_with(path, OFlags::NOFOLLOW)
    }

    /// Opens a directory that lies beneath.
    pub fn subdir(&self, relative: &str) -> Result<Self, FsError> {
        let parsed = Relative::parse(relative)?;
        let fd = self.open_beneath(&parsed, HELD)?;
        Ok(self.with(fd, self.path.join(relative)))
    }

    /// The path it was opened by: for messages, and for libraries that take nothing else. It may lead elsewhere by
    /// now; the handle does not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file beneath for reading. Anything else is refused, without waiting for a writer.
    pub fn open_file(&self, relative: &str) -> Result<File, FsError> {
        let parsed = Relative::parse(relative)?;
        let path = self.path.join(relative);
        let fd = beneath::open(self.as_fd(), &parsed, READ).map_err(|errno| match errno {
            // How the kernel refuses to open a socket, or a device that is not there.
            Errno::NXIO => FsError::NotAFile { path: path.clone(), found: "socket or device" },
            errno => FsError::io("open", path.clone(), errno),
        })?;
        regular(fd, &path).map(|(file, _)| file)
    }

    /// Reads a whole file beneath; an error if it is larger than `bytes_max`.
    pub fn read_bounded(&self, relative: &str, bytes_max: u64) -> Result<Vec<u8>, FsError> {
        let file = self.open_file(relative)?;
        read_bounded(file, &self.path.join(relative), bytes_max)
    }

    /// Reads a whole file beneath that must be ours and closed to everyone else, such as a key.
    pub fn read_private(&self, relative: &str, bytes_max: u64) -> Result<Vec<u8>, FsError> {
        let path = self.path.join(relative);
        let parsed = Relative::parse(relative)?;
        let (file, stat) = regular(self.open_beneath(&parsed, READ)?, &path)?;
        check(&stat, &path)?;
        read_bounded(file, &path, bytes_max)
    }

    /// The bytes free to this user on the disk of the directory.
    pub fn free_bytes(&self) -> Result<u64, FsError> {
        let stat =
            rustix::fs::fstatvfs(&*self.fd).map_err(|errno| FsError::io("measure", &*self.path, errno))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Opens a directory, following links where `flags` allow it.
    pub(crate) fn open_with(path: &Path, flags: OFlags) -> Result<Self, FsError> {
        // Rebuilt from its parts, because a trailing slash makes the kernel follow a final link.
        let path: PathBuf = path.components().collect();
        let fd = rustix::fs::open(&path, HELD | flags, Mode::empty());
        let fd = fd.map_err(|errno| {
            let link = path.is_symlink() && flags.contains(OFlags::NOFOLLOW);
            FsError::io("open the directory", &*path, if link { Errno::LOOP } else { errno })
        })?;
        Ok(Self::of(fd, path))
    }

    /// A directory that was opened with [`HELD`].
    pub(crate) fn of(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd: Arc::new(fd), path: path.into(), steps: Arc::new(SystemSteps) }
    }

    /// The same handle under another path.
    pub(crate) fn at(self, path: PathBuf) -> Self {
        Self { path: path.into(), ..self }
    }

    fn with(&self, fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd: Arc::new(fd), path: path.into(), steps: Arc::clone(&self.steps) }
    }

    fn open_beneath(&self, relative: &Relative<'_>, flags: OFlags) -> Result<OwnedFd, FsError> {
        beneath::open(self.as_fd(), relative, flags)
            .map_err(|errno| FsError::io("open", self.path.join(relative.to_text()), errno))
    }

    /// The directory that holds the last name of a path, and that name.
    pub(crate) fn holder<'a>(&self, relative: &'a str) -> Result<(Self, &'a str), FsError> {
        let (parent, name) = Relative::parse(relative)?.split();
        let Some(parent) = parent else { return Ok((self.clone(), name)) };
        let fd = self.open_beneath(&parent, HELD)?;
        Ok((self.with(fd, self.path.join(parent.to_text())), name))
    }

    pub(crate) fn place<'a>(&'a self, name: &'a str) -> Place<'a> {
        Place { dir: self.as_fd(), name }
    }

    pub(crate) fn sync(&self) -> Result<(), FsError> {
        self.steps
            .sync_dir(self.as_fd())
            .map_err(|errno| FsError::io("sync the directory", &*self.path, errno))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dir").field(&self.path).finish()
    }
}

/// Turns a descriptor into a file if it is a regular one.
pub(crate) fn regular(fd: OwnedFd, path: &Path) -> Result<(File, Stat), FsError> {
    let stat = rustix::fs::fstat(&fd).map_err(|errno| FsError::io("look at", path, errno))?;
    let found = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok((File::from(fd), stat)),
        FileType::Directory => "directory",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::Symlink => "symbolic link",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Unknown => "thing of unknown kind",
    };
    Err(FsError::NotAFile { path: path.to_owned(), found })
}

pub(crate) fn read_bounded(file: File, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| FsError::io("read", path, source))?;
    if bytes.len() as u64 > bytes_max {
        return Err(FsError::TooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// How a directory is held: readable, so that it can be listed and synced.
pub(crate) const HELD: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How a file is read: without waiting, should it turn out to be a FIFO, and without becoming our terminal.
pub(crate) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
