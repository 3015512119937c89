//! Records and contents in a directory of ours, two levels deep.
//!
//! ```text
//! <root>/staging/      files without a name yet; not watched
//! <root>/ab/cd/        committed files, which nobody writes again; watched
//! ```
//!
//! What a file looked like when it was committed is remembered. Whatever looks different later was not done by us.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casemate_fs::{Dir, DirWatch, EntryKind, Fingerprint, FsError, StagedFile};

use super::{FileId, FileKind, Fill, Opened, Staged, Store};
use crate::event::{CacheEvent, Sign, Watcher};

pub(crate) struct FileStore {
    root: Dir,
    staging: Dir,
    /// Whether files are to be there after a crash.
    durable: bool,
    marks: Mutex<BTreeMap<FileId, Fingerprint>>,
    /// How often a file was committed that the monitor has not been told of yet.
    arrivals: Mutex<HashMap<FileId, usize>>,
    /// The directories, by label, that are known to be there and to be watched.
    dirs: Mutex<BTreeSet<String>>,
    watch: Option<DirWatch>,
    watcher: Arc<dyn Watcher>,
    told_unwatched: AtomicBool,
}

impl FileStore {
    /// Uses a directory that is ours alone.
    pub(crate) fn open(
        root: Dir,
        durable: bool,
        monitored: bool,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, FsError> {
        let staging = root.scratch_subdir(STAGING)?;
        staging.sweep_staged()?;
        let mut store = Self {
            root,
            staging,
            durable,
            marks: Mutex::default(),
            arrivals: Mutex::default(),
            dirs: Mutex::default(),
            watch: None,
            watcher,
            told_unwatched: AtomicBool::new(false),
        };
        if monitored {
            match DirWatch::new() {
                Ok(watch) => store.watch = Some(watch),
                Err(error) => store.tell_unwatched(&error),
            }
            store.watch_dir(&store.root, "");
        }
        Ok(store)
    }

    pub(crate) fn watch(&self) -> Option<&DirWatch> {
        self.watch.as_ref()
    }

    /// All files there are, in no order; watches their directories. What has no name of ours is left out.
    pub(crate) fn list(&self) -> Result<Vec<FileId>, FsError> {
        let mut files = Vec::new();
        for outer in fan_outs(&self.root)? {
            let outer_dir = self.root.scratch_subdir(&outer)?;
            self.watch_dir(&outer_dir, &outer);
            for inner in fan_outs(&outer_dir)? {
                let inner_dir = outer_dir.scratch_subdir(&inner)?;
                let label = format!("{outer}/{inner}");
                self.watch_dir(&inner_dir, &label);
                let names = inner_dir.entries()?.into_iter();
                files.extend(names.filter_map(|entry| FileId::parse(&label, &entry.name)));
            }
        }
        Ok(files)
    }

    /// Remembers how a file looks that was written by an earlier process. Its content is to be verified all the same.
    pub(crate) fn adopt(&self, file: FileId) -> Result<Option<Fingerprint>, FsError> {
        let Some(dir) = self.existing_dir(file)? else { return Ok(None) };
        let mut marks = self.marks();
        let found = dir.fingerprint(&file.file_name())?;
        if let Some(found) = found {
            marks.insert(file, found);
        }
        Ok(found)
    }

    /// Whether what is under a file's name is what we put or left there; if not, how it shows.
    pub(crate) fn judge(&self, file: FileId) -> Result<Option<Sign>, FsError> {
        let marks = self.marks();
        let found = match self.existing_dir(file) {
            Ok(Some(dir)) => dir.fingerprint(&file.file_name())?,
            Ok(None) | Err(FsError::SymlinkRefused { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(match (marks.get(&file), found) {
            (Some(mark), Some(found)) if *mark == found => None,
            (Some(_), Some(_)) => Some(Sign::Altered),
            (Some(_), None) => Some(Sign::Missing),
            (None, Some(_)) => Some(Sign::Intruder),
            (None, None) => None,
        })
    }

    /// Whether a file was committed and not removed.
    pub(crate) fn holds(&self, file: FileId) -> bool {
        self.marks().contains_key(&file)
    }

    /// The files that were committed to directories whose label begins like this.
    pub(crate) fn held_below(&self, label: &str) -> Vec<FileId> {
        let marks = self.marks();
        let Some(first) = first_below(label) else { return marks.keys().copied().collect() };
        let below = marks.range(FileId { name: first, kind: FileKind::Record }..).map(|(file, _)| *file);
        below.take_while(|file| file.place().starts_with(label)).collect()
    }

    /// Takes note that the monitor was told of a file's arrival.
    pub(crate) fn arrived(&self, file: FileId) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = arrivals.get_mut(&file) {
            *count -= 1;
            if *count == 0 {
                arrivals.remove(&file);
            }
        }
    }

    /// Whether the monitor has not been told yet that a file arrived.
    pub(crate) fn is_arriving(&self, file: FileId) -> bool {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&file)
    }

    /// Stops waiting for arrivals, because what was told of them is lost.
    pub(crate) fn forget_arrivals(&self) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Makes sure that directories whose label begins like this are made and watched anew when they are needed.
    pub(crate) fn forget_dirs(&self, label: &str) {
        self.dirs().retain(|dir| !dir.starts_with(label));
    }

    /// Removes what is in the cache's directories under a name that is not ours; false if it is gone.
    pub(crate) fn remove_intruder(&self, label: &str, name: &str) -> Result<bool, FsError> {
        let dir = if label.is_empty() { self.root.clone() } else { self.root.subdir(label)? };
        dir.remove_any(name)
    }

    /// Closes a directory that was opened to others; true if it was.
    pub(crate) fn close_dir(&self, label: &str) -> Result<bool, FsError> {
        let (parent, name) = match label.rsplit_once('/') {
            Some((outer, inner)) => (self.root.subdir(outer)?, inner),
            None => (self.root.clone(), label),
        };
        let dir = if name.is_empty() { self.root.clone() } else { parent.subdir(name)? };
        if dir.is_private() {
            return Ok(false);
        }
        if !name.is_empty() {
            parent.scratch_subdir(name)?;
        }
        Ok(true)
    }

    fn dirs(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marks(&self) -> MutexGuard<'_, BTreeMap<FileId, Fingerprint>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of a file, made and watched.
    fn made_dir(&self, file: FileId) -> Result<Dir, FsError> {
        let [outer, inner] = file.fan_out();
        let label = format!("{outer}/{inner}");
        let known = self.dirs().contains(&label);
        if known && let Some(dir) = self.existing_dir(file)? {
            return Ok(dir);
        }
        let outer_dir = self.make(&self.root, &outer)?;
        self.watch_dir(&outer_dir, &outer);
        let inner_dir = self.make(&outer_dir, &inner)?;
        self.watch_dir(&inner_dir, &label);
        self.dirs().insert(label);
        Ok(inner_dir)
    }

    fn make(&self, parent: &Dir, name: &str) -> Result<Dir, FsError> {
        if self.durable { parent.private_subdir(name) } else { parent.scratch_subdir(name) }
    }

    fn existing_dir(&self, file: FileId) -> Result<Option<Dir>, FsError> {
        match self.root.subdir(&file.fan_out().join("/")) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn watch_dir(&self, dir: &Dir, label: &str) {
        if let Some(watch) = &self.watch
            && let Err(error) = watch.add(dir, label)
        {
            self.tell_unwatched(&error);
        }
    }

    fn tell_unwatched(&self, error: &FsError) {
        if !self.told_unwatched.swap(true, Ordering::Relaxed) {
            self.watcher.event(&CacheEvent::Unwatched { reason: error.to_string() });
        }
    }

    fn commit(&self, file: FileId, dir: &Dir, staged: StagedFile) -> Result<(), FsError> {
        self.await_arrival(file);
        let committed = self.commit_and_mark(file, dir, staged);
        if committed.is_err() {
            self.arrived(file);
        }
        committed
    }

    fn await_arrival(&self, file: FileId) {
        if self.watch.is_some() && !self.told_unwatched.load(Ordering::Relaxed) {
            let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            *arrivals.entry(file).or_default() += 1;
        }
    }

    fn commit_and_mark(&self, file: FileId, dir: &Dir, staged: StagedFile) -> Result<(), FsError> {
        let mut marks = self.marks();
        let name = file.file_name();
        if self.durable {
            staged.commit_into(dir, &name)?;
        } else {
            // Nobody reads it after a crash: its key is gone and its directory is swept.
            staged.commit_scratch(dir, &name)?;
        }
        if let Some(found) = dir.fingerprint(&name)? {
            marks.insert(file, found);
        }
        Ok(())
    }
}

impl Store for FileStore {
    fn stage<'a>(&'a self, file: FileId, fill: Fill<'_>) -> Result<Box<dyn Staged + 'a>, FsError> {
        let dir = self.made_dir(file)?;
        let mut staged = self.staging.stage()?;
        fill(&mut staged).map_err(|error| written(error, &self.staging))?;
        Ok(Box::new(StagedInFiles { store: self, file, dir, staged }))
    }

    fn open(&self, file: FileId) -> Result<Opened, FsError> {
        let dir = match self.existing_dir(file) {
            Ok(Some(dir)) => dir,
            Ok(None) => return Ok(Opened::Missing),
            Err(error) => return suspect(error),
        };
        let (reader, found) = match dir.open_sole(&file.file_name()) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Opened::Missing),
            Err(error) => return suspect(error),
        };
        if self.marks().get(&file) != Some(&found) {
            return Ok(Opened::Suspect(Sign::Altered));
        }
        Ok(Opened::File { reader: Box::new(reader), len: found.len() })
    }

    fn remove(&self, file: FileId) -> Result<(), FsError> {
        let mut marks = self.marks();
        marks.remove(&file);
        match self.existing_dir(file) {
            Ok(Some(dir)) => dir.remove_any(&file.file_name()).map(|_| ()),
            // The directory itself was exchanged for something that leads elsewhere; nothing of ours is there.
            Ok(None) | Err(FsError::SymlinkRefused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

struct StagedInFiles<'a> {
    store: &'a FileStore,
    file: FileId,
    dir: Dir,
    staged: StagedFile,
}

impl Staged for StagedInFiles<'_> {
    fn commit(self: Box<Self>) -> Result<(), FsError> {
        self.store.commit(self.file, &self.dir, self.staged)
    }
}

/// Things that are there and are no file of ours count as tampering; a failing system does not.
fn suspect(error: FsError) -> Result<Opened, FsError> {
    match error {
        FsError::NotAFile { .. }
        | FsError::WrongOwner { .. }
        | FsError::NotPrivate { .. }
        | FsError::HardLinked { .. }
        | FsError::SymlinkRefused { .. } => Ok(Opened::Suspect(Sign::WrongKind)),
        other => Err(other),
    }
}

/// Gets the error back that a staged file put into an error of writing.
fn written(error: io::Error, staging: &Dir) -> FsError {
    let path = staging.path().to_owned();
    match error.downcast::<FsError>() {
        Ok(error) => error,
        Err(source) => FsError::Io { action: "write in", path, source },
    }
}

/// The directories of two hex digits.
fn fan_outs(dir: &Dir) -> Result<Vec<String>, FsError> {
    let dirs = dir.entries()?.into_iter().filter(|entry| entry.kind == EntryKind::Directory);
    Ok(dirs.map(|entry| entry.name).filter(|name| is_fan_out(name)).collect())
}

pub(crate) fn is_fan_out(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The lowest name of a file in directories whose label begins like this; none if that is every file.
fn first_below(label: &str) -> Option<[u8; 32]> {
    let mut first = [0; 32];
    let mut bytes = label.split('/').filter_map(|part| u8::from_str_radix(part, 16).ok());
    first[0] = bytes.next()?;
    first[1] = bytes.next().unwrap_or(0);
    Some(first)
}

/// Where files are written before they have a name.
pub(crate) const STAGING: &str = "staging";
