use casemate_model::Digest;

use super::{Place, Problem, VerifyError};
use crate::log::{Edge, Reader};
use crate::tile::TILE_WIDTH;
use crate::{Checkpoint, NodePublicKey, TilePath, TileSource, TreeHash};

/// What a whole log proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// The log's checkpoint.
    pub checkpoint: Checkpoint,
    /// The digest of the last entry, for comparing with the store that the log was made from.
    pub head: Digest,
}

/// Derives a log anew from its entries, one bundle at a time, and compares every link, hash, tile and the root with
/// what is stored under the checkpoint that `key` signed.
///
/// With `known`, a checkpoint seen earlier or elsewhere, a log that is shorter or has another history is refused.
/// Files beyond the checkpoint are ignored: a crash before the next checkpoint leaves them.
pub fn verify_log<S: TileSource + ?Sized>(
    source: &S,
    key: &NodePublicKey,
    known: Option<&Checkpoint>,
) -> Result<LogReport, VerifyError> {
    let checkpoint = read_checkpoint(source, key)?;
    if let Some(known) = known {
        refuse_older(known, &checkpoint)?;
    }
    let reader = Reader::new(source, checkpoint.size());
    let mut edge = Edge::new();
    for index in 0..checkpoint.size().div_ceil(u64::from(TILE_WIDTH)) {
        verify_entries(&reader, index, &mut edge, known)?;
    }
    for (path, bytes) in edge.partial_files() {
        compare_tile(&reader, path, &bytes)?;
    }
    if edge.frontier().root() != checkpoint.root() {
        return Err(VerifyError { place: Place::Checkpoint, problem: Problem::Root });
    }
    Ok(LogReport { checkpoint, head: edge.head() })
}

fn read_checkpoint<S: TileSource + ?Sized>(
    source: &S,
    key: &NodePublicKey,
) -> Result<Checkpoint, VerifyError> {
    let at = |problem| VerifyError { place: Place::Checkpoint, problem };
    let bytes = source.read(TilePath::Checkpoint).map_err(|error| at(error.into()))?;
    let text = String::from_utf8(bytes.ok_or(at(Problem::Missing))?).map_err(|_| at(Problem::Malformed))?;
    Checkpoint::open(&text, key).map_err(|error| at(error.into()))
}

fn refuse_older(known: &Checkpoint, found: &Checkpoint) -> Result<(), VerifyError> {
    let at = |problem| Err(VerifyError { place: Place::KnownCheckpoint, problem });
    if known.origin() != found.origin() {
        return at(Problem::Fork);
    }
    if known.size() > found.size() {
        return at(Problem::Rollback { known: known.size(), found: found.size() });
    }
    Ok(())
}

/// Adds the entries of one bundle to `edge` and compares the hash tiles that they fill.
fn verify_entries<S: TileSource + ?Sized>(
    reader: &Reader<'_, S>,
    index: u64,
    edge: &mut Edge,
    known: Option<&Checkpoint>,
) -> Result<(), VerifyError> {
    let entries = reader.entries(reader.entries_path(index))?;
    let tile = reader.hashes_path(0, index);
    let leaves = reader.hashes(tile)?;
    for (entry, leaf) in entries.iter().zip(leaves) {
        let sequence = edge.frontier().size();
        let at = |problem| VerifyError { place: Place::Entry(Some(sequence)), problem };
        let filled = edge.push(entry).map_err(|error| at(error.into()))?;
        if TreeHash::of_leaf(entry) != leaf {
            return Err(at(Problem::Leaf { tile }));
        }
        for (path, bytes) in filled {
            compare_tile(reader, path, &bytes)?;
        }
        if known.is_some_and(|known| known.size() == sequence + 1 && known.root() != edge.frontier().root()) {
            return Err(VerifyError { place: Place::KnownCheckpoint, problem: Problem::Fork });
        }
    }
    Ok(())
}

/// Entries are the source of all else and were read already; hash tiles must be what they give.
fn compare_tile<S: TileSource + ?Sized>(
    reader: &Reader<'_, S>,
    path: TilePath,
    bytes: &[u8],
) -> Result<(), VerifyError> {
    if let TilePath::Hashes { .. } = path {
        let stored = reader.hashes(path)?;
        if stored.iter().flat_map(|hash| hash.as_bytes()).ne(bytes) {
            return Err(VerifyError { place: Place::File(path), problem: Problem::Differs });
        }
    }
    Ok(())
}
