//! Files that a user names on a command line or in a configuration. They follow the user's own rights: links are
//! followed, and the umask decides who else may read what is written.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::dir::{READ, read_bounded, regular};
use crate::{Dir, File, FsError, StagedFile};

/// Reads a small text or key file whole; an error if it is larger than `bytes_max` or no regular file.
pub fn read_config_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FsError> {
    let fd = rustix::fs::open(path, READ, Mode::empty()).map_err(|errno| FsError::io("open", path, errno))?;
    let (file, _) = regular(fd, path)?;
    read_bounded(file, path, bytes_max)
}

/// The same for a secret: refused if others may read it.
pub fn read_secret_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FsError> {
    let fd = rustix::fs::open(path, READ, Mode::empty()).map_err(|errno| FsError::io("open", path, errno))?;
    let (file, stat) = regular(fd, path)?;
    // Whose it is does not matter: a key may be root's, readable through a group that is ours alone.
    if stat.st_mode & 0o007 != 0 {
        return Err(FsError::NotPrivate { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    read_bounded(file, path, bytes_max)
}

/// Opens a file for reading from its start to its end. A FIFO or device is the user's choice, and may wait; a
/// directory is refused.
pub fn read_user_file(path: &Path) -> Result<File, FsError> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| FsError::io("open", path, errno))?;
    let file = File::from(fd);
    let metadata = file.metadata().map_err(|source| FsError::io("look at", path, source))?;
    if metadata.is_dir() {
        return Err(FsError::NotAFile { path: path.to_owned(), found: "directory" });
    }
    Ok(file)
}

/// How large a regular file is that a user named; none for what is no regular file. Nothing is opened.
pub fn user_file_bytes(path: &Path) -> Result<Option<u64>, FsError> {
    let metadata = std::fs::metadata(path).map_err(|source| FsError::io("look at", path, source))?;
    Ok(metadata.is_file().then_some(metadata.len()))
}

/// Opens an existing directory that a user named, through links.
pub fn open_user_dir(path: &Path) -> Result<Dir, FsError> {
    Dir::open_with(path, OFlags::empty())
}

/// Opens a directory that a user named, making it and its parents when absent.
pub fn make_user_dir(path: &Path) -> Result<Dir, FsError> {
    std::fs::create_dir_all(path).map_err(|source| FsError::io("make the directory", path, source))?;
    open_user_dir(path)
}

/// Starts writing a file that a user named. A regular file appears, or is replaced, at the commit and whole; its
/// mode is kept. A FIFO or device is written to directly.
pub fn create_user_file(path: &Path) -> Result<UserOutput, FsError> {
    // Asked of the file itself and not of its resolved name, which `/dev/stdout` on a pipe does not have.
    let (target, mode) = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(FsError::NotAFile { path: path.to_owned(), found: "directory" });
        }
        Ok(metadata) if !metadata.is_file() => return Ok(UserOutput(Output::Direct(open_direct(path)?))),
        Ok(metadata) => {
            let real = std::fs::canonicalize(path).map_err(|source| FsError::io("resolve", path, source))?;
            (real, Some(metadata.permissions().mode()))
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
        Err(source) => return Err(FsError::io("look at", path, source)),
    };
    let (dir, name) = place_of(&target)?;
    let staged = StagedFile::create(&dir, Mode::from_raw_mode(0o666))?;
    if let Some(mode) = mode {
        staged.set_mode(Mode::from_raw_mode(mode & 0o777))?;
    }
    Ok(UserOutput(Output::Staged { staged, name }))
}

/// An output file that a user named, while it is written. Dropped without a commit, a regular file never appears.
#[derive(Debug)]
pub struct UserOutput(Output);

#[derive(Debug)]
enum Output {
    Staged { staged: StagedFile, name: String },
    Direct(File),
}

impl UserOutput {
    /// Whether nobody sees what is written before the commit. A FIFO or device gives it on at once.
    pub fn is_unseen(&self) -> bool {
        matches!(self.0, Output::Staged { .. })
    }

    /// Makes what was written appear under the name, durably.
    pub fn commit(self) -> Result<(), FsError> {
        match self.0 {
            Output::Staged { staged, name } => staged.commit_replace(&name),
            Output::Direct(_) => Ok(()),
        }
    }
}

impl Write for UserOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Output::Staged { staged, .. } => staged.write(bytes),
            Output::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_direct(path: &Path) -> Result<File, FsError> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(errno) => Err(FsError::io("open", path, errno)),
    }
}

fn place_of(path: &Path) -> Result<(Dir, String), FsError> {
    let name = path.file_name().ok_or_else(|| FsError::io("write", path, Errno::ISDIR))?;
    let name = name.to_str().ok_or_else(|| FsError::NotUtf8 { path: path.to_owned() })?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((open_user_dir(&parent)?, name.to_owned()))
}
