use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;

use super::Dir;
use crate::relative::Relative;
use crate::{File, FsError};

impl Dir {
    /// Puts `bytes` in the place of a file beneath, or of nothing, atomically and durably; mode 0600. Of several
    /// writers at once, one wins whole.
    pub fn replace(&self, relative: &str, bytes: &[u8]) -> Result<(), FsError> {
        Relative::parse(relative)?;
        let mut staged = self.stage()?;
        staged.append(bytes)?;
        staged.commit_replace(relative)
    }

    /// Makes a file beneath, durably, with all of its content or not at all; mode 0600.
    /// [`FsError::AlreadyExists`] if the name is taken.
    pub fn create_new(&self, relative: &str, bytes: &[u8]) -> Result<(), FsError> {
        Relative::parse(relative)?;
        let mut staged = self.stage()?;
        staged.append(bytes)?;
        if staged.commit_new(relative)? {
            return Ok(());
        }
        Err(FsError::AlreadyExists { path: self.path.join(relative) })
    }

    /// Removes a file beneath, durably; false if there was none.
    pub fn remove_file(&self, relative: &str) -> Result<bool, FsError> {
        let (holder, name) = self.holder(relative)?;
        match self.steps.unlink(holder.place(name)) {
            Ok(()) => holder.sync().map(|()| true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FsError::io("remove", self.path.join(relative), errno)),
        }
    }

    /// Moves a file or directory beneath, durably, replacing a file that has the new name.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FsError> {
        let (from_holder, from_name) = self.holder(from)?;
        let (to_holder, to_name) = self.holder(to)?;
        self.steps
            .rename(from_holder.place(from_name), to_holder.place(to_name))
            .map_err(|errno| FsError::io("rename", self.path.join(from), errno))?;
        // The new name first: a crash between the two may leave both names, never neither.
        to_holder.sync()?;
        if Relative::parse(from)?.split().0 != Relative::parse(to)?.split().0 {
            from_holder.sync()?;
        }
        Ok(())
    }

    /// Opens a directory beneath, making it and those on the way to it, durably and with mode 0700, when absent.
    pub fn make_subdirs(&self, relative: &str) -> Result<Self, FsError> {
        let parsed = Relative::parse(relative)?;
        let mut held = self.clone();
        for name in parsed.names() {
            if held.make_child(name)? {
                held.sync()?;
            }
            held = held.subdir(name)?;
        }
        Ok(held)
    }

    /// Makes a file for writing that need not survive a crash, and the directories on the way to it. Modes 0600 and
    /// 0700; the name must be free.
    pub fn create_scratch(&self, relative: &str) -> Result<File, FsError> {
        let parsed = Relative::parse(relative)?;
        let (names, failed) = (parsed.names(), |errno| FsError::io("make", self.path.join(relative), errno));
        let mut holder = self.clone();
        for name in &names[..names.len() - 1] {
            holder.make_child(name)?;
            holder = holder.subdir(name)?;
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let last = names[names.len() - 1];
        match rustix::fs::openat(holder.as_fd(), last, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => Ok(File::from(fd)),
            Err(Errno::EXIST) => Err(FsError::AlreadyExists { path: self.path.join(relative) }),
            Err(errno) => Err(failed(errno)),
        }
    }
}
