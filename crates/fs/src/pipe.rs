//! Named pipes that only their owner can reach. What is written stays until it is read, also while nobody is there to read it, as
//! long as somebody holds the pipe open.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::dir::check;
use crate::relative::Relative;
use crate::{Dir, FsError};

/// What a descriptor of a pipe is for. None of them waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeEnd {
    /// To read from it.
    Read,
    /// To write to it. Somebody must hold it open to read.
    Write,
    /// To hold it open, and for either.
    Both,
}

impl Dir {
    /// Makes a named pipe in this directory, which must be private; mode 0600. One of ours that is there already stays, with what
    /// is in it.
    pub fn make_pipe(&self, name: &str) -> Result<(), FsError> {
        Relative::parse_name(name)?;
        self.check_private()?;
        match rustix::fs::mkfifoat(self.as_fd(), name, Mode::RUSR | Mode::WUSR) {
            Ok(()) | Err(Errno::EXIST) => self.open_pipe(name, PipeEnd::Both).map(drop),
            Err(errno) => Err(FsError::io("make the pipe", self.path().join(name), errno)),
        }
    }

    /// Opens a pipe in this directory that is ours and closed to others.
    pub fn open_pipe(&self, name: &str, end: PipeEnd) -> Result<File, FsError> {
        Relative::parse_name(name)?;
        let path = self.path().join(name);
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | end.flags();
        let fd: OwnedFd = rustix::fs::openat(self.as_fd(), name, flags, Mode::empty())
            .map_err(|errno| FsError::io("open the pipe", &*path, errno))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| FsError::io("look at the pipe", &*path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            return Err(FsError::NotAPipe { path });
        }
        check(&stat, &path)?;
        Ok(File::from(fd))
    }
}

impl PipeEnd {
    const fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::Write => OFlags::WRONLY,
            Self::Both => OFlags::RDWR,
        }
    }
}
