//! What a check of all objects asks of the catalog.

use async_trait::async_trait;
use casemate_model::{StoreError, UploadId};

use super::{BlobCatalog, Place, UploadCatalog};
use crate::{BlobId, Packing, PartRecord};

/// Everything that is written down about files, from front to back.
#[async_trait]
pub trait Inventory: BlobCatalog + UploadCatalog {
    /// Blobs after `after` by project and digest, at most `limit`.
    async fn blobs(&self, after: Option<&BlobId>, limit: u32) -> Result<Vec<BlobRecord>, StoreError>;

    /// Parts of all uploads after that of a number, by upload and number, at most `limit`.
    async fn all_parts(
        &self,
        after: Option<(UploadId, u32)>,
        limit: u32,
    ) -> Result<Vec<(UploadId, PartRecord)>, StoreError>;

    /// Objects that are this blob, at most `limit`.
    async fn places_of(&self, blob: &BlobId, limit: u32) -> Result<Vec<Place>, StoreError>;

    /// The bytes that all blobs take together, as far as it is known how they are stored.
    async fn stored_bytes(&self) -> Result<u64, StoreError>;
}

/// A blob as written down in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRecord {
    /// The blob.
    pub id: BlobId,
    /// The bytes of its content.
    pub size_bytes: u64,
    /// How it is stored; `None` if it was put since anybody looked whether it is worth packing.
    pub packing: Option<Packing>,
}
