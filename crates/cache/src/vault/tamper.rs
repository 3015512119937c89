//! What follows when something is not as it was left: evict it, and say so.

use casemate_fs::{FsError, WatchEvent};

use super::read::Fault;
use super::{Subject, Vault};
use crate::event::{CacheEvent, Sign};
use crate::index::{NO_ENTRY, Removed, Slot};
use crate::store::files::{FileStore, STAGING, is_fan_out};
use crate::store::{FileId, FileKind};
use crate::{CacheError, EntryKey};

impl Vault {
    /// Removes an entry that cannot be handed out; false if it is another one by now.
    pub(super) fn handle(
        &self,
        fault: Fault,
        subject: &Subject<'_>,
        slot: &Slot,
    ) -> Result<bool, CacheError> {
        let mut index = self.index();
        let same = index.slot(&subject.entry).is_some_and(|now| now.generation == slot.generation);
        if !same {
            return Ok(false);
        }
        let record = FileId::record(subject.entry);
        let event = match fault {
            Fault::Tampered(file, sign) => tampered(file, Some(subject.key), sign),
            Fault::Expired => CacheEvent::Expired { place: record.place() },
            Fault::Foreign => tampered(record, Some(subject.key), Sign::Altered),
        };
        let removed = match fault {
            Fault::Tampered(FileId { kind: FileKind::Content, name }, _) => index.remove_sharing(&name),
            _ => index.remove(&subject.entry).into_iter().collect(),
        };
        self.discard(&removed)?;
        drop(index);
        self.tell(&event);
        Ok(true)
    }

    /// Takes note of a change in the directories, ours or not.
    pub(crate) fn happened(&self, event: &WatchEvent, files: &FileStore) -> Result<(), FsError> {
        match event {
            WatchEvent::Overflow => self.rescan(files),
            WatchEvent::Appeared { dir, name } => match FileId::parse(dir, name) {
                Some(file) => {
                    files.arrived(file);
                    self.reconcile(files, file, false)
                }
                None => self.judge_name(files, dir, name),
            },
            WatchEvent::Altered { dir, name: Some(name) } => match FileId::parse(dir, name) {
                Some(file) => self.reconcile(files, file, true),
                None => self.judge_name(files, dir, name),
            },
            WatchEvent::Vanished { dir, name: Some(name) } => match FileId::parse(dir, name) {
                Some(file) => self.reconcile(files, file, false),
                None => self.judge_name(files, dir, name),
            },
            WatchEvent::Altered { dir, name: None } | WatchEvent::Vanished { dir, name: None } => {
                self.judge_dir(files, dir)
            }
        }
    }

    /// Checks everything, because it is not known what has changed.
    fn rescan(&self, files: &FileStore) -> Result<(), FsError> {
        files.forget_arrivals();
        let mut all = files.held_below("");
        all.extend(files.list()?);
        for file in all {
            self.reconcile(files, file, false)?;
        }
        self.tell(&CacheEvent::Rescanned);
        Ok(())
    }

    /// Evicts a file if it is not as it was left. One that was written in place is not, whatever it looks like now:
    /// we never do that.
    fn reconcile(&self, files: &FileStore, file: FileId, altered: bool) -> Result<(), FsError> {
        let mut index = self.index();
        let sign = match files.judge(file)? {
            // Told before the arrival of the file that is there now, it is about one that is gone.
            None if altered && files.holds(file) && !files.is_arriving(file) => Sign::Altered,
            None => return Ok(()),
            Some(sign) => sign,
        };
        let mut removed = match file.kind {
            FileKind::Record => index.remove(&file.name).into_iter().collect(),
            FileKind::Content => index.remove_sharing(&file.name),
        };
        if removed.is_empty() && file.kind == FileKind::Content {
            removed.push(Removed { entry: NO_ENTRY, content: Some(file.name) });
        } else if removed.is_empty() {
            removed.push(Removed { entry: file.name, content: None });
        }
        self.discard(&removed)?;
        drop(index);
        self.tell(&tampered(file, None, sign));
        Ok(())
    }

    /// Looks at a name in the directories that is no file of ours.
    fn judge_name(&self, files: &FileStore, dir: &str, name: &str) -> Result<(), FsError> {
        let depth = if dir.is_empty() { 0 } else { dir.split('/').count() };
        if depth == 0 && (name == STAGING || name == LOCK_FILE) {
            return Ok(());
        }
        if depth < 2 && is_fan_out(name) {
            let label = if depth == 0 { name.to_owned() } else { format!("{dir}/{name}") };
            return self.judge_dir(files, &label);
        }
        if files.remove_intruder(dir, name)? {
            let place = format!("{dir}/{name}");
            self.tell(&CacheEvent::Tampered { place, key: None, sign: Sign::Intruder });
        }
        Ok(())
    }

    fn judge_dir(&self, files: &FileStore, label: &str) -> Result<(), FsError> {
        let opened = match files.close_dir(label) {
            Ok(opened) => opened,
            Err(error) if error.is_not_found() => false,
            Err(FsError::Io { .. } | FsError::SymlinkRefused { .. } | FsError::WrongOwner { .. }) => {
                let (dir, name) = label.rsplit_once('/').unwrap_or(("", label));
                files.remove_intruder(dir, name)?
            }
            Err(error) => return Err(error),
        };
        if opened {
            let place = label.to_owned();
            self.tell(&CacheEvent::Tampered { place, key: None, sign: Sign::OpenDirectory });
        }
        files.forget_dirs(label);
        for file in files.held_below(label) {
            self.reconcile(files, file, false)?;
        }
        Ok(())
    }
}

pub(super) fn tampered(file: FileId, key: Option<&EntryKey>, sign: Sign) -> CacheEvent {
    CacheEvent::Tampered { place: file.place(), key: key.cloned(), sign }
}

/// What `casemate_fs::Dir::lock` calls its file.
const LOCK_FILE: &str = "lock";
