//! Where a log's bytes lie: the paths and files of C2SP tlog-tiles, and the port to whoever keeps them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use casemate_model::StoreError;

use crate::{Entry, TreeHash};

/// Hashes, or entries, of a full tile.
pub(crate) const TILE_WIDTH: u16 = 256;

/// One file of a log. Text form: its path below the log's directory, as C2SP tlog-tiles spells it.
///
/// ```text
///   checkpoint                     the signed head
///   tile/<level>/<index>           256 hashes                 tile/0/x001/x234/067
///   tile/<level>/<index>.p/<width> the first of them          tile/0/x001/x234/067.p/44
///   tile/entries/<index>[.p/…]     the entries themselves     tile/entries/000.p/3
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// The newest signed checkpoint.
    Checkpoint,
    /// Hashes.
    Hashes {
        /// The level of tiles: 0 holds leaf hashes, each further level the roots of the tiles below.
        level: u8,
        /// Which tile of the level.
        index: u64,
        /// How many hashes, 1 to 256; fewer than 256 make a partial tile.
        width: u16,
    },
    /// Entries.
    Entries {
        /// Which bundle of entries.
        index: u64,
        /// How many entries, 1 to 256; fewer than 256 make a partial bundle.
        width: u16,
    },
}

/// Text that is no [`TilePath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a file of the log")]
pub struct TilePathError(String);

/// Reads the files of a log.
pub trait TileSource: Send + Sync {
    /// Reads a whole file; `None` if there is none. Must refuse to read more than [`TilePath::bytes_max`].
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Keeps the files of a log. One [`Log`](crate::Log) writes to it at a time.
pub trait TileStore: TileSource {
    /// Makes `bytes` the content of the file, atomically and durably: when this returns, a crash keeps it, and
    /// at no time does anybody read a part of it. Only the checkpoint is ever written twice.
    fn write(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes the partial forms of `full`, which is full and written. Must do nothing if there are none.
    fn remove_partials(&self, full: TilePath) -> Result<(), StoreError>;
}

impl<S: TileSource + ?Sized> TileSource for Arc<S> {
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(path)
    }
}

impl<S: TileStore + ?Sized> TileStore for Arc<S> {
    fn write(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        (**self).write(path, bytes)
    }

    fn remove_partials(&self, full: TilePath) -> Result<(), StoreError> {
        (**self).remove_partials(full)
    }
}

impl TilePath {
    /// Most bytes that the file can have.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Checkpoint => crate::Checkpoint::BYTES_MAX,
            Self::Hashes { width, .. } => width as usize * TreeHash::BYTES,
            Self::Entries { width, .. } => width as usize * (2 + Entry::BYTES_MAX),
        }
    }

    /// How many items the file holds; the checkpoint is one.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Checkpoint => 1,
            Self::Hashes { width, .. } | Self::Entries { width, .. } => width.into(),
        }
    }

    /// The full tile of which this is a part; itself if it is full, or the checkpoint.
    pub(crate) const fn full(self) -> Self {
        match self {
            Self::Checkpoint => Self::Checkpoint,
            Self::Hashes { level, index, .. } => Self::Hashes { level, index, width: TILE_WIDTH },
            Self::Entries { index, .. } => Self::Entries { index, width: TILE_WIDTH },
        }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match *self {
            Self::Checkpoint => return f.write_str("checkpoint"),
            Self::Hashes { level, index, width } => {
                write!(f, "tile/{level}/")?;
                (index, width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (index, width)
            }
        };
        write_index(f, index)?;
        if width < TILE_WIDTH {
            write!(f, ".p/{width}")?;
        }
        Ok(())
    }
}

/// Groups of three digits, all but the last with an `x` before them.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    while let Some(group) = groups.pop() {
        if groups.is_empty() {
            write!(f, "{group:03}")?;
        } else {
            write!(f, "x{group:03}/")?;
        }
    }
    Ok(())
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Other spellings, such as a leading zero, do not print back to themselves.
        let path = parse(text).filter(|path| path.to_string() == text);
        path.ok_or_else(|| TilePathError(crate::text::escape(text, 80)))
    }
}

fn parse(text: &str) -> Option<TilePath> {
    if text == "checkpoint" {
        return Some(TilePath::Checkpoint);
    }
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (rest, TILE_WIDTH),
    };
    let index = parse_index(index)?;
    if kind == "entries" {
        return Some(TilePath::Entries { index, width });
    }
    let level: u8 = kind.parse().ok()?;
    (level < LEVELS_MAX).then_some(TilePath::Hashes { level, index, width })
}

fn parse_index(text: &str) -> Option<u64> {
    let mut index: u64 = 0;
    for group in text.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

/// Takes the bytes of a hash tile apart; `None` if they are not a whole number of hashes.
pub(crate) fn parse_hashes(bytes: &[u8]) -> Option<Vec<TreeHash>> {
    let (hashes, rest) = bytes.as_chunks();
    rest.is_empty().then(|| hashes.iter().map(|hash| TreeHash::from_bytes(*hash)).collect())
}

/// Adds an entry to the bytes of a bundle of entries: its length (u16, big-endian) and its bytes.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("an entry has at most 65,535 bytes");
    bundle.extend(length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Takes a bundle of entries apart; `None` if it does not consist of whole entries.
pub(crate) fn parse_entries(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    Some(entries)
}

/// A tree of 2^64 entries has eight levels of tiles.
const LEVELS_MAX: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_follow_c2sp_tlog_tiles() {
        for (path, text) in [
            (TilePath::Checkpoint, "checkpoint"),
            (TilePath::Hashes { level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"),
            (TilePath::Hashes { level: 3, index: 0, width: 1 }, "tile/3/000.p/1"),
            (TilePath::Entries { index: 999, width: 256 }, "tile/entries/999"),
            (TilePath::Entries { index: 1000, width: 255 }, "tile/entries/x001/000.p/255"),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse(), Ok(path));
        }
    }

    #[test]
    fn other_spellings_and_ways_out_are_refused() {
        for text in [
            "",
            "Checkpoint",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/0",
            "tile/00/000",
            "tile/8/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/000/",
            "tile/entries/../../checkpoint",
            "/checkpoint",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(TilePathError(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn any_path_round_trips(level in 0u8..8, index: u64, width in 1u16..=256) {
            for path in [TilePath::Hashes { level, index, width }, TilePath::Entries { index, width }] {
                prop_assert_eq!(path.to_string().parse(), Ok(path));
            }
        }

        #[test]
        fn arbitrary_bundles_never_panic(bytes: Vec<u8>) {
            let whole = parse_entries(&bytes).map(|entries| {
                let mut again = Vec::new();
                entries.iter().for_each(|entry| push_entry(&mut again, entry));
                again
            });
            prop_assert!(whole.is_none_or(|again| again == bytes));
        }
    }
}
