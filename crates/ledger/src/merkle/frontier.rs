use super::{TreeHash, subtree_root};
use crate::TilePath;
use crate::tile::TILE_WIDTH;

/// The right edge of a growing tree: for each level of tiles, the hashes that do not fill a tile yet.
///
/// ```text
///   levels[1]   h0 h1 … (each the root of a full tile of levels[0])     fewer than 256
///   levels[0]   leaf hashes after the last full tile                    fewer than 256
/// ```
///
/// It is all that is needed to append, to give the root, and to write every tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    levels: Vec<Vec<TreeHash>>,
}

impl Frontier {
    pub(crate) fn new() -> Self {
        Self { size: 0, levels: Vec::new() }
    }

    /// Rebuilds the edge of a tree of `size` leaves, reading each partial tile from `tile`.
    pub(crate) fn load<E>(
        size: u64,
        mut tile: impl FnMut(TilePath) -> Result<Vec<TreeHash>, E>,
    ) -> Result<Self, E> {
        let mut levels = Vec::new();
        for (level, count) in counts(size) {
            levels.push(match partial(level, count) {
                Some(path) => tile(path)?,
                None => Vec::new(),
            });
        }
        Ok(Self { size, levels })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The leaf hashes after the last full tile.
    pub(crate) fn leaves(&self) -> &[TreeHash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Appends a leaf and returns the tiles that it filled, lowest first.
    pub(crate) fn push(&mut self, leaf: TreeHash) -> Vec<(TilePath, Vec<u8>)> {
        let mut filled = Vec::new();
        let mut carried = leaf;
        for level in 0.. {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[usize::from(level)];
            hashes.push(carried);
            if hashes.len() < usize::from(TILE_WIDTH) {
                break;
            }
            let index = self.size >> (8 * (u32::from(level) + 1));
            let path = TilePath::Hashes { level, index, width: TILE_WIDTH };
            filled.push((path, tile_bytes(hashes)));
            carried = subtree_root(hashes);
            hashes.clear();
        }
        self.size += 1;
        filled
    }

    /// The tiles that are not full, lowest first.
    pub(crate) fn partial_tiles(&self) -> Vec<(TilePath, Vec<u8>)> {
        let mut tiles = Vec::new();
        for ((level, count), hashes) in counts(self.size).zip(&self.levels) {
            if let Some(path) = partial(level, count) {
                tiles.push((path, tile_bytes(hashes)));
            }
        }
        tiles
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> TreeHash {
        let mut peaks = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (peak, after) = rest.split_at(1 << rest.len().ilog2());
                peaks.push(subtree_root(peak));
                rest = after;
            }
        }
        super::fold_right(&peaks)
    }
}

/// Each level of tiles and how many hashes it has in a tree of `size` leaves.
fn counts(size: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..8u8).map(move |level| (level, size >> (8 * level))).take_while(|(_, count)| *count > 0)
}

fn partial(level: u8, count: u64) -> Option<TilePath> {
    let width = u16::try_from(count % u64::from(TILE_WIDTH)).expect("less than 256");
    let index = count / u64::from(TILE_WIDTH);
    (width > 0).then_some(TilePath::Hashes { level, index, width })
}

fn tile_bytes(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
