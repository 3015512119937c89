//! Bases that are kept in memory, and whether they can be had from the disk as well.

use std::sync::Arc;

use casemate_delta::segmented::Sketch;
use casemate_delta::through::Opened;
use casemate_fs::SealedBytes;
use casemate_model::Digest;

use super::packing::{LIMITS, NATIVE_BYTES_MAX};
use super::{Blobs, packed_path_of, path_of};
use crate::verified::{VerifiedBlob, read_failure};
use crate::{BlobId, ObjectsError};

impl Blobs {
    /// Opens a base for content that is packed in memory.
    pub(super) fn open_base(&self, digest: &Digest) -> Result<Arc<Opened>, ObjectsError> {
        let id = self.id(digest);
        if let Some(base) = self.bases.get(&id) {
            return Ok(base);
        }
        // Hashed before it is opened, so that it stands for bytes that were sound later.
        let stored = self.stored_hash(digest)?;
        let content = self.open_alone(digest)?.into_sealed(NATIVE_BYTES_MAX)?;
        let content = content.read_all().map_err(ObjectsError::Files)?;
        let opened = Opened::new(*digest.as_bytes(), content, &LIMITS);
        let opened = Arc::new(opened.ok_or(ObjectsError::Corrupt { digest: *digest })?);
        self.bases.keep(id, &opened, stored);
        Ok(opened)
    }

    /// What the file hashes to that a base would be read from.
    pub(super) fn stored_hash(&self, digest: &Digest) -> Result<blake3::Hash, ObjectsError> {
        let file = match self.open_file(digest, &path_of(digest)) {
            Err(ObjectsError::BlobMissing { .. }) => self.open_file(digest, &packed_path_of(digest))?,
            other => other?,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file.reader()).map_err(|error| read_failure(error, digest))?;
        Ok(hasher.finalize())
    }

    /// Fails unless the base of a packed blob can be had from the disk, whatever is in memory of it.
    pub(super) fn check_base_of(&self, digest: &Digest) -> Result<(), ObjectsError> {
        let Some(base) = self.base_of(digest)? else { return Ok(()) };
        let id = self.id(&base);
        let stored = self.stored_hash(&base);
        if stored.is_ok_and(|found| self.bases.stored(&id) == Some(found)) {
            return Ok(());
        }
        // It was never opened, was packed since, or is damaged.
        self.forget(&base);
        self.open_alone(&base)?.check_again()
    }

    /// Drops what is in memory of a blob whose files change.
    pub(super) fn forget(&self, digest: &Digest) {
        self.bases.forget(&self.id(digest));
        self.sketches.forget(&self.id(digest));
    }

    /// Content that is in memory as a base, where it was checked when it was opened; none if no packed form is there that
    /// would be read instead.
    pub(super) fn remembered(&self, digest: &Digest) -> Result<Option<VerifiedBlob>, ObjectsError> {
        let Some(base) = self.bases.get(&self.id(digest)) else { return Ok(None) };
        self.open_file(digest, &packed_path_of(digest))?;
        let room = self.unpacked.take(base.content().len() as u64).ok_or(ObjectsError::Busy)?;
        let sealed = SealedBytes::from_bytes(base.content()).map_err(ObjectsError::Files)?;
        Ok(Some(VerifiedBlob::sealed(&self.project, sealed).holding(room)))
    }

    /// Keeps content in memory that stands alone: what comes next is likely to be a difference to it, and to unpack it takes
    /// long.
    pub(super) fn expect_differences_to(&self, digest: &Digest, content: &[u8], stored: blake3::Hash) {
        if let Some(opened) = Opened::new(*digest.as_bytes(), content.to_vec(), &LIMITS) {
            self.bases.keep(self.id(digest), &Arc::new(opened), stored);
        }
    }

    pub(super) fn id(&self, digest: &Digest) -> BlobId {
        BlobId::new(&self.project, *digest)
    }

    pub(super) fn sketch_of_base(&self, digest: &Digest, content: &VerifiedBlob) -> Option<Arc<Sketch>> {
        if let Some(sketch) = self.sketches.get(&self.id(digest)) {
            return Some(sketch);
        }
        let sketch = Arc::new(Sketch::of(content).ok()?);
        self.sketches.keep(self.id(digest), &sketch);
        Some(sketch)
    }
}
