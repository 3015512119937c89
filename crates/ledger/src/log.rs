//! The log: entries in order, as C2SP tiles under a signed checkpoint.
//!
//! ```text
//!   append:  entries -> bundles of entries -> hash tiles -> checkpoint, written last
//!                       \________ immutable, each written once ________/
//! ```
//!
//! A crash before the checkpoint leaves files that no checkpoint covers; the next append writes the same ones, or
//! refuses if they would differ, because then something else was about to be signed before.

use std::sync::Arc;

use casemate_model::{Digest, StoreError};

use crate::merkle::{Frontier, consistency_plan, inclusion_plan};
use crate::tile::{TILE_WIDTH, push_entry};
use crate::{
    Checkpoint, CheckpointError, Entry, NodeKey, TilePath, TileStore, TreeHash, verify_consistency,
    verify_inclusion,
};

mod edge;
mod reader;

pub(crate) use edge::Edge;
pub use edge::EntryProblem;
pub(crate) use reader::{ReadError, Reader};

/// Appends to a log and proves what is in it. One per log directory.
pub struct Log<S> {
    store: S,
    key: Arc<NodeKey>,
    edge: Edge,
    checkpoint: Checkpoint,
    /// What was about to be signed when writing the checkpoint failed. It may have been written all the same.
    unsettled: Option<(Edge, Checkpoint)>,
}

/// That an entry is in the log: the entry, its proof and the checkpoint that the proof leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's number.
    pub sequence: u64,
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// The proof, lowest hash first.
    pub hashes: Vec<TreeHash>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// Why the log could not do what was asked. After a failed append, ask for its size again before the next one.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An entry cannot follow those in the log.
    #[error("entry {sequence} cannot be appended to the log")]
    Entry {
        /// The number that the log has for the entry.
        sequence: u64,
        /// What is wrong with it.
        #[source]
        source: EntryProblem,
    },
    /// The checkpoint does not cover that much yet.
    #[error("the log's checkpoint covers {size} entries, not yet entry {sequence}")]
    NotCovered {
        /// The entry asked for.
        sequence: u64,
        /// How many entries the checkpoint covers.
        size: u64,
    },
    /// A file of the log is missing, or is not what the checkpoint covers.
    #[error("the log's file `{path}` is missing or damaged: run `casemate audit verify`")]
    Damaged {
        /// The file.
        path: TilePath,
    },
    /// The stored checkpoint is not one of this node.
    #[error("the log's checkpoint cannot be used: run `casemate audit verify`")]
    Checkpoint(#[from] CheckpointError),
    /// Files exist that contradict what is to be signed: the log or the entries went back in time.
    #[error(
        "the log's file `{path}` already holds something else, so nothing was signed: run `casemate audit verify`"
    )]
    Fork {
        /// The file.
        path: TilePath,
    },
    /// The given checkpoint is not of this log's past.
    #[error("the checkpoint over {size} entries is of another history than this log")]
    OtherHistory {
        /// Entries that it covers.
        size: u64,
    },
    /// There are entries without a checkpoint.
    #[error("the log's checkpoint is gone although `{path}` exists: run `casemate audit verify`")]
    CheckpointMissing {
        /// A file that shows that there was a log.
        path: TilePath,
    },
    /// The stored checkpoint is not the one that this log wrote last.
    #[error("the log's checkpoint was changed by somebody else, so nothing was signed")]
    Overtaken,
    /// The files could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: TileStore> Log<S> {
    /// Opens the log in `store`, or begins one if the store is empty. The newest files are checked against the
    /// checkpoint; a log that was damaged or signed by another key is refused.
    pub fn open(store: S, key: Arc<NodeKey>) -> Result<Self, LogError> {
        let Some(text) = store.read(TilePath::Checkpoint)? else {
            return Self::begin(store, key);
        };
        let text = String::from_utf8(text).map_err(|_| LogError::Damaged { path: TilePath::Checkpoint })?;
        let checkpoint = Checkpoint::open(&text, key.public_key())?;
        let edge = Edge::load(&Reader::new(&store, checkpoint.size()))?;
        if edge.frontier().root() != checkpoint.root() {
            return Err(LogError::Damaged { path: TilePath::Checkpoint });
        }
        let log = Self { store, key, edge, checkpoint, unsettled: None };
        if let Some(last) = log.size().checked_sub(1) {
            log.prove(last)?;
        }
        Ok(log)
    }

    fn begin(store: S, key: Arc<NodeKey>) -> Result<Self, LogError> {
        for width in 1..=TILE_WIDTH {
            let path = TilePath::Entries { index: 0, width };
            if store.read(path)?.is_some() {
                return Err(LogError::CheckpointMissing { path });
            }
        }
        let edge = Edge::new();
        let checkpoint = Checkpoint::sign(0, edge.frontier().root(), &key);
        store.write(TilePath::Checkpoint, checkpoint.as_str().as_bytes())?;
        Ok(Self { store, key, edge, checkpoint, unsettled: None })
    }

    /// How many entries the log has, which is the number of the next one.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The digest of the last entry, which the next one names; [`Entry::NO_PREVIOUS`] if there is none.
    pub fn head(&self) -> Digest {
        self.edge.head()
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The files of the log.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Appends the canonical bytes of the next entries, signs a checkpoint over them and makes it all durable.
    /// Callers pass a few thousand at most, since they are held in memory.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<&Checkpoint, LogError> {
        if entries.is_empty() {
            return Ok(&self.checkpoint);
        }
        self.settle()?;
        let mut edge = self.edge.clone();
        let mut filled = Vec::new();
        for entry in entries {
            let sequence = edge.frontier().size();
            filled.extend(edge.push(entry).map_err(|source| LogError::Entry { sequence, source })?);
        }
        for (path, bytes) in filled.iter().chain(&edge.partial_files()) {
            self.write_once(*path, bytes)?;
        }
        let checkpoint = Checkpoint::sign(edge.frontier().size(), edge.frontier().root(), &self.key);
        self.unsettled = Some((edge, checkpoint));
        self.settle()?;
        for (path, _) in filled {
            // The append has succeeded; partial files that stay cost space and nothing else.
            let _ = self.store.remove_partials(path);
        }
        Ok(&self.checkpoint)
    }

    /// Makes sure that the stored checkpoint is this log's own, and finishes writing one that was begun.
    fn settle(&mut self) -> Result<(), LogError> {
        let stored = self.store.read(TilePath::Checkpoint)?;
        let is_stored = |own: &Checkpoint| stored.as_deref() == Some(own.as_str().as_bytes());
        let begun = self.unsettled.as_ref().is_some_and(|(_, next)| is_stored(next));
        // Whoever else wrote a checkpoint may have signed other entries: signing on would be a fork.
        if !begun && !is_stored(&self.checkpoint) {
            return Err(LogError::Overtaken);
        }
        if let Some((edge, next)) = self.unsettled.take() {
            let written = self.store.write(TilePath::Checkpoint, next.as_str().as_bytes());
            if let Err(error) = written {
                self.unsettled = Some((edge, next));
                return Err(error.into());
            }
            (self.edge, self.checkpoint) = (edge, next);
        }
        Ok(())
    }

    fn write_once(&self, path: TilePath, bytes: &[u8]) -> Result<(), LogError> {
        match self.store.read(path)? {
            None => Ok(self.store.write(path, bytes)?),
            Some(stored) if stored == bytes => Ok(()),
            Some(_) => Err(LogError::Fork { path }),
        }
    }

    /// Proves that the entry `sequence` is in the log. The proof is checked before it is returned.
    pub fn prove(&self, sequence: u64) -> Result<Inclusion, LogError> {
        self.prove_under(sequence, &self.checkpoint)
    }

    /// The same under an older checkpoint of this log, such as one that witnesses have seen.
    pub fn prove_under(&self, sequence: u64, checkpoint: &Checkpoint) -> Result<Inclusion, LogError> {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        if sequence >= size || size > self.size() {
            return Err(LogError::NotCovered { sequence, size });
        }
        let mut reader = Reader::new(&self.store, size);
        let entry = reader.entry(sequence)?;
        let hashes = reader.ranges(&inclusion_plan(sequence, size))?;
        if verify_inclusion(TreeHash::of_leaf(&entry), sequence, size, &hashes, root).is_err() {
            let path = TilePath::Entries { index: sequence / u64::from(TILE_WIDTH), width: TILE_WIDTH };
            return Err(LogError::Damaged { path });
        }
        Ok(Inclusion { sequence, entry, hashes, checkpoint: checkpoint.clone() })
    }

    /// Proves that the first `old` entries of this log begin its first `new` ones, for somebody who knows both roots.
    pub fn prove_growth(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, LogError> {
        if old > new || new > self.size() {
            return Err(LogError::NotCovered { sequence: old.max(new).saturating_sub(1), size: self.size() });
        }
        Ok(Reader::new(&self.store, new).ranges(&consistency_plan(old, new))?)
    }

    /// Proves that the log of `old` is the beginning of this one, for [`verify_consistency`]. A checkpoint that is
    /// of another history has no proof.
    pub fn prove_consistency(&self, old: &Checkpoint) -> Result<Vec<TreeHash>, LogError> {
        let (size, root) = (self.size(), self.checkpoint.root());
        if old.size() > size {
            return Err(LogError::NotCovered { sequence: old.size() - 1, size });
        }
        let hashes = Reader::new(&self.store, size).ranges(&consistency_plan(old.size(), size))?;
        match verify_consistency((old.size(), old.root()), (size, root), &hashes) {
            Ok(()) => Ok(hashes),
            Err(_) => Err(LogError::OtherHistory { size: old.size() }),
        }
    }
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { path } => Self::Damaged { path },
            ReadError::Store(error) => Self::Store(error),
        }
    }
}

#[cfg(test)]
mod tests;
