//! The directories of caches: one for each process, or one for each key that outlives processes.
//!
//! ```text
//! <base>/v2/process/<random>/    locked while its process lives, removed with it or at the next start
//! <base>/v2/kept/<key id>/       locked while a process uses it
//! ```

use std::path::Path;

use casemate_fs::{Dir, DirLock, EntryKind, FsError};
use casemate_model::Entropy;
use data_encoding::HEXLOWER;

use crate::CacheError;

/// A directory that is this process's alone.
pub(crate) struct Home {
    pub(crate) root: Dir,
    /// Where it is to be removed from when the process is done with it; none if it is kept.
    parent: Option<(Dir, String)>,
    _lock: DirLock,
}

impl Home {
    /// Makes a directory for this process, and says how many of dead processes were removed.
    pub(crate) fn for_process(base: &Path, entropy: &dyn Entropy) -> Result<(Self, usize), CacheError> {
        let parent = Dir::open_secure(&base.join(VERSION))?.private_subdir(PROCESS)?;
        let swept = sweep(&parent)?;
        for _ in 0..ATTEMPTS {
            let mut random = [0; 16];
            entropy.fill(&mut random);
            let name = HEXLOWER.encode(&random);
            if let Some((root, lock)) = claim(&parent, &name)? {
                return Ok((Self { root, parent: Some((parent, name)), _lock: lock }, swept));
            }
        }
        Err(CacheError::NoDirectory { base: base.display().to_string() })
    }

    /// Opens the directory of a key; none if another process uses it.
    pub(crate) fn kept(base: &Path, key_id: [u8; 8]) -> Result<Option<Self>, CacheError> {
        let parent = Dir::open_secure(&base.join(VERSION))?.private_subdir(KEPT)?;
        let name = HEXLOWER.encode(&key_id);
        let root = parent.private_subdir(&name)?;
        match root.lock(LOCK_OWNER) {
            // Somebody may clear it between our opening and our locking it.
            Ok(lock) if parent.still_holds(&name, &root)? => {
                Ok(Some(Self { root, parent: None, _lock: lock }))
            }
            Ok(_) | Err(FsError::Locked { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some((parent, name)) = &self.parent {
            // By handle, whatever has its name by now. What cannot be removed is swept at the next start.
            let _ = self.root.remove_contents();
            if parent.still_holds(name, &self.root).unwrap_or(false) {
                let _ = parent.remove_subdir(name);
            }
        }
    }
}

/// Makes a directory and locks it; none if a sweeper came between.
fn claim(parent: &Dir, name: &str) -> Result<Option<(Dir, DirLock)>, FsError> {
    let made = parent.scratch_subdir(name).and_then(|root| Ok((root.lock(LOCK_OWNER)?, root)));
    match made {
        // A sweeper moves a directory away before it removes it, so what is still in its place is not being removed.
        Ok((lock, root)) if parent.still_holds(name, &root)? => Ok(Some((root, lock))),
        Ok(_) | Err(FsError::Locked { .. }) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same for processes that were before this one, where it has no directory of its own kind.
pub(crate) fn sweep_dead(base: &Path) -> Result<usize, CacheError> {
    Ok(sweep(&Dir::open_secure(&base.join(VERSION))?.private_subdir(PROCESS)?)?)
}

/// Removes the directories whose processes are gone, however they went. A lock is held by living ones only.
fn sweep(parent: &Dir) -> Result<usize, FsError> {
    let mut swept = 0;
    for entry in parent.entries()? {
        if entry.kind != EntryKind::Directory {
            continue;
        }
        let gone = match entry.name.strip_prefix(DEAD) {
            Some(_) => parent.remove_subdir(&entry.name),
            None => sweep_one(parent, &entry.name),
        };
        // Another sweeper may be at the same directory; what stays is for the next start.
        swept += usize::from(gone.unwrap_or(false));
    }
    Ok(swept)
}

fn sweep_one(parent: &Dir, name: &str) -> Result<bool, FsError> {
    let root = parent.subdir(name)?;
    let lock = root.lock("sweep")?;
    remove_locked(parent, name, &root, &lock)
}

/// The lock of a directory that is only looked at; none if a living process has it.
pub(crate) fn lock_to_look(root: &Dir) -> Result<Option<DirLock>, FsError> {
    match root.lock("look") {
        Ok(lock) => Ok(Some(lock)),
        Err(FsError::Locked { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a directory that is locked by us; false if it is there no more. It is moved away first, so that whoever
/// opens it meanwhile sees that it is going.
pub(crate) fn remove_locked(parent: &Dir, name: &str, root: &Dir, _lock: &DirLock) -> Result<bool, FsError> {
    if !parent.still_holds(name, root)? {
        return Ok(false);
    }
    let dead = format!("{DEAD}{name}");
    parent.rename_scratch(name, &dead)?;
    parent.remove_subdir(&dead)
}

/// The version of everything that lies on the disk. What another version wrote is not looked at.
pub(crate) const VERSION: &str = "v2";
pub(crate) const PROCESS: &str = "process";
pub(crate) const KEPT: &str = "kept";
const DEAD: &str = "dead-";
const LOCK_OWNER: &str = "cache";
const ATTEMPTS: usize = 100;
