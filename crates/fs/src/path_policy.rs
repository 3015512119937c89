use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::dir::{nearest_existing, open_private_beneath};
use crate::{Dir, FsError};

/// Which directories a user may name for storage: those in allowed roots that are not the operating system's.
#[derive(Clone, Debug)]
pub struct PathPolicy {
    /// The roots after symbolic links.
    roots: Vec<PathBuf>,
}

impl PathPolicy {
    /// Allows what lies in `roots`, which must exist. A root in a system directory is refused.
    pub fn new(roots: &[PathBuf]) -> Result<Self, FsError> {
        let roots = roots.iter().map(|root| {
            refuse_system_path(root)?;
            let real = real_path(&Dir::open_with(root, OFlags::PATH)?)?;
            refuse_system_path(&real)?;
            Ok(real)
        });
        Ok(Self { roots: roots.collect::<Result<_, FsError>>()? })
    }

    /// Opens an existing directory that a user named. Symbolic links are followed first and the place they lead to
    /// is judged, by the handle that is then used.
    pub fn open(&self, path: &Path) -> Result<Dir, FsError> {
        refuse_system_path(path)?;
        let seen = Dir::open_with(path, OFlags::PATH)?;
        let real = real_path(&seen)?;
        self.judge(&real)?;
        reopen(&seen, real)
    }

    /// The same for a directory that shall be private, and is made when absent; see [`Dir::open_private`].
    pub fn open_private(&self, path: &Path) -> Result<Dir, FsError> {
        refuse_system_path(path)?;
        let (existing, missing) = nearest_existing(path)?;
        let real = real_path(&existing)?;
        let target = missing.iter().fold(real.clone(), |path, name| path.join(name));
        self.judge(&target)?;
        open_private_beneath(&existing.at(real), &missing)
    }

    fn judge(&self, real: &Path) -> Result<(), FsError> {
        refuse_system_path(real)?;
        if self.roots.iter().any(|root| real.starts_with(root)) {
            return Ok(());
        }
        let roots: Vec<_> = self.roots.iter().map(|root| root.display().to_string()).collect();
        Err(FsError::OutsideRoots { path: real.to_owned(), roots: roots.join(", ") })
    }
}

fn refuse_system_path(path: &Path) -> Result<(), FsError> {
    let denied = SYSTEM_DIRECTORIES.iter().find(|denied| path.starts_with(denied));
    let root = if path.parent().is_none() && path.has_root() { Some(&"/") } else { None };
    match denied.or(root) {
        Some(denied) => Err(FsError::SystemPath { path: path.to_owned(), denied }),
        None => Ok(()),
    }
}

/// Where a held directory really lies, as the kernel tells it.
fn real_path(dir: &Dir) -> Result<PathBuf, FsError> {
    use std::os::fd::{AsFd, AsRawFd};
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    std::fs::read_link(link).map_err(|source| FsError::io("resolve", dir.path(), source))
}

fn reopen(seen: &Dir, real: PathBuf) -> Result<Dir, FsError> {
    let fd = rustix::fs::openat(seen, ".", crate::dir::HELD, Mode::empty());
    Ok(Dir::of(fd.map_err(|errno| FsError::io("open the directory", &*real, errno))?, real))
}

/// What belongs to the operating system, and so never to users' storage.
const SYSTEM_DIRECTORIES: [&str; 12] =
    ["/etc", "/sys", "/proc", "/boot", "/root", "/var", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/dev"];
