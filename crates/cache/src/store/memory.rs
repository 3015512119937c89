//! Records and contents in this process's memory. No file, no name, no other user.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casemate_fs::FsError;
use zeroize::Zeroizing;

use super::{FileId, Fill, Opened, Staged, Store};

#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<HashMap<FileId, Bytes>>);

#[derive(Clone)]
struct Bytes(Arc<Zeroizing<Vec<u8>>>);

impl MemoryStore {
    fn files(&self) -> MutexGuard<'_, HashMap<FileId, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn stage<'a>(&'a self, file: FileId, fill: Fill<'_>) -> Result<Box<dyn Staged + 'a>, FsError> {
        let mut bytes = Zeroizing::new(Vec::new());
        fill(&mut *bytes).map_err(|source| FsError::Io { action: "write", path: "memory".into(), source })?;
        Ok(Box::new(StagedMemory { store: self, file, bytes: Bytes(Arc::new(bytes)) }))
    }

    fn open(&self, file: FileId) -> Result<Opened, FsError> {
        let Some(bytes) = self.files().get(&file).cloned() else { return Ok(Opened::Missing) };
        let len = bytes.0.len() as u64;
        Ok(Opened::File { reader: Box::new(Cursor::new(bytes)), len })
    }

    fn remove(&self, file: FileId) -> Result<(), FsError> {
        self.files().remove(&file);
        Ok(())
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct StagedMemory<'a> {
    store: &'a MemoryStore,
    file: FileId,
    bytes: Bytes,
}

impl Staged for StagedMemory<'_> {
    fn commit(self: Box<Self>) -> Result<(), FsError> {
        self.store.files().insert(self.file, self.bytes);
        Ok(())
    }
}
