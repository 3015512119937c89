//! The blobs of all projects.

use std::sync::Arc;

use casemate_fs::{Dir, EntryKind, FsError};
use casemate_model::Project;

use super::opened::{Bases, Gate, Sketches, Unpacked};
use super::{Blobs, PieceKey, ProjectEncryption};
use crate::{Encryption, ObjectsError};

/// Hands out the directory of each project.
#[derive(Clone)]
pub(crate) struct BlobStore {
    /// Holds `content/` and `quarantine/`.
    root: Dir,
    /// Holds a directory for each project.
    directory: Dir,
    free_bytes_min: u64,
    /// Vouches for tables of pieces. Without one none is believed, and none is written.
    piece_key: Option<PieceKey>,
    encryption: Option<Encryption>,
    bases: Arc<Bases>,
    sketches: Arc<Sketches>,
    gate: Arc<Gate>,
    unpacked: Arc<Unpacked>,
}

/// What is written to see whether the disk takes and keeps it.
const PROBE: [u8; 4_096] = [0x5a; 4_096];

impl BlobStore {
    /// Opens the directories under `root`, making them when absent, and sweeps what a crash left half-written.
    /// Nothing is written while fewer than `free_bytes_min` bytes are free on the disk.
    pub(crate) fn open(
        root: &Dir,
        free_bytes_min: u64,
        piece_key: PieceKey,
        encryption: Option<Encryption>,
    ) -> Result<Self, ObjectsError> {
        let directory = root.private_subdir("content").map_err(ObjectsError::Files)?;
        root.private_subdir("quarantine").map_err(ObjectsError::Files)?;
        directory.sweep_staged().map_err(ObjectsError::Files)?;
        let store = Self::with(root.clone(), directory, free_bytes_min, Some(piece_key), encryption);
        for project in store.projects()?.0 {
            store.of(&project)?.sweep()?;
        }
        Ok(store)
    }

    /// Opens the directories under `root` as they are: nothing is made and nothing is swept. `None` if there are none.
    pub(crate) fn open_as_is(
        root: &Dir,
        encryption: Option<Encryption>,
    ) -> Result<Option<Self>, ObjectsError> {
        match root.subdir("content") {
            Ok(directory) => Ok(Some(Self::with(root.clone(), directory, 0, None, encryption))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(ObjectsError::Files(error)),
        }
    }

    fn with(
        root: Dir,
        directory: Dir,
        free_bytes_min: u64,
        piece_key: Option<PieceKey>,
        encryption: Option<Encryption>,
    ) -> Self {
        let (bases, sketches, gate, unpacked) = Default::default();
        Self { root, directory, free_bytes_min, piece_key, encryption, bases, sketches, gate, unpacked }
    }

    /// The blobs of a project. Its directory is made when absent.
    pub(crate) fn of(&self, project: &Project) -> Result<Blobs, ObjectsError> {
        self.with_directory(project, self.directory.private_subdir(project.as_str()))
    }

    /// The blobs of a project whose directory is there; it is left as it is.
    pub(crate) fn existing(&self, project: &Project) -> Result<Blobs, ObjectsError> {
        self.with_directory(project, self.directory.subdir(project.as_str()))
    }

    fn with_directory(
        &self,
        project: &Project,
        directory: Result<Dir, FsError>,
    ) -> Result<Blobs, ObjectsError> {
        let encryption = self.encryption.as_ref().map(|encryption| ProjectEncryption {
            key: encryption.content_key(project),
            entropy: Arc::clone(&encryption.entropy),
        });
        Ok(Blobs {
            project: project.clone(),
            root: self.root.clone(),
            directory: directory.map_err(ObjectsError::Files)?,
            encryption,
            free_bytes_min: self.free_bytes_min,
            piece_key: self.piece_key,
            bases: Arc::clone(&self.bases),
            sketches: Arc::clone(&self.sketches),
            gate: Arc::clone(&self.gate),
            unpacked: Arc::clone(&self.unpacked),
        })
    }

    /// The projects that have a directory, in byte order, and the names of what is none.
    pub(crate) fn projects(&self) -> Result<(Vec<Project>, Vec<String>), ObjectsError> {
        let (mut projects, mut strangers) = (Vec::new(), Vec::new());
        for entry in self.directory.entries().map_err(ObjectsError::Files)? {
            match entry.name.parse() {
                Ok(project) if entry.kind == EntryKind::Directory => projects.push(project),
                _ => strangers.push(entry.name),
            }
        }
        projects.sort();
        Ok((projects, strangers))
    }

    /// Removes what a crash left half-written beside the directories of projects; returns how many files.
    pub(crate) fn sweep(&self) -> Result<usize, ObjectsError> {
        self.directory.sweep_staged().map_err(ObjectsError::Files)
    }

    /// Makes and drops a staged file, and returns the free bytes.
    pub(crate) fn check(&self) -> Result<u64, ObjectsError> {
        self.root
            .check_in_place()
            .and_then(|()| self.directory.check_in_place())
            .map_err(ObjectsError::Files)?;
        // The disk itself first: one that is merely nearly full still takes a block.
        let mut staged = self.directory.stage().map_err(ObjectsError::Files)?;
        staged.append(&PROBE).and_then(|()| staged.sync()).map_err(ObjectsError::Files)?;
        drop(staged);
        self.check_room()?;
        self.directory.free_bytes().map_err(ObjectsError::Files)
    }

    /// Refuses to write when the disk is nearly full: what is left belongs to the catalog and the log, without which
    /// not even a delete could be recorded.
    pub(crate) fn check_room(&self) -> Result<(), ObjectsError> {
        super::check_room(&self.directory, self.free_bytes_min)
    }
}
