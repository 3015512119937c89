//! A catalog in memory, for tests of this crate and of those above it.

mod inventory;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp, UploadId, VersionId};

use crate::{
    Attributes, Before, BlobCatalog, BlobId, BucketCatalog, BucketDeleted, BucketRecord, BucketSample,
    BucketSettings, BucketTotals, Configured, Deleted, Located, ObjectCatalog, ObjectPage, ObjectRecord,
    Packing, PartPut, PartRecord, Place, ProjectQuota, ProjectUsage, Put, PutRule, SampleCatalog,
    UploadCatalog, UploadPage, UploadRecord, VersionPage, VersionRecord,
};

type Key = (Project, BucketName, ObjectKey);
type Upload = (UploadRecord, BTreeMap<u32, PartRecord>);

/// Keeps records in memory and counts references like a real catalog; events are only collected. Its buckets are always
/// there, and keep no versions.
#[derive(Default)]
pub struct MemoryCatalog {
    objects: Mutex<BTreeMap<Key, ObjectRecord>>,
    /// References of each blob, and since when there are none.
    blobs: Mutex<BTreeMap<BlobId, (u64, u64, Timestamp)>>,
    packings: Mutex<BTreeMap<BlobId, Packing>>,
    uploads: Mutex<BTreeMap<UploadId, Upload>>,
    /// What was recorded, oldest first.
    pub events: Mutex<Vec<Event>>,
}

impl MemoryCatalog {
    fn refer(&self, blob: BlobId, size_bytes: u64, at: Timestamp) {
        let mut blobs = self.blobs.lock().expect("unpoisoned");
        blobs.entry(blob).or_insert((size_bytes, 0, at)).1 += 1;
    }

    fn unrefer(&self, blob: &BlobId, at: Timestamp) {
        let mut blobs = self.blobs.lock().expect("unpoisoned");
        let blob = blobs.get_mut(blob).expect("it was referred to");
        *blob = (blob.0, blob.1 - 1, at);
    }
}

#[async_trait]
impl ObjectCatalog for MemoryCatalog {
    async fn put_object(
        &self,
        object: &ObjectRecord,
        rule: &PutRule,
        event: Event,
    ) -> Result<Put, StoreError> {
        if let Some(id) = rule.completes
            && self.uploads.lock().expect("unpoisoned").remove(&id).is_none()
        {
            return Ok(Put::NoUpload { id });
        }
        let key = (object.project.clone(), object.bucket.clone(), object.key.clone());
        let former = self.objects.lock().expect("unpoisoned").get(&key).cloned();
        if !rule.before.fits(former.as_ref()) {
            return Ok(Put::Unfit { absent: former.is_none() });
        }
        self.events.lock().expect("unpoisoned").push(event);
        self.refer(object.blob(), object.size_bytes, object.stored);
        // It is stored whole now.
        let packing = self.packings.lock().expect("unpoisoned").remove(&object.blob());
        if let Some(base) = packing.and_then(|packing| packing.base) {
            self.unrefer(&object.blob().beside(base), object.stored);
        }
        let new = ObjectRecord { version: None, ..object.clone() };
        self.objects.lock().expect("unpoisoned").insert(key, new);
        if let Some(former) = &former {
            self.unrefer(&former.blob(), object.stored);
        }
        Ok(Put::Done { former: former.map(Box::new), version: None })
    }

    async fn object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let key = (project.clone(), bucket.clone(), key.clone());
        Ok(self.objects.lock().expect("unpoisoned").get(&key).cloned())
    }

    async fn objects(&self, page: &ObjectPage) -> Result<Vec<ObjectRecord>, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        let within = |record: &&ObjectRecord| {
            record.project == page.project
                && record.bucket == page.bucket
                && record.key.as_str().starts_with(&page.prefix)
                && page.after.as_ref().is_none_or(|after| *record.key.as_str() > **after)
                && page.past.as_ref().is_none_or(|past| {
                    *record.key.as_str() > **past && !record.key.as_str().starts_with(past)
                })
        };
        Ok(objects.values().filter(within).take(page.limit as usize).cloned().collect())
    }

    async fn delete_object(
        &self,
        place: &Place,
        _: &Before,
        _: VersionId,
        event: Event,
    ) -> Result<Deleted, StoreError> {
        let at = event.time;
        let key = (place.project.clone(), place.bucket.clone(), place.key.clone());
        let Some(former) = self.objects.lock().expect("unpoisoned").remove(&key) else {
            return Ok(Deleted::Absent);
        };
        self.unrefer(&former.blob(), at);
        self.events.lock().expect("unpoisoned").push(event);
        Ok(Deleted::Removed(Box::new(former)))
    }

    async fn version(&self, _: &Place, _: Option<VersionId>) -> Result<Option<VersionRecord>, StoreError> {
        Ok(None)
    }

    async fn versions(&self, _: &VersionPage) -> Result<Vec<VersionRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn delete_version(
        &self,
        _: &Place,
        _: Option<VersionId>,
        _: Option<Timestamp>,
        _: Event,
    ) -> Result<Option<VersionRecord>, StoreError> {
        Ok(None)
    }

    async fn set_attributes(&self, _: &ObjectRecord, _: &Attributes, _: Event) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        Ok(objects.values().any(|record| record.project == *project && record.digest == *digest))
    }
}

#[async_trait]
impl BucketCatalog for MemoryCatalog {
    async fn create_bucket(
        &self,
        _: &Project,
        _: &BucketName,
        _: &BucketSettings,
        _: Event,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
    ) -> Result<Option<BucketRecord>, StoreError> {
        Ok(Some(BucketRecord {
            project: project.clone(),
            bucket: bucket.clone(),
            created: Timestamp::EPOCH,
            objects: 0,
            size_bytes: 0,
            versions: 0,
            version_bytes: 0,
            upload_bytes: 0,
            settings: BucketSettings::default(),
        }))
    }

    async fn buckets(
        &self,
        _: &Project,
        _: Option<&BucketName>,
        _: u32,
    ) -> Result<Vec<BucketRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn settings_of(&self, _: &BucketName) -> Result<Vec<BucketSettings>, StoreError> {
        Ok(Vec::new())
    }

    async fn configure_bucket(
        &self,
        _: &Project,
        _: &BucketName,
        _: (&BucketSettings, &BucketSettings),
        _: Event,
    ) -> Result<Configured, StoreError> {
        Ok(Configured::Absent)
    }

    async fn delete_bucket(
        &self,
        _: &Project,
        _: &BucketName,
        _: Event,
    ) -> Result<BucketDeleted, StoreError> {
        Ok(BucketDeleted::NotEmpty)
    }

    async fn totals(&self, _: &Project) -> Result<BucketTotals, StoreError> {
        Ok(BucketTotals::default())
    }

    async fn usage(&self, _: &Project) -> Result<ProjectUsage, StoreError> {
        Ok(ProjectUsage::default())
    }
}

#[async_trait]
impl SampleCatalog for MemoryCatalog {
    async fn stored_bytes(&self, _: &Project, _: &BucketName) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn every_bucket(
        &self,
        _: Option<(Project, BucketName)>,
        _: u32,
    ) -> Result<Vec<BucketRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn put_sample(
        &self,
        _: &Project,
        _: &BucketName,
        _: &BucketSample,
        _: u64,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn samples(
        &self,
        _: &Project,
        _: Option<&BucketName>,
        _: u64,
        _: u32,
    ) -> Result<Vec<BucketSample>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl UploadCatalog for MemoryCatalog {
    async fn begin_upload(&self, upload: &UploadRecord, event: Event) -> Result<bool, StoreError> {
        self.events.lock().expect("unpoisoned").push(event);
        let mut uploads = self.uploads.lock().expect("unpoisoned");
        uploads.insert(upload.id, (upload.clone(), BTreeMap::new()));
        Ok(true)
    }

    async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>, StoreError> {
        Ok(self.uploads.lock().expect("unpoisoned").get(&id).map(|(upload, _)| upload.clone()))
    }

    async fn uploads(&self, _: &UploadPage) -> Result<Vec<UploadRecord>, StoreError> {
        Ok(self.uploads.lock().expect("unpoisoned").values().map(|(upload, _)| upload.clone()).collect())
    }

    async fn put_part(
        &self,
        upload: &UploadRecord,
        part: &PartRecord,
        quota: ProjectQuota,
    ) -> Result<PartPut, StoreError> {
        let mut uploads = self.uploads.lock().expect("unpoisoned");
        let there = uploads.values().flat_map(|(_, parts)| parts.values()).map(|part| part.size_bytes).sum();
        let usage = ProjectUsage { bytes: there, upload_bytes: there, ..ProjectUsage::default() };
        let Some((_, parts)) = uploads.get_mut(&upload.id) else {
            return Ok(PartPut::NoUpload);
        };
        if let Some(over) = quota.refuses(&usage, (0, part.size_bytes)) {
            return Ok(PartPut::OverQuota(over));
        }
        Ok(PartPut::Done { former: parts.insert(part.number, part.clone()) })
    }

    async fn parts(&self, id: UploadId, after: u32, limit: u32) -> Result<Vec<PartRecord>, StoreError> {
        let uploads = self.uploads.lock().expect("unpoisoned");
        let parts = uploads.get(&id).into_iter().flat_map(|(_, parts)| parts.range(after + 1..));
        Ok(parts.map(|(_, part)| part.clone()).take(limit as usize).collect())
    }

    async fn end_upload(&self, upload: &UploadRecord, event: Option<Event>) -> Result<bool, StoreError> {
        self.events.lock().expect("unpoisoned").extend(event);
        Ok(self.uploads.lock().expect("unpoisoned").remove(&upload.id).is_some())
    }

    async fn stale_uploads(&self, before: Timestamp, _: u32) -> Result<Vec<UploadRecord>, StoreError> {
        let uploads = self.uploads.lock().expect("unpoisoned");
        let stale = uploads.values().filter(|(upload, _)| upload.begun < before);
        Ok(stale.map(|(upload, _)| upload.clone()).collect())
    }
}

#[async_trait]
impl BlobCatalog for MemoryCatalog {
    async fn blob_size(&self, blob: &BlobId) -> Result<Option<u64>, StoreError> {
        Ok(self.blobs.lock().expect("unpoisoned").get(blob).map(|blob| blob.0))
    }

    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<BlobId>, StoreError> {
        let blobs = self.blobs.lock().expect("unpoisoned");
        let waiting = blobs.iter().filter(|(_, blob)| blob.1 == 0 && blob.2 < before);
        Ok(waiting.map(|(id, _)| id.clone()).take(limit as usize).collect())
    }

    async fn forget_blob(&self, blob: &BlobId, at: Timestamp) -> Result<bool, StoreError> {
        let free = self.blobs.lock().expect("unpoisoned").get(blob).is_some_and(|blob| blob.1 == 0);
        if free {
            self.blobs.lock().expect("unpoisoned").remove(blob);
            let packing = self.packings.lock().expect("unpoisoned").remove(blob);
            if let Some(base) = packing.and_then(|packing| packing.base) {
                self.unrefer(&blob.beside(base), at);
            }
        }
        Ok(free)
    }

    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<BlobId>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let fits = |(id, blob): &(&BlobId, &(u64, u64, Timestamp))| {
            (bytes_min..=bytes_max).contains(&blob.0) && !packings.contains_key(*id)
        };
        Ok(blobs.iter().filter(fits).map(|(id, _)| id.clone()).take(limit as usize).collect())
    }

    async fn base_candidates(&self, blob: &BlobId, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let is_base = |(id, packing): (&BlobId, &Packing)| {
            id.project == blob.project && packing.base == Some(blob.digest)
        };
        if packings.iter().any(is_base) {
            return Ok(Vec::new());
        }
        let base =
            |other: &BlobId| packings.get(other).and_then(|packing| packing.base).unwrap_or(other.digest);
        let packed = blobs.keys().filter(|id| id.project == blob.project && packings.contains_key(*id));
        let mut bases: Vec<_> = packed.map(base).filter(|base| *base != blob.digest).collect();
        bases.dedup();
        bases.truncate(limit as usize);
        Ok(bases)
    }

    async fn note_packing(
        &self,
        blob: &BlobId,
        packing: Packing,
        _at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut packings = self.packings.lock().expect("unpoisoned");
        if let Some(base) = packing.base {
            let chained = packings.get(&blob.beside(base)).is_some_and(|packing| packing.base.is_some());
            let is_base = |(id, other): (&BlobId, &Packing)| {
                id.project == blob.project && other.base == Some(blob.digest)
            };
            if chained || packings.iter().any(is_base) {
                return Ok(false);
            }
            self.refer(blob.beside(base), 0, Timestamp::EPOCH);
        }
        packings.insert(blob.clone(), packing);
        Ok(true)
    }

    async fn packing(&self, blob: &BlobId) -> Result<Option<Packing>, StoreError> {
        Ok(self.packings.lock().expect("unpoisoned").get(blob).copied())
    }

    async fn place_of(&self, blob: &BlobId) -> Result<Option<Located>, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        let found = objects.values().find(|record| record.blob() == *blob);
        Ok(found.map(|record| Located { place: record.place(), version: record.version }))
    }
}
