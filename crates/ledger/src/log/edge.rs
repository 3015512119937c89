use casemate_model::Digest;

use super::{Entry, Frontier, ReadError, Reader, TILE_WIDTH, TilePath, TreeHash, push_entry};
use crate::DecodeError;

/// The growing end of a log: what appending needs to know of everything before.
#[derive(Clone)]
pub(crate) struct Edge {
    frontier: Frontier,
    /// The entries after the last full bundle, as they stand in their file.
    bundle: Vec<u8>,
    head: Digest,
}

/// What is wrong with an entry where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// It is no entry.
    #[error("the bytes are no log entry")]
    Malformed(#[from] DecodeError),
    /// Its number is not that of its place.
    #[error("the number {found} stands in it")]
    Sequence {
        /// The number it carries.
        found: u64,
    },
    /// It does not link to the entry before it.
    #[error("its link does not name the entry before it")]
    Link,
}

impl Edge {
    /// The edge of the empty log.
    pub(crate) fn new() -> Self {
        Self { frontier: Frontier::new(), bundle: Vec::new(), head: Entry::NO_PREVIOUS }
    }

    /// The edge of the log that `reader` reads. The caller compares the root.
    pub(crate) fn load<S: crate::TileSource + ?Sized>(reader: &Reader<'_, S>) -> Result<Self, ReadError> {
        let size = reader.size();
        let frontier = Frontier::load(size, |path| reader.hashes(path))?;
        let Some(last) = size.checked_sub(1) else {
            return Ok(Self { frontier, ..Self::new() });
        };
        let index = last / u64::from(TILE_WIDTH);
        let width = u16::try_from(last % u64::from(TILE_WIDTH)).expect("less than 256") + 1;
        let path = TilePath::Entries { index, width };
        let entries = reader.entries(path)?;
        let head = entries.last().map(|entry| Entry::digest_of(entry)).ok_or(ReadError::Damaged { path })?;
        let mut bundle = Vec::new();
        if width < TILE_WIDTH {
            let leaves: Vec<_> = entries.iter().map(|entry| TreeHash::of_leaf(entry)).collect();
            if frontier.leaves() != leaves {
                return Err(ReadError::Damaged { path });
            }
            entries.iter().for_each(|entry| push_entry(&mut bundle, entry));
        }
        Ok(Self { frontier, bundle, head })
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(crate) fn head(&self) -> Digest {
        self.head
    }

    /// Adds the next entry, and returns the files that it filled.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<(TilePath, Vec<u8>)>, EntryProblem> {
        let entry = Entry::decode(bytes)?;
        let sequence = self.frontier.size();
        if entry.sequence != sequence {
            return Err(EntryProblem::Sequence { found: entry.sequence });
        }
        if entry.previous != self.head {
            return Err(EntryProblem::Link);
        }
        push_entry(&mut self.bundle, bytes);
        self.head = Entry::digest_of(bytes);
        let mut filled = Vec::new();
        if (sequence + 1).is_multiple_of(u64::from(TILE_WIDTH)) {
            let path = TilePath::Entries { index: sequence / u64::from(TILE_WIDTH), width: TILE_WIDTH };
            filled.push((path, std::mem::take(&mut self.bundle)));
        }
        filled.extend(self.frontier.push(TreeHash::of_leaf(bytes)));
        Ok(filled)
    }

    /// The files that are not full.
    pub(crate) fn partial_files(&self) -> Vec<(TilePath, Vec<u8>)> {
        let mut files = Vec::new();
        let size = self.frontier.size();
        let width = u16::try_from(size % u64::from(TILE_WIDTH)).expect("less than 256");
        if width > 0 {
            let path = TilePath::Entries { index: size / u64::from(TILE_WIDTH), width };
            files.push((path, self.bundle.clone()));
        }
        files.extend(self.frontier.partial_tiles());
        files
    }
}
