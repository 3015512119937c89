//! The cache itself, over whatever store: names, signs, encrypts, verifies, expires, makes room.

mod adopt;
mod read;
mod tamper;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use casemate_fs::{FsError, SealedBytes};
use casemate_model::Digest;
use zeroize::Zeroizing;

use crate::cache::{Cache, CacheUsage, Put};
use crate::event::{CacheEvent, Step};
use crate::index::{Arrival, Index, NO_ENTRY, Name, Removed, Slot};
use crate::record::{Method, Record};
use crate::secret::{Keys, hashes_to};
use crate::store::{FileId, Staged, Store};
use crate::{CacheError, EntryKey, Surroundings};
use casemate_encryption::frames::{self, WRAPPED_BYTES};

/// One cache, whose parts were chosen by its configuration.
pub(crate) struct Vault {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Keys,
    pub(crate) method: Method,
    pub(crate) entry_lifetime: Duration,
    pub(crate) around: Surroundings,
    /// Held while files get or lose names, so that it and the store agree; never while content is read or written.
    pub(crate) index: Mutex<Index>,
}

/// A key in the forms that are needed.
struct Subject<'a> {
    key: &'a EntryKey,
    identity: Vec<u8>,
    entry: Name,
}

impl Cache for Vault {
    fn put(&self, key: &EntryKey, content: &[u8]) -> Result<Put, CacheError> {
        check_content(key, content)?;
        let subject = self.subject(key);
        if self.find(&subject.entry)?.is_some() {
            return Ok(Put::Held);
        }
        if !self.index().could_hold(self.stored_len(content.len() as u64)) {
            return Ok(Put::NotKept);
        }
        let (record, signature, sealed) = self.new_record(&subject, content.len() as u64);
        let content_file = self.stage_content(&subject, &record, content, sealed.frame_key)?;
        let bytes = sealed.record;
        let record_file =
            self.store.stage(FileId::record(subject.entry), &mut |into| into.write_all(&bytes))?;
        self.around.watcher.step(Step::Staged);
        let arrival = Arrival {
            entry: subject.entry,
            content: record.blob,
            content_bytes: self.stored_len(record.content_len),
            signature,
            ends: self.around.clock.uptime().saturating_add(self.entry_lifetime),
        };
        self.commit(arrival, content_file, record_file)
    }

    fn get(&self, key: &EntryKey) -> Result<Option<SealedBytes>, CacheError> {
        let subject = self.subject(key);
        for _ in 0..ATTEMPTS {
            let Some(slot) = self.find(&subject.entry)? else { return Ok(None) };
            self.around.watcher.step(Step::Found);
            match self.read(&subject, &slot)? {
                Ok(bytes) => return Ok(Some(bytes)),
                // If it was exchanged by one of us meanwhile, the new one is read.
                Err(fault) if self.handle(fault, &subject, &slot)? => return Ok(None),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn forget(&self, key: &EntryKey) -> Result<bool, CacheError> {
        let subject = self.subject(key);
        let mut index = self.index();
        let Some(removed) = index.remove(&subject.entry) else { return Ok(false) };
        self.discard(&[removed])?;
        Ok(true)
    }

    fn usage(&self) -> CacheUsage {
        self.index().usage()
    }
}

/// What goes with a new record.
struct NewEntry {
    record: [u8; crate::record::RECORD_BYTES],
    frame_key: frames::FrameKey,
}

impl Vault {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject<'a>(&self, key: &'a EntryKey) -> Subject<'a> {
        let identity = key.identity();
        let entry = self.keys.name("entry", &identity);
        Subject { key, identity, entry }
    }

    /// How many bytes content takes in the store.
    fn stored_len(&self, content_len: u64) -> u64 {
        match self.method {
            Method::Plain => content_len,
            Method::Frames => frames::stored_len(content_len),
        }
    }

    /// Looks for an entry and makes it the most recently used. One that outlived its time is removed.
    fn find(&self, entry: &Name) -> Result<Option<Slot>, CacheError> {
        let mut index = self.index();
        let Some(slot) = index.touch(entry) else { return Ok(None) };
        if self.around.clock.uptime() < slot.ends {
            return Ok(Some(slot));
        }
        let removed = index.remove(entry);
        self.discard(removed.as_slice())?;
        drop(index);
        self.tell(&CacheEvent::Expired { place: FileId::record(*entry).place() });
        Ok(None)
    }

    fn new_record(&self, subject: &Subject<'_>, content_len: u64) -> (Record, [u8; 32], NewEntry) {
        let mut frame_key = Zeroizing::new([0; 32]);
        let mut wrapped = [0; WRAPPED_BYTES];
        // Encrypted content is bound to its entry, so only plain content can be shared by entries.
        let blob = match self.method {
            Method::Plain => self.keys.name("content", subject.key.digest().as_bytes()),
            Method::Frames => {
                let mut nonce = [0; 24];
                self.around.entropy.fill(frame_key.as_mut_slice());
                self.around.entropy.fill(&mut nonce);
                wrapped = frames::wrap(&self.keys.wrap, &subject.identity, nonce, &frame_key);
                subject.entry
            }
        };
        let created = self.around.clock.now();
        let record = Record {
            method: self.method,
            created,
            expires: created.saturating_add(self.entry_lifetime),
            pid: self.around.pid,
            uid: self.around.uid,
            content_len,
            entry: subject.entry,
            blob,
            wrapped,
        };
        let sealed = record.seal(&self.keys);
        let signature = signature_of(&sealed);
        (record, signature, NewEntry { record: sealed, frame_key })
    }

    /// Writes the content's file, unless it is there for another entry.
    fn stage_content<'a>(
        &'a self,
        subject: &Subject<'_>,
        record: &Record,
        content: &[u8],
        frame_key: frames::FrameKey,
    ) -> Result<Option<Box<dyn Staged + 'a>>, CacheError> {
        if self.index().holds_content(&record.blob) {
            return Ok(None);
        }
        let mut fill = |into: &mut dyn std::io::Write| match record.method {
            Method::Plain => into.write_all(content),
            Method::Frames => frames::write(&frame_key, &subject.identity, content, into),
        };
        Ok(Some(self.store.stage(FileId::content(record.blob), &mut fill)?))
    }

    /// Gives the files their names, content first, and makes room.
    fn commit(
        &self,
        arrival: Arrival,
        content: Option<Box<dyn Staged + '_>>,
        record: Box<dyn Staged + '_>,
    ) -> Result<Put, CacheError> {
        let mut index = self.index();
        let shared = index.holds_content(&arrival.content);
        match content {
            // Another thread has put the same meanwhile; its content and record belong together.
            _ if index.slot(&arrival.entry).is_some() => return Ok(Put::Held),
            Some(content) if !shared => content.commit()?,
            Some(_) => {}
            // The content that was to be shared was evicted meanwhile. The next put writes it.
            None if !shared => return Ok(Put::NotKept),
            None => {}
        }
        if let Err(error) = record.commit() {
            if !shared {
                self.discard(&[Removed { entry: NO_ENTRY, content: Some(arrival.content) }])?;
            }
            return Err(error.into());
        }
        let evicted = index.insert(arrival);
        self.discard(&evicted)?;
        drop(index);
        if !evicted.is_empty() {
            self.tell(&CacheEvent::Evicted { entries: evicted.len() });
        }
        Ok(Put::Stored)
    }

    /// Removes the files of entries that are in the index no more. The index is to be held meanwhile.
    fn discard(&self, removed: &[Removed]) -> Result<(), FsError> {
        for removed in removed {
            if removed.entry != NO_ENTRY {
                self.store.remove(FileId::record(removed.entry))?;
            }
            if let Some(content) = removed.content {
                self.store.remove(FileId::content(content))?;
            }
        }
        Ok(())
    }

    fn tell(&self, event: &CacheEvent) {
        self.around.watcher.event(event);
    }
}

/// Fails unless content is what its key says.
pub(crate) fn check_content(key: &EntryKey, content: &[u8]) -> Result<(), CacheError> {
    if hashes_to(content, key.digest()) {
        return Ok(());
    }
    Err(CacheError::WrongContent { expected: key.digest(), found: Digest::of(content) })
}

/// The last bytes of a record, by which it is known again.
fn signature_of(record: &[u8; crate::record::RECORD_BYTES]) -> [u8; 32] {
    *record.last_chunk().expect("a record is longer than its signature")
}

/// How often an entry may be exchanged by other threads while it is read.
const ATTEMPTS: usize = 4;
