//! The directory of blob files: `blobs/ab/cd/<64 hex digits of the content's SHA-256>`, and the same with `.packed` for
//! blobs that are packed. Where both are there, either will do.

#[cfg(test)]
mod corruption;
pub(crate) mod inventory;
mod packing;

use std::io::{Read, Write};
use std::sync::Arc;

use casemate_fs::{Dir, DirEntry, EntryKind, File, SealedBytes, StagedFile};
use casemate_model::{Digest, Hasher};

use crate::ObjectsError;
use crate::verified::VerifiedBlob;
use inventory::{Condition, Form};
use packing::Bases;
pub(crate) use packing::CONTENT_BYTES_MAX;

/// Content up to this size is handed out as sealed memory; larger content as a checked descriptor.
const SEALED_BYTES_MAX: u64 = 64 << 20;

/// How much is read at a time.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// How the names of packed blobs end.
const PACKED: &str = ".packed";

/// How much of an upload is written before the disk's free space is looked at again.
const UNMEASURED_BYTES_MAX: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct Blobs {
    /// Holds `blobs/` and `quarantine/`.
    root: Dir,
    directory: Dir,
    free_bytes_min: u64,
    /// Bases that were opened lately.
    bases: Arc<Bases>,
}

/// A blob that is being written. Dropped, it leaves nothing behind.
pub(crate) struct StagedBlob {
    blobs: Blobs,
    file: StagedFile,
    hasher: Hasher,
    size_bytes: u64,
    /// How much was written since the disk was last measured.
    unmeasured_bytes: usize,
}

impl Blobs {
    /// Opens the blob directory under `root`, making it when absent, and sweeps what a crash left half-written.
    /// Nothing is written while fewer than `free_bytes_min` bytes are free on the disk.
    pub(crate) fn open(root: &Dir, free_bytes_min: u64) -> Result<Self, ObjectsError> {
        let directory = root.private_subdir("blobs").map_err(ObjectsError::Files)?;
        directory.sweep_staged().map_err(ObjectsError::Files)?;
        root.private_subdir("quarantine").map_err(ObjectsError::Files)?;
        Ok(Self::of(root.clone(), directory, free_bytes_min))
    }

    fn of(root: Dir, directory: Dir, free_bytes_min: u64) -> Self {
        Self { root, directory, free_bytes_min, bases: Arc::default() }
    }

    pub(crate) fn stage(&self) -> Result<StagedBlob, ObjectsError> {
        self.check_room()?;
        Ok(StagedBlob {
            blobs: self.clone(),
            file: self.directory.stage().map_err(ObjectsError::Files)?,
            hasher: Hasher::new(),
            size_bytes: 0,
            unmeasured_bytes: 0,
        })
    }

    /// Opens a blob and checks all of it before a byte is handed out.
    pub(crate) fn open_verified(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        match self.open_whole(digest) {
            Err(ObjectsError::BlobMissing { .. }) => self.open_packed(digest),
            // A crash may have left a sound packed form beside; if not, what is said is what is wrong here.
            Err(damaged @ ObjectsError::Corrupt { .. }) => self.open_packed(digest).map_err(|_| damaged),
            other => other,
        }
    }

    fn open_whole(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        let file = self.open_file(digest, &path_of(digest))?;
        let stored_bytes = file.metadata().map_err(read_error)?.len();
        let checked = if stored_bytes <= SEALED_BYTES_MAX { seal(&file) } else { hash(file) };
        let (found, blob) = checked?;
        if found == *digest { Ok(blob) } else { Err(ObjectsError::Corrupt { digest: *digest }) }
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
        let name = |entry: &DirEntry| entry.name.strip_suffix(PACKED).unwrap_or(&entry.name).to_owned();
        let mut digests: Vec<Digest> =
            entries.iter().filter_map(|entry| format!("sha256:{}", name(entry)).parse().ok()).collect();
        // Sorted as their names are, a blob's two forms follow each other.
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
        Ok((found, self.size_bytes))
    }
}

/// Copies content into sealed memory, hashing what is copied.
fn seal(file: &File) -> Result<(Digest, VerifiedBlob), ObjectsError> {
    let mut builder = SealedBytes::builder().map_err(ObjectsError::Files)?;
    let (found, size_bytes) = copy_hashed(file, Some(&mut builder))?;
    let sealed = builder.seal().map_err(ObjectsError::Files)?;
    Ok((found, VerifiedBlob::sealed(sealed, size_bytes)))
}

/// Hashes content through the descriptor that is then handed out.
fn hash(file: File) -> Result<(Digest, VerifiedBlob), ObjectsError> {
    let (found, size_bytes) = copy_hashed(&file, None)?;
    Ok((found, VerifiedBlob::held(file, found, size_bytes)))
}

/// Where the packed form of a blob lies.
fn packed_path_of(digest: &Digest) -> String {
    format!("{}{PACKED}", path_of(digest))
}

/// Where a blob lies, relative to the blob directory.
fn path_of(digest: &Digest) -> String {
    let hex = digest.to_hex();
    format!("{}/{}/{hex}", &hex[..2], &hex[2..4])
}

fn copy_hashed(mut content: &File, mut copy: Option<&mut dyn Write>) -> Result<(Digest, u64), ObjectsError> {
    let mut hasher = Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size_bytes = 0;
    loop {
        let length = content.read(&mut chunk).map_err(read_error)?;
        if length == 0 {
            return Ok((hasher.finish(), size_bytes));
        }
        size_bytes += length as u64;
        hasher.update(&chunk[..length]);
        if let Some(copy) = copy.as_mut() {
            copy.write_all(&chunk[..length]).map_err(write_error)?;
        }
    }
}

fn read_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "read", source }
}

fn write_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "write", source }
}
