//! Taking over what an earlier process kept: everything is verified, nothing is believed.

use std::collections::HashSet;

use casemate_fs::FsError;

use super::Vault;
use super::read::Fault;
use super::tamper::tampered;
use crate::CacheError;
use crate::event::{CacheEvent, Sign};
use crate::index::{Arrival, NO_ENTRY, Removed};
use crate::record::Record;
use crate::store::files::FileStore;
use crate::store::{FileId, FileKind};

impl Vault {
    /// Fills the index from the records in the store, oldest first.
    pub(crate) fn adopt(&self, files: &FileStore) -> Result<(), CacheError> {
        let (records, contents): (Vec<_>, Vec<_>) =
            files.list()?.into_iter().partition(|file| file.kind == FileKind::Record);
        let mut adopted = Vec::new();
        let mut met_foreign = false;
        for file in records {
            files.adopt(file)?;
            match self.read_record(file)? {
                Ok((record, signature)) => adopted.push((record, signature)),
                Err(Fault::Tampered(_, sign)) => self.reject(file, &tampered(file, None, sign))?,
                Err(Fault::Foreign | Fault::Expired) => {
                    met_foreign = true;
                    self.tell(&CacheEvent::Foreign { place: file.place() });
                }
            }
        }
        adopted.sort_by_key(|(record, _)| record.created);
        let mut wanted = HashSet::new();
        for (record, signature) in adopted {
            wanted.extend(self.adopt_one(files, &record, signature)?);
        }
        if !met_foreign {
            self.remove_orphans(contents.into_iter().filter(|file| !wanted.contains(&file.name)))?;
        }
        Ok(())
    }

    /// Takes a record into the index if it holds; gives the name of its content then.
    fn adopt_one(
        &self,
        files: &FileStore,
        record: &Record,
        signature: [u8; 32],
    ) -> Result<Option<[u8; 32]>, CacheError> {
        let file = FileId::record(record.entry);
        if !self.is_current(record) {
            self.reject(file, &CacheEvent::Expired { place: file.place() })?;
            return Ok(None);
        }
        let content = FileId::content(record.blob);
        let fault = match files.adopt(content)? {
            None => Some(Sign::Missing),
            Some(found) if found.len() != self.stored_len(record.content_len) => Some(Sign::Broken),
            Some(_) if record.method != self.method => Some(Sign::Broken),
            Some(_) => None,
        };
        if let Some(sign) = fault {
            self.reject(file, &tampered(content, None, sign))?;
            return Ok(None);
        }
        let left = record.expires.saturating_since(self.around.clock.now());
        let evicted = self.index().insert(Arrival {
            entry: record.entry,
            content: record.blob,
            content_bytes: self.stored_len(record.content_len),
            signature,
            ends: self.around.clock.uptime().saturating_add(left),
        });
        self.discard(&evicted)?;
        Ok(Some(record.blob))
    }

    fn reject(&self, file: FileId, event: &CacheEvent) -> Result<(), FsError> {
        self.store.remove(file)?;
        self.tell(event);
        Ok(())
    }

    /// Removes contents that no record names: a crash came between the two, or their records were rejected.
    fn remove_orphans(&self, orphans: impl Iterator<Item = FileId>) -> Result<(), FsError> {
        for orphan in orphans {
            self.discard(&[Removed { entry: NO_ENTRY, content: Some(orphan.name) }])?;
        }
        Ok(())
    }
}
