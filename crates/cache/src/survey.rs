//! What lies where caches lie, without any of their keys: for whoever wants to see it, or to be rid of it.

use std::path::Path;

use casemate_fs::{Dir, EntryKind, FsError};

use crate::CacheError;
use crate::home::{KEPT, PROCESS, VERSION, lock_to_look, remove_locked};

/// A directory of a cache, as it looks from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDirectory {
    /// Whether it outlives its process.
    pub kept: bool,
    /// Its name: random for a process's, of the key for one that is kept.
    pub name: String,
    /// Whether a living process uses it.
    pub in_use: bool,
    /// How many files it has, its lock left out.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// What was removed, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// What nobody used, and is gone.
    pub removed: Vec<CacheDirectory>,
    /// What a living process uses, and stays.
    pub in_use: Vec<CacheDirectory>,
}

/// Every cache below `base`. Nothing is made or removed.
pub fn survey(base: &Path) -> Result<Vec<CacheDirectory>, CacheError> {
    let mut found = Vec::new();
    for_each(base, |parent, kept, name| {
        let root = parent.subdir(name)?;
        let in_use = lock_to_look(&root)?.is_none();
        found.push(look(&root, kept, name, in_use)?);
        Ok(())
    })?;
    Ok(found)
}

/// Removes every cache below `base` that no living process uses.
pub fn clear(base: &Path) -> Result<Cleared, CacheError> {
    let mut cleared = Cleared::default();
    for_each(base, |parent, kept, name| {
        let root = parent.subdir(name)?;
        let Some(lock) = lock_to_look(&root)? else {
            cleared.in_use.push(look(&root, kept, name, true)?);
            return Ok(());
        };
        let directory = look(&root, kept, name, false)?;
        if remove_locked(parent, name, &root, &lock)? {
            cleared.removed.push(directory);
        }
        Ok(())
    })?;
    Ok(cleared)
}

fn for_each(
    base: &Path,
    mut act: impl FnMut(&Dir, bool, &str) -> Result<(), FsError>,
) -> Result<(), CacheError> {
    let version = base.join(VERSION);
    // A secure directory is made when it is not there; looking must not.
    match Dir::open(&version) {
        Ok(_) => {}
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let version = Dir::open_secure(&version)?;
    for (kind, kept) in [(KEPT, true), (PROCESS, false)] {
        let parent = match version.subdir(kind) {
            Ok(parent) => parent,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        for entry in parent.entries()?.into_iter().filter(|entry| entry.kind == EntryKind::Directory) {
            match act(&parent, kept, &entry.name) {
                // Its process ended meanwhile, and took it along.
                Err(error) if error.is_not_found() => {}
                done => done?,
            }
        }
    }
    Ok(())
}

fn look(root: &Dir, kept: bool, name: &str, in_use: bool) -> Result<CacheDirectory, FsError> {
    let (mut files, mut bytes) = (0, 0);
    let mut open = vec![(root.clone(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for entry in dir.entries()? {
            match entry.kind {
                EntryKind::Directory if depth < DEPTH_MAX => open.push((dir.subdir(&entry.name)?, depth + 1)),
                EntryKind::File if depth > 0 || entry.name != LOCK_FILE => {
                    files += 1;
                    bytes += entry.len;
                }
                EntryKind::File | EntryKind::Directory | EntryKind::Symlink | EntryKind::Other => {}
            }
        }
    }
    Ok(CacheDirectory { kept, name: name.to_owned(), in_use, files, bytes })
}

/// A cache has two levels of directories; whatever is deeper is not its own.
const DEPTH_MAX: usize = 4;
const LOCK_FILE: &str = "lock";
