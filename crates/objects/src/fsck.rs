//! Checks everything that lies in the directory of objects against itself and against the catalog.
//!
//! ```text
//!   content/…      ── by project and digest ──┐
//!                                             ├─> both: read to its end, hashed, compared with its row
//!   rows of blobs  ── by project and digest ──┘   only a file: an orphan      only a row: missing
//!   uploads/…      ── each directory and file against the rows of uploads, each part against its tag
//!   quarantine/…   ── listed
//! ```
//!
//! For a node that is not running: what is under way there would look like damage. Memory is bounded by what a few blobs
//! take that are read at the same time, however many there are.

mod content;
mod finding;
mod rows;
mod uploads;

use std::sync::Arc;

use casemate_fs::{Dir, EntryKind};
use casemate_model::Timestamp;

use crate::blobs::BlobStore;
use crate::encryption::KEY_FILE;
use crate::{Encryption, Inventory, ObjectsError};

pub use finding::{Fault, Finding, FsckReport, Mending, SetAside};

/// A check of the directory of objects.
pub struct Fsck {
    root: Dir,
    blobs: Option<BlobStore>,
    encryption: Option<Encryption>,
    uploads: Option<Dir>,
    catalog: Arc<dyn Inventory>,
    options: FsckOptions,
}

/// How to check.
#[derive(Clone, Copy, Debug)]
pub struct FsckOptions {
    /// What to mend.
    pub repair: Repair,
    /// How many blobs are read at the same time.
    pub blobs_at_once: usize,
    /// The time.
    pub now: Timestamp,
}

/// What a check mends. Nothing that might be the last copy of something is ever removed: it is set aside at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing.
    Nothing,
    /// What is safe as long as the catalog may be wrong: damage is set aside, second forms and half-written files go.
    Files,
    /// Also what no row refers to is removed. Only for a catalog that was found sound.
    FilesAndOrphans,
}

impl Fsck {
    /// Prepares a check of `root`, which holds `content/`, `uploads/` and `quarantine/`. Nothing is changed by that.
    pub fn open(
        root: &Dir,
        catalog: Arc<dyn Inventory>,
        encryption: Option<Encryption>,
        options: FsckOptions,
    ) -> Result<Self, ObjectsError> {
        let uploads = match root.subdir("uploads") {
            Ok(uploads) => Some(uploads),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(ObjectsError::Files(error)),
        };
        let blobs = BlobStore::open_as_is(root, encryption.clone())?;
        Ok(Self { root: root.clone(), blobs, encryption, uploads, catalog, options })
    }

    /// How many bytes [`Fsck::run`] is going to read, about.
    pub async fn bytes_expected(&self) -> Result<u64, ObjectsError> {
        Ok(self.catalog.stored_bytes().await?)
    }

    /// Checks, and mends what it was told to. `read` is told how many bytes more were read.
    pub async fn run(&self, mut read: impl FnMut(u64)) -> Result<FsckReport, ObjectsError> {
        let mut report = FsckReport::default();
        self.check_root(&mut report)?;
        self.check_content(&mut report, &mut read).await?;
        self.check_uploads(&mut report, &mut read).await?;
        self.list_quarantine(&mut report)?;
        report.findings.sort_by_key(|finding| finding.fault.rank());
        Ok(report)
    }

    fn repairs(&self) -> bool {
        self.options.repair != Repair::Nothing
    }

    fn check_root(&self, report: &mut FsckReport) -> Result<(), ObjectsError> {
        for entry in self.root.entries().map_err(ObjectsError::Files)? {
            let known = match entry.kind {
                EntryKind::Directory => matches!(entry.name.as_str(), "content" | "uploads" | "quarantine"),
                EntryKind::File => entry.name == KEY_FILE,
                _ => false,
            };
            if !known {
                report.add(Fault::Stranger { path: entry.name }.found());
            }
        }
        Ok(())
    }

    fn list_quarantine(&self, report: &mut FsckReport) -> Result<(), ObjectsError> {
        let quarantine = match self.root.subdir("quarantine") {
            Ok(quarantine) => quarantine,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(ObjectsError::Files(error)),
        };
        let entries = quarantine.entries().map_err(ObjectsError::Files)?.into_iter();
        report.set_aside =
            entries.map(|entry| SetAside { file: entry.name, size_bytes: entry.len }).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
