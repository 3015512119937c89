//! Files that are written aside and appear under their name only when they are complete and on the disk.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::dir::names;
use crate::{Dir, FsError};

/// A new file that has no lasting name yet. Dropped without a commit, it is removed.
///
/// It is locked for as long as it is held, so that [`Dir::sweep_staged`] tells it from the leftover of a crash.
#[derive(Debug)]
pub struct StagedFile {
    dir: Dir,
    name: String,
    fd: OwnedFd,
    /// Whether the temporary name is still there, to be removed.
    named: bool,
    /// Whether all of the content is on the disk.
    synced: bool,
}

impl Dir {
    /// Starts a file in this directory, mode 0600, to be committed to a name beneath it on the same disk.
    pub fn stage(&self) -> Result<StagedFile, FsError> {
        let staged = StagedFile::create(self, PRIVATE)?;
        // The creation mode is narrowed by the umask and widened by no one; this makes it exact.
        staged.set_mode(PRIVATE)?;
        Ok(staged)
    }

    /// Removes staged files that nobody writes any more, the leftovers of a crash, and says how many there were: at
    /// most 10 000, the others are left for the next time. Looks into no directory beneath.
    pub fn sweep_staged(&self) -> Result<usize, FsError> {
        self.sweep(&|_| true)
    }

    /// The same in a directory that others use, too: only what this user left there, and nobody wrote to since `before`.
    /// Another machine that writes there may not see our locks, nor we its.
    pub fn sweep_own_staged(&self, before: SystemTime) -> Result<usize, FsError> {
        let since = before.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before_seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let uid = rustix::process::geteuid().as_raw();
        self.sweep(&|stat| stat.st_uid == uid && stat.st_mtime < before_seconds)
    }

    fn sweep(&self, takes: &dyn Fn(&Stat) -> bool) -> Result<usize, FsError> {
        let names = names(self.as_fd(), SWEEP_MAX, |name| name.starts_with(PREFIX.as_bytes()))
            .map_err(|errno| FsError::io("list", self.path(), errno))?;
        let mut swept = 0;
        for name in names.iter().filter_map(|name| name.to_str()) {
            let removed = self.sweep_one(name, takes);
            swept +=
                usize::from(removed.map_err(|errno| FsError::io("remove", self.path().join(name), errno))?);
        }
        Ok(swept)
    }

    fn sweep_one(&self, name: &str, takes: &dyn Fn(&Stat) -> bool) -> rustix::io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(self.as_fd(), name, flags, Mode::empty()) {
            Ok(fd) => fd,
            // Committed or dropped since it was listed, or nothing that was ever staged.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(false),
            Err(errno) => return Err(errno),
        };
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || !takes(&stat) {
            return Ok(false);
        }
        match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        match self.steps.unlink(self.place(name)) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

impl StagedFile {
    /// Makes the file under a name that nobody else has, and locks it.
    pub(crate) fn create(dir: &Dir, mode: Mode) -> Result<Self, FsError> {
        for _ in 0..CREATE_ATTEMPTS {
            let name = unique_name();
            let failed = |errno| FsError::io("make", dir.path().join(&name), errno);
            let fd = match dir.steps.create(dir.place(&name), mode) {
                Ok(fd) => fd,
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(failed(errno)),
            };
            let staged = Self { dir: dir.clone(), name: name.clone(), fd, named: true, synced: false };
            // A sweeper may have come between making and locking: it then holds the lock, or has removed the file.
            match rustix::fs::flock(&staged.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    // Both wait for the directory and could go on in step; this lets the sweeper get ahead.
                    std::thread::yield_now();
                    continue;
                }
                Err(errno) => return Err(failed(errno)),
            }
            if rustix::fs::fstat(&staged.fd).map_err(failed)?.st_nlink > 0 {
                return Ok(staged);
            }
        }
        Err(FsError::io("make a file in", dir.path(), Errno::BUSY))
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<(), FsError> {
        while !bytes.is_empty() {
            let length = self.append_some(bytes)?;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// Puts the file, durably, in the place of the file of that name beneath its directory, or of nothing. If that
    /// fails, the old file or the new one is there.
    pub fn commit_replace(mut self, relative: &str) -> Result<(), FsError> {
        let (holder, name) = self.dir.holder(relative)?;
        self.sync()?;
        self.dir
            .steps
            .rename(self.dir.place(&self.name), holder.place(name))
            .map_err(|errno| FsError::io("replace", self.dir.path().join(relative), errno))?;
        self.named = false;
        holder.sync()
    }

    /// Gives the file a name beneath its directory, durably; false if that is taken, and then nothing has changed.
    pub fn commit_new(mut self, relative: &str) -> Result<bool, FsError> {
        let (holder, name) = self.dir.holder(relative)?;
        self.sync()?;
        match self.dir.steps.link(self.dir.place(&self.name), holder.place(name)) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(errno) => return Err(FsError::io("make", self.dir.path().join(relative), errno)),
        }
        self.named = self.dir.steps.unlink(self.dir.place(&self.name)).is_err();
        holder.sync().map(|()| true)
    }

    /// Attaches a label to the file, a short text beside its content, which [`crate::label`] reads. An error where the
    /// file system has no room for labels.
    pub fn set_label(&self, name: &str, value: &[u8]) -> Result<(), FsError> {
        crate::labels::set(self.fd.as_fd(), name, value)
            .map_err(|errno| FsError::io("label", self.path(), errno))
    }

    /// Puts the file in the place of a file of that name in `dir`, or of nothing, at once and whole, but without
    /// waiting for the disk: after a crash it may be gone or cut.
    pub fn commit_scratch(mut self, dir: &Dir, name: &str) -> Result<(), FsError> {
        crate::relative::Relative::parse_name(name)?;
        self.move_to(dir, name)
    }

    /// Puts the file, durably, in the place of a file of that name in another directory on the same disk.
    pub fn commit_into(mut self, dir: &Dir, name: &str) -> Result<(), FsError> {
        crate::relative::Relative::parse_name(name)?;
        self.sync()?;
        self.move_to(dir, name)?;
        dir.sync()
    }

    fn move_to(&mut self, dir: &Dir, name: &str) -> Result<(), FsError> {
        self.dir
            .steps
            .rename(self.dir.place(&self.name), dir.place(name))
            .map_err(|errno| FsError::io("replace", dir.path().join(name), errno))?;
        self.named = false;
        Ok(())
    }

    pub(crate) fn set_mode(&self, mode: Mode) -> Result<(), FsError> {
        rustix::fs::fchmod(&self.fd, mode).map_err(|errno| FsError::io("set the mode of", self.path(), errno))
    }

    /// Waits until the content is on the disk. After a failure the content must not be trusted: the kernel may have
    /// dropped what it could not write, and would report success the next time.
    ///
    /// Commits do it too; who holds a lock while committing has less to wait for if it is done before.
    pub fn sync(&mut self) -> Result<(), FsError> {
        if !self.synced {
            let synced = self.dir.steps.sync_file(self.fd.as_fd());
            synced.map_err(|errno| FsError::io("sync", self.path(), errno))?;
            self.synced = true;
        }
        Ok(())
    }

    fn append_some(&mut self, bytes: &[u8]) -> Result<usize, FsError> {
        self.synced = false;
        match self.dir.steps.write(self.fd.as_fd(), bytes) {
            Ok(0) if !bytes.is_empty() => Err(FsError::io("write", self.path(), Errno::IO)),
            Ok(length) => Ok(length),
            Err(errno) => Err(FsError::io("write", self.path(), errno)),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }
}

impl io::Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.append_some(bytes)?)
    }

    /// Does nothing; a commit makes the content durable.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if self.named {
            // What cannot be removed now is swept at the next start.
            let _ = self.dir.steps.unlink(self.dir.place(&self.name));
        }
        // Closing would leave the lock with a child process that is between its fork and its exec.
        let _ = rustix::fs::flock(&self.fd, FlockOperation::Unlock);
    }
}

/// A name that nobody else has, and that a sweep recognises.
pub(crate) fn unique_name() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("Linux gives random bytes since 3.17, and cannot run out of them");
    format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&random))
}

/// Whether a name is that of a staged file, or of the leftover of one.
pub fn is_staged(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// How the names of staged files begin.
pub(crate) const PREFIX: &str = ".casemate-staged-";

/// Far more than ever write at once.
const SWEEP_MAX: usize = 10_000;

/// How often a sweeper may come in between before something is wrong. It can many times in a row on a busy machine.
const CREATE_ATTEMPTS: usize = 1000;

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
