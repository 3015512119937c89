//! The directory of blob files: `blobs/ab/cd/<64 hex digits of the content's SHA-256>`, and the same with `.packed` for
//! blobs that are packed. Where both are there, either will do. Large blobs have the table of their pieces beside them,
//! with `.pieces`; where it is missing it is made again.

#[cfg(test)]
mod corruption;
pub(crate) mod inventory;
mod opened;
mod packing;
mod pieces;
mod segments;
mod sinks;

use std::io::{Read, Write};
use std::sync::Arc;

use casemate_delta::segmented::ReadAt;
use casemate_fs::{Dir, DirEntry, EntryKind, File, SealedBytes, StagedFile};
use casemate_model::{Digest, Hasher};

use crate::ObjectsError;
use crate::verified::{self, VerifiedBlob};
use inventory::{Condition, Form};
use opened::{Bases, Gate, Sketches};
pub(crate) use packing::{PACKED_BYTES_MAX, PackedBlob};
pub use pieces::PieceKey;
pub(crate) use pieces::{PieceHasher, Pieces};
use segments::HeldFile;

/// Content up to this size is checked and handed out as a whole; larger content piece by piece.
pub(crate) const PIECED_BYTES_MIN: u64 = 8 << 20;

/// How the names of packed blobs end.
const PACKED: &str = ".packed";

/// How the names of tables of pieces end.
const PIECES: &str = ".pieces";

/// How much of an upload is written before the disk's free space is looked at again.
const UNMEASURED_BYTES_MAX: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct Blobs {
    /// Holds `blobs/` and `quarantine/`.
    root: Dir,
    directory: Dir,
    free_bytes_min: u64,
    /// Vouches for tables of pieces. Without one none is believed, and none is written.
    piece_key: Option<PieceKey>,
    /// Bases that were opened lately.
    bases: Arc<Bases>,
    /// What lies where in large content that was packed lately.
    sketches: Arc<Sketches>,
    /// Lets few at a time unpack large content in memory.
    gate: Arc<Gate>,
}

/// A blob that is being written. Dropped, it leaves nothing behind.
pub(crate) struct StagedBlob {
    blobs: Blobs,
    file: StagedFile,
    hasher: Hasher,
    pieces: PieceHasher,
    size_bytes: u64,
    /// How much was written since the disk was last measured.
    unmeasured_bytes: usize,
}

impl Blobs {
    /// Opens the blob directory under `root`, making it when absent, and sweeps what a crash left half-written.
    /// Nothing is written while fewer than `free_bytes_min` bytes are free on the disk.
    pub(crate) fn open(root: &Dir, free_bytes_min: u64, piece_key: PieceKey) -> Result<Self, ObjectsError> {
        let directory = root.private_subdir("blobs").map_err(ObjectsError::Files)?;
        directory.sweep_staged().map_err(ObjectsError::Files)?;
        root.private_subdir("quarantine").map_err(ObjectsError::Files)?;
        Ok(Self::of(root.clone(), directory, free_bytes_min, Some(piece_key)))
    }

    fn of(root: Dir, directory: Dir, free_bytes_min: u64, piece_key: Option<PieceKey>) -> Self {
        let (bases, sketches, gate) = Default::default();
        Self { root, directory, free_bytes_min, piece_key, bases, sketches, gate }
    }

    pub(crate) fn stage(&self) -> Result<StagedBlob, ObjectsError> {
        self.check_room()?;
        Ok(StagedBlob {
            blobs: self.clone(),
            file: self.directory.stage().map_err(ObjectsError::Files)?,
            hasher: Hasher::new(),
            pieces: PieceHasher::default(),
            size_bytes: 0,
            unmeasured_bytes: 0,
        })
    }

    /// Opens a blob. Small content was checked then; large content is checked piece by piece while it is read.
    pub(crate) fn open_verified(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        match self.open_whole(digest) {
            Err(ObjectsError::BlobMissing { .. }) => match self.remembered(digest)? {
                Some(blob) => Ok(blob),
                None => self.open_packed(digest),
            },
            // A crash may have left a sound packed form beside; if not, what is said is what is wrong here.
            Err(damaged @ ObjectsError::Corrupt { .. }) => self.open_packed(digest).map_err(|_| damaged),
            other => other,
        }
    }

    /// Reads all of a blob and checks what it hashes to, whatever a table says; returns its size in bytes.
    pub(crate) fn verify(&self, digest: &Digest) -> Result<u64, ObjectsError> {
        // What is on the disk counts here, and not what is in memory of it.
        let blob = match self.open_whole(digest) {
            Err(ObjectsError::BlobMissing { .. }) => self.open_packed(digest)?,
            Err(damaged @ ObjectsError::Corrupt { .. }) => self.open_packed(digest).map_err(|_| damaged)?,
            other => other?,
        };
        blob.check_again()?;
        Ok(blob.size_bytes())
    }

    fn open_whole(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        let file = self.open_file(digest, &path_of(digest))?;
        let held = HeldFile::new(file).map_err(read_error)?;
        if held.length() > PIECED_BYTES_MIN {
            return self.pieced(digest, Box::new(held));
        }
        let mut builder = SealedBytes::builder().map_err(ObjectsError::Files)?;
        let mut written = Ok(());
        let found = verified::hash(&held, digest, |piece| {
            written = std::mem::replace(&mut written, Ok(())).and_then(|()| builder.write_all(piece));
        })?;
        written.map_err(write_error)?;
        if found != *digest {
            return Err(ObjectsError::Corrupt { digest: *digest });
        }
        Ok(VerifiedBlob::sealed(builder.seal().map_err(ObjectsError::Files)?))
    }

    /// Large content with the table of its pieces. Without one all of the content is read, once.
    fn pieced(
        &self,
        digest: &Digest,
        content: Box<dyn ReadAt + Send + Sync>,
    ) -> Result<VerifiedBlob, ObjectsError> {
        let table = match self.read_pieces(digest, content.length())? {
            Some(pieces) => pieces,
            None => {
                let mut hasher = PieceHasher::default();
                let found = verified::hash(&*content, digest, |piece| hasher.update(piece))?;
                if found != *digest {
                    return Err(ObjectsError::Corrupt { digest: *digest });
                }
                let pieces = hasher.finish();
                self.keep_pieces(digest, &pieces);
                pieces
            }
        };
        if table.length() != content.length() {
            return Err(ObjectsError::Corrupt { digest: *digest });
        }
        Ok(VerifiedBlob::pieced(content, table, *digest))
    }

    /// The table of a blob's pieces, if there is one to be believed.
    fn read_pieces(&self, digest: &Digest, length: u64) -> Result<Option<Pieces>, ObjectsError> {
        let Some(key) = &self.piece_key else {
            return Ok(None);
        };
        let bytes_max = Pieces::table_bytes(length);
        let mut bytes = Vec::new();
        match self.open_file(digest, &pieces_path_of(digest)) {
            Ok(file) => file.take(bytes_max).read_to_end(&mut bytes).map_err(read_error)?,
            Err(ObjectsError::BlobMissing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Pieces::parse(&bytes, digest, key))
    }

    /// Puts the table of a blob's pieces beside it. It need not survive a crash.
    fn write_pieces(&self, digest: &Digest, pieces: &Pieces) -> Result<(), ObjectsError> {
        let Some(key) = &self.piece_key else {
            return Ok(());
        };
        let path = pieces_path_of(digest);
        let (leaf, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let leaf = self.directory.subdir(leaf).map_err(ObjectsError::Files)?;
        let mut staged = self.directory.stage().map_err(ObjectsError::Files)?;
        staged.append(&pieces.write(digest, key)).map_err(ObjectsError::Files)?;
        staged.commit_scratch(&leaf, name).map_err(ObjectsError::Files)
    }

    /// The same where the content serves without it.
    fn keep_pieces(&self, digest: &Digest, pieces: &Pieces) {
        if let Err(error) = self.write_pieces(digest, pieces) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, %digest, "a table of pieces cannot be kept and will be made again");
        }
    }

    fn remove_pieces(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.directory.remove_file(&pieces_path_of(digest)).map(drop).map_err(ObjectsError::Files)
    }

    /// Makes and drops a staged file, and returns the free bytes.
    pub(crate) fn check(&self) -> Result<u64, ObjectsError> {
        self.check_room()?;
        drop(self.directory.stage().map_err(ObjectsError::Files)?);
        self.directory.free_bytes().map_err(ObjectsError::Files)
    }

    /// Removes a blob's file; it may be gone already.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.directory.remove_file(&path_of(digest)).map_err(ObjectsError::Files)?;
        self.remove_pieces(digest)?;
        self.remove_packed(digest)
    }

    /// Moves what is damaged of a blob out of the way; true if something was moved. Nothing may be put in its place
    /// meanwhile, or that would be moved. A later upload of the same content heals it. A difference to a damaged base is
    /// not damaged itself: it stays, and is readable again when its base is.
    pub(crate) fn set_aside(&self, digest: &Digest) -> Result<bool, ObjectsError> {
        let mut moved = false;
        for form in [Form::Whole, Form::Packed] {
            if self.examine(digest, form)? == Condition::Damaged {
                moved |= self.set_form_aside(digest, form)?;
            }
        }
        if moved {
            self.remove_pieces(digest)?;
        }
        Ok(moved)
    }

    /// The directories that hold blobs, relative to the blob directory.
    pub(crate) fn leaves(&self) -> Result<Vec<String>, ObjectsError> {
        let mut leaves = Vec::new();
        for first in self.directory.entries().map_err(ObjectsError::Files)? {
            if first.kind == EntryKind::Directory {
                let directory = self.directory.subdir(&first.name).map_err(ObjectsError::Files)?;
                let second = directory.entries().map_err(ObjectsError::Files)?.into_iter();
                let second = second.filter(|entry| entry.kind == EntryKind::Directory);
                leaves.extend(second.map(|entry| format!("{}/{}", first.name, entry.name)));
            }
        }
        Ok(leaves)
    }

    /// The blobs in one of [`Blobs::leaves`].
    pub(crate) fn in_leaf(&self, leaf: &str) -> Result<Vec<Digest>, ObjectsError> {
        let directory = self.directory.subdir(leaf).map_err(ObjectsError::Files)?;
        let entries = directory.entries().map_err(ObjectsError::Files)?;
        let name = |entry: &DirEntry| {
            let name = entry.name.strip_suffix(PACKED).or_else(|| entry.name.strip_suffix(PIECES));
            name.unwrap_or(&entry.name).to_owned()
        };
        let mut digests: Vec<Digest> =
            entries.iter().filter_map(|entry| format!("sha256:{}", name(entry)).parse().ok()).collect();
        // Sorted as their names are, a blob's files follow each other.
        digests.dedup();
        Ok(digests)
    }

    /// Refuses to write when the disk is nearly full: what is left belongs to the catalog and the log, without which
    /// not even a delete could be recorded.
    pub(crate) fn check_room(&self) -> Result<(), ObjectsError> {
        let free_bytes = self.directory.free_bytes().map_err(ObjectsError::Files)?;
        if free_bytes < self.free_bytes_min {
            return Err(ObjectsError::NoRoom { free_bytes, free_bytes_min: self.free_bytes_min });
        }
        Ok(())
    }

    fn open_file(&self, digest: &Digest, path: &str) -> Result<File, ObjectsError> {
        self.directory.open_file(path).map_err(|error| {
            if error.is_not_found() {
                ObjectsError::BlobMissing { digest: *digest }
            } else {
                ObjectsError::Files(error)
            }
        })
    }
}

impl StagedBlob {
    /// Adds content.
    pub(crate) fn push(&mut self, content: &[u8]) -> Result<(), ObjectsError> {
        self.unmeasured_bytes += content.len();
        if self.unmeasured_bytes > UNMEASURED_BYTES_MAX {
            self.blobs.check_room()?;
            self.unmeasured_bytes = 0;
        }
        self.hasher.update(content);
        self.pieces.update(content);
        self.size_bytes += content.len() as u64;
        self.file.append(content).map_err(ObjectsError::Files)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Makes the blob durable unless `expected` says that it should be another.
    pub(crate) fn commit(self, expected: Option<Digest>) -> Result<(Digest, u64), ObjectsError> {
        let found = self.hasher.finish();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(ObjectsError::DigestMismatch { expected, found });
        }
        let hex = found.to_hex();
        let first = self.blobs.directory.private_subdir(&hex[..2]).map_err(ObjectsError::Files)?;
        first.private_subdir(&hex[2..4]).map_err(ObjectsError::Files)?;
        // An existing file is replaced by the same content, which heals it if it was damaged.
        self.file.commit_replace(&path_of(&found)).map_err(ObjectsError::Files)?;
        if self.size_bytes > PIECED_BYTES_MIN {
            self.blobs.keep_pieces(&found, &self.pieces.finish());
        }
        Ok((found, self.size_bytes))
    }
}

/// Where the packed form of a blob lies.
fn packed_path_of(digest: &Digest) -> String {
    format!("{}{PACKED}", path_of(digest))
}

/// Where the table of a blob's pieces lies.
fn pieces_path_of(digest: &Digest) -> String {
    format!("{}{PIECES}", path_of(digest))
}

/// Where a blob lies, relative to the blob directory.
fn path_of(digest: &Digest) -> String {
    let hex = digest.to_hex();
    format!("{}/{}/{hex}", &hex[..2], &hex[2..4])
}

fn read_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "read", source }
}

fn write_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "write", source }
}
