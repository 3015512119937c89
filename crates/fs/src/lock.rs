use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::{Dir, File, FsError};

/// The right to use a directory alone, for as long as it is held. The kernel takes it back when the process ends,
/// however it ends.
#[derive(Debug)]
#[must_use = "the directory is free again as soon as this is dropped"]
pub struct DirLock {
    file: File,
}

impl Dir {
    /// Takes the directory for this process alone. `owner` says who we are, for the message a second one gets:
    /// [`FsError::Locked`]. Advisory: it stops those who ask for it too.
    pub fn lock(&self, owner: &str) -> Result<DirLock, FsError> {
        self.lock_by(FlockOperation::NonBlockingLockExclusive, owner)
    }

    /// The same, waiting for whoever has it: for what is held for moments only.
    pub fn wait_for_lock(&self, owner: &str) -> Result<DirLock, FsError> {
        self.lock_by(FlockOperation::LockExclusive, owner)
    }

    fn lock_by(&self, operation: FlockOperation, owner: &str) -> Result<DirLock, FsError> {
        let path = self.path().join(LOCK_FILE);
        let failed = |errno: Errno| FsError::io("lock", &*path, errno);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(self.as_fd(), LOCK_FILE, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        let (mut file, _) = crate::dir::regular(fd, &path)?;
        match rustix::io::retry_on_intr(|| rustix::fs::flock(&file, operation)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(FsError::Locked { path: self.path().to_owned(), owner: read_owner(file) });
            }
            Err(errno) => return Err(failed(errno)),
        }
        write_owner(&mut file, owner).map_err(|source| FsError::io("write", &*path, source))?;
        Ok(DirLock { file })
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // Closing would leave the lock with a child process that is between its fork and its exec.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

/// The record is for people, so it is neither synced nor trusted: the lock is what counts.
fn write_owner(file: &mut File, owner: &str) -> std::io::Result<()> {
    let owner: String = owner.chars().filter(|c| !c.is_control()).take(OWNER_CHARS_MAX).collect();
    let record = format!("process {} ({owner})\n", std::process::id());
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(record.as_bytes())
}

fn read_owner(file: File) -> String {
    let mut record = Vec::new();
    let read = file.take(RECORD_BYTES_MAX).read_to_end(&mut record);
    let text = String::from_utf8_lossy(&record);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if read.is_err() || text.is_empty() { "another process".to_owned() } else { text }
}

/// The lock file's name. It is never removed: two processes could then hold locks on two files of the same name.
const LOCK_FILE: &str = "lock";
const OWNER_CHARS_MAX: usize = 200;
const RECORD_BYTES_MAX: u64 = 1024;
