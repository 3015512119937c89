//! The directories of blob files, one for each project: `content/<project>/ab/cd/<64 hex digits of the content's SHA-256>`,
//! and the same with `.packed` for blobs that are packed. Where both are there, either will do. Large blobs have the table of
//! their pieces beside them, with `.pieces`; where it is missing it is made again. Each file is encrypted if the node has a
//! key for that.

mod bases;
#[cfg(test)]
mod corruption;
pub(crate) mod inventory;
mod opened;
mod packing;
mod pieces;
mod segments;
mod sinks;
mod store;
mod stored_file;

use std::io::{Read, Write};
use std::sync::Arc;

use casemate_delta::segmented::ReadAt;
use casemate_encryption::ContentKey;
use casemate_fs::{Dir, DirEntry, EntryKind, FsError, SealedBytes, StagedFile};
use casemate_model::{Digest, Entropy, Hasher, Project};

use crate::verified::{self, VerifiedBlob};
use crate::{BlobId, ObjectsError};
use inventory::{Condition, Form};
use opened::{Bases, Gate, Sketches, Unpacked};
pub(crate) use opened::{UNPACKING_MAX, UnpackedRoom};
pub(crate) use packing::{PACKED_BYTES_MAX, PackedBlob};
pub use pieces::PieceKey;
pub(crate) use pieces::{PieceHasher, Pieces};
pub(crate) use store::BlobStore;
pub(crate) use stored_file::{FileKey, StoredFile, StoredWriter};

/// Content up to this size is checked and handed out as a whole; larger content piece by piece.
pub(crate) const PIECED_BYTES_MIN: u64 = 8 << 20;

/// How the names of packed blobs end.
const PACKED: &str = ".packed";

/// How the names of tables of pieces end.
const PIECES: &str = ".pieces";

/// How much of an upload is written before the disk's free space is looked at again.
const UNMEASURED_BYTES_MAX: usize = 1 << 20;

/// The blobs of one project.
#[derive(Clone)]
pub(crate) struct Blobs {
    project: Project,
    /// Holds `content/` and `quarantine/`.
    root: Dir,
    directory: Dir,
    /// Encrypts what is written.
    encryption: Option<ProjectEncryption>,
    free_bytes_min: u64,
    /// Vouches for tables of pieces. Without one none is believed, and none is written.
    piece_key: Option<PieceKey>,
    /// Bases that were opened lately.
    bases: Arc<Bases>,
    /// What lies where in large content that was packed lately.
    sketches: Arc<Sketches>,
    /// Lets few at a time unpack large content in memory.
    gate: Arc<Gate>,
    /// Bounds what readers hold unpacked.
    unpacked: Arc<Unpacked>,
}

#[derive(Clone)]
struct ProjectEncryption {
    key: ContentKey,
    entropy: Arc<dyn Entropy>,
}

/// A blob that is being written. Dropped, it leaves nothing behind.
pub(crate) struct StagedBlob {
    blobs: Blobs,
    file: StoredWriter,
    hasher: Hasher,
    pieces: PieceHasher,
    size_bytes: u64,
    room: Room,
}

/// The disk's free space, looked at again and again while something is written.
pub(crate) struct Room {
    blobs: Blobs,
    /// How much was written since it was last looked at.
    unmeasured_bytes: usize,
}

impl Room {
    /// Looks whether there is any.
    pub(crate) fn of(blobs: &Blobs) -> Result<Self, ObjectsError> {
        blobs.check_room()?;
        Ok(Self { blobs: blobs.clone(), unmeasured_bytes: 0 })
    }

    /// Takes so much of it.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), ObjectsError> {
        self.unmeasured_bytes += bytes;
        if self.unmeasured_bytes > UNMEASURED_BYTES_MAX {
            self.blobs.check_room()?;
            self.unmeasured_bytes = 0;
        }
        Ok(())
    }
}

/// A blob that is durable and has no name yet. Dropped, it leaves nothing behind.
pub(crate) struct FinishedBlob {
    blobs: Blobs,
    file: StagedFile,
    digest: Digest,
    pieces: PieceHasher,
    size_bytes: u64,
}

impl Blobs {
    /// Whose they are.
    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    /// Begins a file beneath, or in another directory of the same project's content.
    pub(crate) fn stage_in(&self, directory: &Dir) -> Result<StoredWriter, ObjectsError> {
        let encryption = self.encryption.as_ref();
        let key = encryption.map(|project| FileKey { key: &project.key, entropy: &*project.entropy });
        StoredWriter::stage(directory, key).map_err(ObjectsError::Files)
    }

    /// Opens a file of this project's content.
    pub(crate) fn open_in(&self, directory: &Dir, path: &str) -> Result<StoredFile, ObjectsError> {
        let file = directory.open_file(path).map_err(ObjectsError::Files)?;
        let key = self.encryption.as_ref().map(|project| &project.key);
        StoredFile::open(file, key).map_err(read_error)
    }

    pub(crate) fn stage(&self) -> Result<StagedBlob, ObjectsError> {
        Ok(StagedBlob {
            room: Room::of(self)?,
            blobs: self.clone(),
            file: self.stage_in(&self.directory)?,
            hasher: Hasher::new(),
            pieces: PieceHasher::default(),
            size_bytes: 0,
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
        if let Err(ObjectsError::BlobMissing { .. }) = self.open_file(digest, &path_of(digest)) {
            self.check_base_of(digest)?;
        }
        Ok(blob.size_bytes())
    }

    fn open_whole(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        let held = self.open_file(digest, &path_of(digest))?;
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
        Ok(VerifiedBlob::sealed(&self.project, builder.seal().map_err(ObjectsError::Files)?))
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
        Ok(VerifiedBlob::pieced(BlobId::new(&self.project, *digest), content, table))
    }

    /// The table of a blob's pieces, if there is one to be believed.
    fn read_pieces(&self, digest: &Digest, length: u64) -> Result<Option<Pieces>, ObjectsError> {
        let Some(key) = &self.piece_key else {
            return Ok(None);
        };
        let bytes_max = Pieces::table_bytes(length);
        let mut bytes = Vec::new();
        match self.open_file(digest, &pieces_path_of(digest)) {
            // What cannot be read is no table, and is made again.
            Ok(file) => file.reader().take(bytes_max).read_to_end(&mut bytes).unwrap_or_default(),
            Err(ObjectsError::BlobMissing { .. }) => return Ok(None),
            Err(ObjectsError::Corrupt { .. }) => {
                tracing::warn!(%digest, "a table of pieces is no file and will be made again");
                return Ok(None);
            }
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
        let mut staged = self.stage_in(&self.directory)?;
        staged.write_all(&pieces.write(digest, key)).map_err(write_error)?;
        staged.finish().map_err(write_error)?.commit_scratch(&leaf, name).map_err(ObjectsError::Files)
    }

    /// The same where the content serves without it.
    fn keep_pieces(&self, digest: &Digest, pieces: &Pieces) {
        if let Err(error) = self.write_pieces(digest, pieces) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, %digest, "a table of pieces cannot be kept and will be made again");
        }
    }

    fn remove_pieces(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.remove_file(&pieces_path_of(digest)).map(drop)
    }

    /// Removes a file of a blob; true if there was one. A directory in its place is not ours and stays.
    fn remove_file(&self, path: &str) -> Result<bool, ObjectsError> {
        match self.directory.remove_file(path) {
            Err(error) if error.is_directory() => {
                tracing::warn!(path, "a directory is where a file of a blob belongs, and stays");
                Ok(false)
            }
            removed => removed.map_err(ObjectsError::Files),
        }
    }

    /// Removes a blob's file; it may be gone already.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.remove_file(&path_of(digest))?;
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

    /// Refuses to write when the disk is nearly full.
    pub(crate) fn check_room(&self) -> Result<(), ObjectsError> {
        check_room(&self.directory, self.free_bytes_min)
    }

    /// Makes the directory in which a blob's files lie.
    fn make_leaf(&self, digest: &Digest) -> Result<(), ObjectsError> {
        let hex = digest.to_hex();
        let first = self.directory.private_subdir(&hex[..2]).map_err(ObjectsError::Files)?;
        first.private_subdir(&hex[2..4]).map(drop).map_err(ObjectsError::Files)
    }

    /// Opens a file of a blob. What is there and is no file, such as a FIFO or a link, is damage like other bytes are.
    fn open_file(&self, digest: &Digest, path: &str) -> Result<StoredFile, ObjectsError> {
        self.open_in(&self.directory, path).map_err(|error| match error {
            ObjectsError::Files(error) if error.is_not_found() => {
                ObjectsError::BlobMissing { digest: *digest }
            }
            ObjectsError::Files(FsError::NotAFile { .. }) => ObjectsError::Corrupt { digest: *digest },
            // The link itself, and not a directory above it, behind which the file may be.
            ObjectsError::Files(FsError::SymlinkRefused { .. }) if self.is_in_place(path) => {
                ObjectsError::Corrupt { digest: *digest }
            }
            error => error,
        })
    }

    /// Whether the directory in which a file belongs is there.
    fn is_in_place(&self, path: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(leaf, _)| self.directory.subdir(leaf).is_ok())
    }
}

impl StagedBlob {
    /// Adds content.
    pub(crate) fn push(&mut self, content: &[u8]) -> Result<(), ObjectsError> {
        self.room.take(content.len())?;
        self.hasher.update(content);
        self.pieces.update(content);
        self.size_bytes += content.len() as u64;
        self.file.write_all(content).map_err(write_error)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Makes the content durable, under no name yet, unless `expected` says that it should be another.
    pub(crate) fn finish(self, expected: Option<Digest>) -> Result<FinishedBlob, ObjectsError> {
        let digest = self.hasher.finish();
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(ObjectsError::DigestMismatch { expected, found: digest });
        }
        let mut file = self.file.finish().map_err(write_error)?;
        file.sync().map_err(ObjectsError::Files)?;
        Ok(FinishedBlob { blobs: self.blobs, file, digest, pieces: self.pieces, size_bytes: self.size_bytes })
    }

    /// Makes the blob durable in its place unless `expected` says that it should be another.
    pub(crate) fn commit(self, expected: Option<Digest>) -> Result<(Digest, u64), ObjectsError> {
        self.finish(expected)?.place()
    }
}

impl FinishedBlob {
    /// Gives the content its name; returns its digest and size in bytes.
    pub(crate) fn place(self) -> Result<(Digest, u64), ObjectsError> {
        let Self { blobs, file, digest, pieces, size_bytes } = self;
        blobs.make_leaf(&digest)?;
        // An existing file is replaced by the same content, which heals it if it was damaged.
        file.commit_replace(&path_of(&digest)).map_err(ObjectsError::Files)?;
        if size_bytes > PIECED_BYTES_MIN {
            blobs.keep_pieces(&digest, &pieces.finish());
        }
        Ok((digest, size_bytes))
    }
}

fn check_room(directory: &Dir, free_bytes_min: u64) -> Result<(), ObjectsError> {
    let free_bytes = directory.free_bytes().map_err(ObjectsError::Files)?;
    if free_bytes < free_bytes_min {
        return Err(ObjectsError::NoRoom { free_bytes, free_bytes_min });
    }
    Ok(())
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

pub(crate) fn write_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "write", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With one place left behind the gate, a reader that took it and then waited for its base would wait for ever.
    #[test]
    fn a_reader_does_not_wait_for_its_base_inside_the_gate() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Dir::open_private(&scratch.path().join("objects")).unwrap();
        let open = || {
            let store = BlobStore::open(&root, 1, PieceKey::new([1; 32]), None).unwrap();
            store.of(&Project::default_project()).unwrap()
        };
        let base: Vec<u8> = (0..130_000)
            .flat_map(|at| format!("line {} of a text\n", at * 7919 % 100_003).into_bytes())
            .collect();
        let mut version = base.clone();
        version.splice(1000..1000, *b"something else");
        let blobs = open();
        let mut digests = Vec::new();
        for content in [&base, &version] {
            let mut staged = blobs.stage().unwrap();
            staged.push(content).unwrap();
            let (digest, _) = staged.commit(None).unwrap();
            let packed = blobs.pack(&digest, &digests).unwrap().unwrap();
            assert_eq!(packed.base, digests.first().copied());
            blobs.put_packed(&digest, packed).unwrap();
            blobs.remove_whole(&digest).unwrap();
            digests.push(digest);
        }

        let cold = open();
        let _others: Vec<_> = (1..UNPACKING_MAX).map(|_| cold.gate.enter()).collect();
        let (sender, opened) = std::sync::mpsc::channel();
        let (reader, digest) = (cold.clone(), digests[1]);
        std::thread::spawn(move || sender.send(reader.open_verified(&digest).unwrap().size_bytes()));
        let length = opened.recv_timeout(std::time::Duration::from_secs(60));
        assert_eq!(length, Ok(version.len() as u64));
    }

    #[test]
    fn room_is_looked_for_again_while_something_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Dir::open_private(&scratch.path().join("objects")).unwrap();
        let store = BlobStore::open(&root, 1, PieceKey::new([1; 32]), None).unwrap();
        let blobs = store.of(&Project::default_project()).unwrap();
        let mut room = Room::of(&blobs).unwrap();
        // The disk fills up.
        room.blobs.free_bytes_min = u64::MAX;
        assert!(Room::of(&room.blobs).is_err());
        room.take(UNMEASURED_BYTES_MAX).unwrap();
        assert!(matches!(room.take(1), Err(ObjectsError::NoRoom { .. })));
    }
}
