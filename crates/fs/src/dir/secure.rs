//! Directories on a path that nobody else can redirect.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, Stat};
use rustix::io::Errno;

use super::scratch::PASS;
use super::{Dir, open_private_beneath};
use crate::{FsError, beneath};

impl Dir {
    /// Opens a directory that is ours alone, on a path that nobody but us and root can redirect. It is made, with
    /// its missing parents, like by [`Dir::open_private`]; beyond that the walk goes from the root by handle and
    /// refuses a symbolic link anywhere, a parent that belongs to a third user, and a parent that others may write
    /// unless it is sticky.
    pub fn open_secure(path: &Path) -> Result<Self, FsError> {
        let path: PathBuf =
            std::path::absolute(path).map_err(|source| FsError::io("resolve", path, source))?;
        let names = names_of(&path)?;
        let (last, parents) = names.split_last().ok_or_else(|| bad(&path))?;
        let root = rustix::fs::open("/", PASS, Mode::empty())
            .map_err(|errno| FsError::io("open the directory", "/", errno))?;
        let (fd, walked) = walk(root, parents)?;
        let mut missing = parents[walked..].to_vec();
        missing.push(last.clone());
        let at = parents[..walked].iter().fold(PathBuf::from("/"), |at, name| at.join(name));
        let dir = open_private_beneath(&Self::of(readable(fd), at), &missing)?;
        dir.check_private().map(|()| dir)
    }
}

/// Walks down as far as there are directories, and says how many there were.
fn walk(mut fd: OwnedFd, parents: &[String]) -> Result<(OwnedFd, usize), FsError> {
    let mut at = PathBuf::from("/");
    judge(fd.as_fd(), &at)?;
    for (walked, name) in parents.iter().enumerate() {
        at.push(name);
        match beneath::open_one(fd.as_fd(), name, PASS) {
            Ok(next) => fd = next,
            Err(Errno::NOENT) => return Ok((fd, walked)),
            Err(errno) => return Err(FsError::io("open the directory", at, errno)),
        }
        judge(fd.as_fd(), &at)?;
    }
    Ok((fd, parents.len()))
}

fn judge(fd: BorrowedFd<'_>, path: &Path) -> Result<(), FsError> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| FsError::io("look at", path, errno))?;
    judge_parent(&stat, rustix::process::geteuid().as_raw(), path)
}

/// Whoever owns a directory, or may write it where it is not sticky, can put another in the place of ours.
fn judge_parent(stat: &Stat, expected: u32, path: &Path) -> Result<(), FsError> {
    if stat.st_uid != expected && stat.st_uid != ROOT {
        return Err(FsError::WrongOwner { path: path.to_owned(), owner: stat.st_uid, expected });
    }
    if stat.st_mode & OTHERS_WRITE != 0 && stat.st_mode & STICKY == 0 {
        return Err(FsError::OpenParent { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    Ok(())
}

/// The same directory open for reading where that is allowed, so that it can be synced.
fn readable(fd: OwnedFd) -> OwnedFd {
    rustix::fs::openat(&fd, ".", super::HELD, Mode::empty()).unwrap_or(fd)
}

fn names_of(path: &Path) -> Result<Vec<String>, FsError> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => {
                let name = name.to_str().ok_or_else(|| FsError::NotUtf8 { path: path.to_owned() })?;
                names.push(name.to_owned());
            }
            _ => return Err(bad(path)),
        }
    }
    Ok(names)
}

fn bad(path: &Path) -> FsError {
    let text = path.to_string_lossy().into_owned();
    FsError::BadRelativePath { text, reason: "it names no directory that could be made" }
}

const ROOT: u32 = 0;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_missing_is_made_private_all_the_way() {
        let top = tempfile::tempdir().unwrap();
        Dir::open_secure(&top.path().join("a/b/c")).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            let mode = std::fs::metadata(top.path().join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o700, "{made}");
        }
    }

    #[test]
    fn a_link_anywhere_on_the_way_is_refused() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("real/in")).unwrap();
        std::os::unix::fs::symlink("real", top.path().join("link")).unwrap();
        for path in ["link", "link/in", "link/in/new"] {
            let refused = Dir::open_secure(&top.path().join(path));
            assert!(matches!(refused, Err(FsError::SymlinkRefused { .. })), "{path}: {refused:?}");
        }
        assert!(!top.path().join("real/in/new").exists());
    }

    #[test]
    fn a_parent_that_others_may_write_is_refused_unless_it_is_sticky() {
        let top = tempfile::tempdir().unwrap();
        let open = top.path().join("open");
        std::fs::create_dir(&open).unwrap();
        mode(&open, 0o777);
        let refused = Dir::open_secure(&open.join("cache"));
        assert!(matches!(refused, Err(FsError::OpenParent { mode: 0o777, .. })), "{refused:?}");
        assert!(!open.join("cache").exists());
        mode(&open, 0o1777);
        Dir::open_secure(&open.join("cache")).unwrap();
    }

    #[test]
    fn a_parent_of_a_third_user_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let mut stat = rustix::fs::stat(top.path()).unwrap();
        let ours = stat.st_uid;
        stat.st_uid = ours + 1;
        let refused = judge_parent(&stat, ours, top.path());
        assert!(matches!(refused, Err(FsError::WrongOwner { expected, .. }) if expected == ours));
        stat.st_uid = ROOT;
        judge_parent(&stat, ours, top.path()).unwrap();
    }
}
