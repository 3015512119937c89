use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::Dir;
use crate::FsError;

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its size in bytes, if it is a file.
    pub len: u64,
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, which nothing here follows.
    Symlink,
    /// A socket, FIFO or device.
    Other,
}

impl Dir {
    /// Lists the directory, sorted by name. A directory of more than 100 000 entries is refused.
    pub fn entries(&self) -> Result<Vec<DirEntry>, FsError> {
        let (entries, odd) = self.entries_and_odd_names()?;
        match odd.into_iter().next() {
            Some(path) => Err(FsError::NotUtf8 { path }),
            None => Ok(entries),
        }
    }

    /// The same, and the paths whose names are not UTF-8 apart, for whoever lists what strangers have named.
    pub fn entries_and_odd_names(&self) -> Result<(Vec<DirEntry>, Vec<PathBuf>), FsError> {
        let names = names(self.as_fd(), ENTRIES_MAX + 1, |_| true)
            .map_err(|errno| FsError::io("list", self.path(), errno))?;
        if names.len() > ENTRIES_MAX {
            return Err(FsError::TooManyEntries { path: self.path().to_owned(), entries_max: ENTRIES_MAX });
        }
        let (mut entries, mut odd) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            match name.into_string() {
                // Gone between listing and looking is the same as gone before.
                Ok(name) => entries.extend(self.entry(name)?),
                Err(name) => odd.push(self.path().join(name)),
            }
        }
        entries.sort();
        odd.sort();
        Ok((entries, odd))
    }

    /// The directories in this one whose names begin so, sorted; at most 10 000. Other entries, whatever they are
    /// called and however many they are, do not matter.
    pub fn subdirs_named(&self, prefix: &str) -> Result<Vec<String>, FsError> {
        let names = names(self.as_fd(), NAMED_MAX, |name| name.starts_with(prefix.as_bytes()))
            .map_err(|errno| FsError::io("list", self.path(), errno))?;
        let mut found = Vec::new();
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            let entry = self.entry(name)?.filter(|entry| entry.kind == EntryKind::Directory);
            found.extend(entry.map(|entry| entry.name));
        }
        found.sort();
        Ok(found)
    }

    fn entry(&self, name: String) -> Result<Option<DirEntry>, FsError> {
        let stat = match rustix::fs::statat(self.as_fd(), &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(FsError::io("look at", self.path().join(name), errno)),
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            _ => EntryKind::Other,
        };
        let len = if kind == EntryKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        Ok(Some(DirEntry { name, kind, len }))
    }
}

/// Up to `count_max` of the names in a directory that are wanted, without `.` and `..`, in no order.
pub(crate) fn names(
    dir: BorrowedFd<'_>,
    count_max: usize,
    wanted: impl Fn(&[u8]) -> bool,
) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." || !wanted(name) {
            continue;
        }
        if names.len() == count_max {
            break;
        }
        names.push(OsString::from_vec(name.to_vec()));
    }
    Ok(names)
}

/// More than anybody looks through.
const NAMED_MAX: usize = 10_000;

/// More than any directory of ours has: blobs lie in two levels of 256.
const ENTRIES_MAX: usize = 100_000;
