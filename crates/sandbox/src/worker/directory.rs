use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// The most entries that a guest's directory may have, and how deep it may nest: a walk ends, and a flood of empty
/// files is a flood too.
pub(crate) const ENTRIES_MAX: u64 = 4096;
const DEPTH_MAX: usize = 64;

/// What a walk finds: one entry of a directory that a guest filled, seen without following any link.
pub(super) struct Entry<'a> {
    /// The directory that the entry is in.
    pub(super) parent: BorrowedFd<'a>,
    /// Its name there.
    pub(super) name: &'a CStr,
    /// Its path below the start of the walk, with `/` between names; bytes that are no text are replaced.
    pub(super) path: String,
    /// What it is.
    pub(super) stat: Stat,
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

/// Calls `visit` for every entry below `directory`, a directory after its content. Fails with `TOOBIG` when there
/// is more than a guest may make.
pub(super) fn walk(
    directory: BorrowedFd<'_>,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut left = ENTRIES_MAX;
    walk_below(directory, "", DEPTH_MAX, &mut left, visit)
}

fn walk_below(
    directory: BorrowedFd<'_>,
    prefix: &str,
    depth: usize,
    left: &mut u64,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), Errno>,
) -> Result<(), Errno> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        *left = left.checked_sub(1).ok_or(Errno::TOOBIG)?;
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let path = format!("{prefix}{}", name.to_string_lossy());
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let depth = depth.checked_sub(1).ok_or(Errno::TOOBIG)?;
            let below = open_directory(directory, name)?;
            walk_below(below.as_fd(), &format!("{path}/"), depth, left, visit)?;
        }
        visit(&Entry { parent: directory, name, path, stat })?;
    }
    Ok(())
}

/// Opens a directory by one name, never through a link.
pub(super) fn open_directory<P: rustix::path::Arg>(
    parent: BorrowedFd<'_>,
    name: P,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// What all regular files below `directory` take together, and those that were removed but are still open: a file
/// without a name keeps its bytes until it is closed.
pub(super) fn measure(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut bytes: u64 = 0;
    walk(directory, &mut |entry| {
        if entry.kind() == FileType::RegularFile {
            bytes = bytes.saturating_add(size(&entry.stat));
        }
        Ok(())
    })?;
    let device = rustix::fs::fstat(directory)?.st_dev;
    for stat in super::descriptors::open_files() {
        if stat.st_nlink == 0 && stat.st_dev == device {
            bytes = bytes.saturating_add(size(&stat));
        }
    }
    Ok(bytes)
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(u64::MAX)
}

/// Removes everything below `directory`.
pub(super) fn empty(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    walk(directory, &mut |entry| {
        let flags = match entry.kind() {
            FileType::Directory => AtFlags::REMOVEDIR,
            _ => AtFlags::empty(),
        };
        rustix::fs::unlinkat(entry.parent, entry.name, flags)
    })
}
