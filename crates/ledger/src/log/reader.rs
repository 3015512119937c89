use std::collections::HashMap;

use casemate_model::StoreError;

use super::{TILE_WIDTH, TilePath, TreeHash};
use crate::TileSource;
use crate::merkle::{Node, fold_right, subtree_root};
use crate::tile::{parse_entries, parse_hashes};

/// Reads the files of a log of a certain size. What it returns has the right form; whether it is what was signed
/// is for the caller to check against the root.
pub(crate) struct Reader<'a, S: ?Sized> {
    source: &'a S,
    size: u64,
    /// Tiles that this reader has seen, since neighbouring hashes of a proof stand in the same ones.
    seen: HashMap<TilePath, Vec<TreeHash>>,
}

/// Why a file of the log could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Damaged { path: TilePath },
    Store(StoreError),
}

impl<'a, S: TileSource + ?Sized> Reader<'a, S> {
    pub(crate) fn new(source: &'a S, size: u64) -> Self {
        Self { source, size, seen: HashMap::new() }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads a tile of exactly the path's width, from the full tile if the partial one was removed.
    pub(crate) fn hashes(&self, path: TilePath) -> Result<Vec<TreeHash>, ReadError> {
        let (bytes, width) = self.file(path)?;
        let hashes = parse_hashes(&bytes).filter(|hashes| hashes.len() == width);
        let mut hashes = hashes.ok_or(ReadError::Damaged { path })?;
        hashes.truncate(path.width());
        Ok(hashes)
    }

    /// Reads a bundle of exactly the path's width, from the full bundle if the partial one was removed.
    pub(crate) fn entries(&self, path: TilePath) -> Result<Vec<Vec<u8>>, ReadError> {
        let (bytes, width) = self.file(path)?;
        let entries = parse_entries(&bytes).filter(|entries| entries.len() == width);
        let mut entries = entries.ok_or(ReadError::Damaged { path })?;
        entries.truncate(path.width());
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// Reads one entry.
    pub(crate) fn entry(&self, sequence: u64) -> Result<Vec<u8>, ReadError> {
        let path = self.entries_path(sequence / u64::from(TILE_WIDTH));
        let place = usize::try_from(sequence % u64::from(TILE_WIDTH)).expect("less than 256");
        let mut entries = self.entries(path)?;
        if place >= entries.len() {
            return Err(ReadError::Damaged { path });
        }
        Ok(entries.swap_remove(place))
    }

    /// The bundle `index` as wide as it is in a log of this size.
    pub(crate) fn entries_path(&self, index: u64) -> TilePath {
        TilePath::Entries { index, width: width_of(self.size, index) }
    }

    /// The hash tile `index` of `level` as wide as it is in a log of this size.
    pub(crate) fn hashes_path(&self, level: u8, index: u64) -> TilePath {
        TilePath::Hashes { level, index, width: width_of(self.size >> (8 * u32::from(level)), index) }
    }

    /// Looks up the hashes of a proof.
    pub(crate) fn ranges(&mut self, plan: &[Vec<Node>]) -> Result<Vec<TreeHash>, ReadError> {
        let mut hashes = Vec::with_capacity(plan.len());
        for range in plan {
            let mut nodes = Vec::with_capacity(range.len());
            for node in range {
                nodes.push(self.node(*node)?);
            }
            hashes.push(fold_right(&nodes));
        }
        Ok(hashes)
    }

    fn node(&mut self, node: Node) -> Result<TreeHash, ReadError> {
        let (level, above) = (node.level / 8, node.level % 8);
        let first = node.index << above;
        let path = self.hashes_path(level, first / u64::from(TILE_WIDTH));
        if !self.seen.contains_key(&path) {
            let hashes = self.hashes(path)?;
            self.seen.insert(path, hashes);
        }
        let start = usize::try_from(first % u64::from(TILE_WIDTH)).expect("less than 256");
        let covered = self.seen[&path].get(start..start + (1 << above));
        covered.map(subtree_root).ok_or(ReadError::Damaged { path })
    }

    /// The bytes of a file, or of the full one that replaced it, and how many items they must hold.
    fn file(&self, path: TilePath) -> Result<(Vec<u8>, usize), ReadError> {
        for candidate in [path, path.full()] {
            match self.source.read(candidate) {
                Ok(Some(bytes)) if bytes.len() <= candidate.bytes_max() => {
                    return Ok((bytes, candidate.width()));
                }
                Ok(Some(_)) => break,
                Ok(None) => {}
                Err(error) => return Err(ReadError::Store(error)),
            }
        }
        Err(ReadError::Damaged { path })
    }
}

/// How many of `count` items stand in the tile `index`.
fn width_of(count: u64, index: u64) -> u16 {
    let after = count.saturating_sub(index * u64::from(TILE_WIDTH));
    u16::try_from(after.min(u64::from(TILE_WIDTH))).expect("at most 256")
}
