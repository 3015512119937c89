//! A log's files in memory, under the test's control, and entries to put there.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use casemate_model::{PrincipalKind, Project, StoreError, Timestamp};

use crate::{Decision, Entry, Event, TilePath, TileSource, TileStore};

/// The bytes of the first `count` entries of a log, each of which says `word` and its number.
pub fn plain_entries(count: u64, word: &str) -> Vec<Vec<u8>> {
    let mut previous = Entry::NO_PREVIOUS;
    let entry = |sequence| {
        let event = Event {
            time: Timestamp::EPOCH,
            request: "req_01kg9ys7kv040g2081040g2081".parse().expect("this is an id"),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: "objects.put".into(),
            resource: "object:builds/app.wasm".to_owned(),
            decision: Decision::Allowed,
            outcome: format!("{word} {sequence}"),
            details: Vec::new(),
        };
        let bytes = Entry::new(sequence, previous, event).encode().expect("it is short");
        previous = Entry::digest_of(&bytes);
        bytes
    };
    (0..count).map(entry).collect()
}

/// Keeps the files of a log in memory; it can be told to fail, and lets a test change every file.
#[derive(Debug, Default)]
pub struct MemoryTiles {
    files: Mutex<BTreeMap<TilePath, Vec<u8>>>,
    changes_left: Mutex<Option<u64>>,
}

impl MemoryTiles {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds `files`.
    pub fn with(files: BTreeMap<TilePath, Vec<u8>>) -> Self {
        Self { files: Mutex::new(files), changes_left: Mutex::default() }
    }

    /// The files as they are now.
    pub fn files(&self) -> MutexGuard<'_, BTreeMap<TilePath, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `count` more changes succeed; each one after that fails and changes nothing, as in a crash.
    pub fn fail_after(&self, count: u64) {
        *self.changes_left.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
    }

    fn change(&self) -> Result<(), StoreError> {
        match &mut *self.changes_left.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(0) => {
                let source = std::io::Error::other("told to fail").into();
                Err(StoreError::Unavailable { action: "change the log's files", source })
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl TileSource for MemoryTiles {
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.files().get(&path).cloned())
    }
}

impl TileStore for MemoryTiles {
    fn write(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        self.change()?;
        self.files().insert(path, bytes.to_vec());
        Ok(())
    }

    fn remove_partials(&self, full: TilePath) -> Result<(), StoreError> {
        self.change()?;
        self.files().retain(|path, _| *path == full || path.full() != full);
        Ok(())
    }
}
