//! A catalog in memory, for tests of this crate and of those above it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp};

use crate::{BucketRecord, BucketTotals, Catalog, ObjectPage, ObjectRecord, Packing};

type Key = (Project, BucketName, ObjectKey);

/// Keeps records in memory and counts references like a real catalog; events are only collected.
#[derive(Default)]
pub struct MemoryCatalog {
    objects: Mutex<BTreeMap<Key, ObjectRecord>>,
    /// References of each blob, and since when there are none.
    blobs: Mutex<BTreeMap<Digest, (u64, u64, Timestamp)>>,
    packings: Mutex<BTreeMap<Digest, Packing>>,
    /// What was recorded, oldest first.
    pub events: Mutex<Vec<Event>>,
}

impl MemoryCatalog {
    fn refer(&self, digest: Digest, size_bytes: u64, at: Timestamp) {
        let mut blobs = self.blobs.lock().expect("unpoisoned");
        blobs.entry(digest).or_insert((size_bytes, 0, at)).1 += 1;
    }

    fn unrefer(&self, digest: Digest, at: Timestamp) {
        let mut blobs = self.blobs.lock().expect("unpoisoned");
        let blob = blobs.get_mut(&digest).expect("it was referred to");
        *blob = (blob.0, blob.1 - 1, at);
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn put_object(
        &self,
        object: &ObjectRecord,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        self.events.lock().expect("unpoisoned").push(event);
        self.refer(object.digest, object.size_bytes, object.stored);
        // It is stored whole now.
        let packing = self.packings.lock().expect("unpoisoned").remove(&object.digest);
        if let Some(base) = packing.and_then(|packing| packing.base) {
            self.unrefer(base, object.stored);
        }
        let key = (object.project.clone(), object.bucket.clone(), object.key.clone());
        let former = self.objects.lock().expect("unpoisoned").insert(key, object.clone());
        if let Some(former) = &former {
            self.unrefer(former.digest, object.stored);
        }
        Ok(former)
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
                && page.after.as_ref().is_none_or(|after| record.key > *after)
        };
        Ok(objects.values().filter(within).take(page.limit as usize).cloned().collect())
    }

    async fn buckets(
        &self,
        _: &Project,
        _: Option<&BucketName>,
        _: u32,
    ) -> Result<Vec<BucketRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn totals(&self, _: &Project) -> Result<BucketTotals, StoreError> {
        Ok(BucketTotals::default())
    }

    async fn delete_object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let at = event.time;
        let key = (project.clone(), bucket.clone(), key.clone());
        let former = self.objects.lock().expect("unpoisoned").remove(&key);
        if let Some(former) = &former {
            self.unrefer(former.digest, at);
            self.events.lock().expect("unpoisoned").push(event);
        }
        Ok(former)
    }

    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError> {
        let objects = self.objects.lock().expect("unpoisoned");
        Ok(objects.values().any(|record| record.project == *project && record.digest == *digest))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.blobs.lock().expect("unpoisoned").get(digest).map(|blob| blob.0))
    }

    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let blobs = self.blobs.lock().expect("unpoisoned");
        let waiting = blobs.iter().filter(|(_, blob)| blob.1 == 0 && blob.2 < before);
        Ok(waiting.map(|(digest, _)| *digest).take(limit as usize).collect())
    }

    async fn forget_blob(&self, digest: &Digest, at: Timestamp) -> Result<bool, StoreError> {
        let free = self.blobs.lock().expect("unpoisoned").get(digest).is_some_and(|blob| blob.1 == 0);
        if free {
            self.blobs.lock().expect("unpoisoned").remove(digest);
            let packing = self.packings.lock().expect("unpoisoned").remove(digest);
            if let Some(base) = packing.and_then(|packing| packing.base) {
                self.unrefer(base, at);
            }
        }
        Ok(free)
    }

    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<Digest>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        let fits = |(digest, blob): &(&Digest, &(u64, u64, Timestamp))| {
            (bytes_min..=bytes_max).contains(&blob.0) && !packings.contains_key(*digest)
        };
        Ok(blobs.iter().filter(fits).map(|(digest, _)| *digest).take(limit as usize).collect())
    }

    async fn base_candidates(&self, digest: &Digest, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let (blobs, packings) =
            (self.blobs.lock().expect("unpoisoned"), self.packings.lock().expect("unpoisoned"));
        if packings.values().any(|packing| packing.base == Some(*digest)) {
            return Ok(Vec::new());
        }
        let base = |other: &Digest| packings.get(other).and_then(|packing| packing.base).unwrap_or(*other);
        let mut bases: Vec<_> = blobs.keys().map(base).filter(|base| base != digest).collect();
        bases.dedup();
        bases.truncate(limit as usize);
        Ok(bases)
    }

    async fn note_packing(
        &self,
        digest: &Digest,
        packing: Packing,
        _at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut packings = self.packings.lock().expect("unpoisoned");
        if let Some(base) = packing.base {
            let chained = packings.get(&base).is_some_and(|packing| packing.base.is_some());
            if chained || packings.values().any(|other| other.base == Some(*digest)) {
                return Ok(false);
            }
            self.refer(base, 0, Timestamp::EPOCH);
        }
        packings.insert(*digest, packing);
        Ok(true)
    }

    async fn packing(&self, digest: &Digest) -> Result<Option<Packing>, StoreError> {
        Ok(self.packings.lock().expect("unpoisoned").get(digest).copied())
    }
}
