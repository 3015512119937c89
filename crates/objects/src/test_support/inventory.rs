use async_trait::async_trait;
use casemate_model::{Digest, StoreError, UploadId};

use super::MemoryCatalog;
use crate::{BlobRecord, Inventory, PartRecord, Place};

impl MemoryCatalog {
    /// Makes a row lie about the size of its blob.
    pub fn resize(&self, digest: &Digest, size_bytes: u64) {
        self.blobs.lock().expect("unpoisoned").get_mut(digest).expect("it is written down").0 = size_bytes;
    }

    /// Loses the row of a blob.
    pub fn forget(&self, digest: &Digest) {
        self.blobs.lock().expect("unpoisoned").remove(digest);
        self.packings.lock().expect("unpoisoned").remove(digest);
    }
}

#[async_trait]
impl Inventory for MemoryCatalog {
    async fn blobs(&self, after: Option<&Digest>, limit: u32) -> Result<Vec<BlobRecord>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let later = blobs.iter().filter(|(digest, _)| after.is_none_or(|after| *digest > after));
        let record = |(digest, blob): (&Digest, &(u64, u64, _))| BlobRecord {
            digest: *digest,
            size_bytes: blob.0,
            packing: packings.get(digest).copied(),
        };
        Ok(later.map(record).take(limit as usize).collect())
    }

    async fn all_parts(
        &self,
        after: Option<(UploadId, u32)>,
        limit: u32,
    ) -> Result<Vec<(UploadId, PartRecord)>, StoreError> {
        let uploads = self.uploads.lock().expect("unpoisoned");
        let parts = uploads
            .iter()
            .flat_map(|(id, (_, parts))| parts.values().map(|part| (*id, part.clone())))
            .filter(|(id, part)| after.is_none_or(|after| (*id, part.number) > after));
        Ok(parts.take(limit as usize).collect())
    }

    async fn places_of(&self, digest: &Digest, limit: u32) -> Result<Vec<Place>, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        let with_content = objects.values().filter(|object| object.digest == *digest);
        Ok(with_content.map(crate::ObjectRecord::place).take(limit as usize).collect())
    }

    async fn stored_bytes(&self) -> Result<u64, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let taken = |(digest, blob): (&Digest, &(u64, u64, _))| {
            packings.get(digest).map_or(blob.0, |packing| packing.stored_bytes)
        };
        Ok(blobs.iter().map(taken).sum())
    }
}
