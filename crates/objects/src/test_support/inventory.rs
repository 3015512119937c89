use async_trait::async_trait;
use casemate_model::{StoreError, UploadId};

use super::MemoryCatalog;
use crate::{BlobId, BlobRecord, Inventory, PartRecord, Place};

impl MemoryCatalog {
    /// Makes a row lie about the size of its blob.
    pub fn resize(&self, blob: &BlobId, size_bytes: u64) {
        self.blobs.lock().expect("unpoisoned").get_mut(blob).expect("it is written down").0 = size_bytes;
    }

    /// Forgets that anybody has looked whether a blob is worth packing.
    pub fn look_again(&self, blob: &BlobId) {
        self.packings.lock().expect("unpoisoned").remove(blob);
    }

    /// Loses the row of a blob.
    pub fn forget(&self, blob: &BlobId) {
        self.blobs.lock().expect("unpoisoned").remove(blob);
        self.packings.lock().expect("unpoisoned").remove(blob);
    }
}

#[async_trait]
impl Inventory for MemoryCatalog {
    async fn blobs(&self, after: Option<&BlobId>, limit: u32) -> Result<Vec<BlobRecord>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let later = blobs.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let record = |(id, blob): (&BlobId, &(u64, u64, _))| BlobRecord {
            id: id.clone(),
            size_bytes: blob.0,
            packing: packings.get(id).copied(),
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

    async fn places_of(&self, blob: &BlobId, limit: u32) -> Result<Vec<Place>, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        let with_content = objects.values().filter(|object| object.blob() == *blob);
        Ok(with_content.map(crate::ObjectRecord::place).take(limit as usize).collect())
    }

    async fn stored_bytes(&self) -> Result<u64, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let taken = |(id, blob): (&BlobId, &(u64, u64, _))| {
            packings.get(id).map_or(blob.0, |packing| packing.stored_bytes)
        };
        Ok(blobs.iter().map(taken).sum())
    }
}
