//! What keeps the store in order beside requests: collecting, packing, setting damage aside.

use std::sync::{Arc, PoisonError};

use casemate_model::{Digest, Timestamp};
use tokio::sync::RwLockWriteGuard;

use super::{Objects, off_runtime};
use crate::blobs::{Blobs, PACKED_BYTES_MAX, PackedBlob};
use crate::{BlobId, ObjectsError, Packing};

/// How many unreferenced blobs are collected at a time; in between, uploads go on.
const COLLECT_BATCH: u32 = 64;

/// Smaller blobs are not worth the trouble: a file takes a block of the disk anyway.
const PACK_BYTES_MIN: u64 = 4 << 10;

/// Most blobs that are left alone because they could not be packed.
const SET_BACK_MAX: usize = 500;

/// Bases that are tried for one blob.
const BASES_TRIED_MAX: u32 = 3;

impl Objects {
    /// Checks that the directory is in its place and that the disk takes and keeps a block, and returns how many bytes are free.
    pub async fn check_directory(&self) -> Result<u64, ObjectsError> {
        let blobs = self.blobs.clone();
        off_runtime(move || blobs.check()).await
    }

    /// Removes blobs that nothing has referred to since before `before`; returns how many.
    pub async fn collect(&self, before: Timestamp) -> Result<u64, ObjectsError> {
        if !self.refused.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.remove_refused(self.referring.write().await).await?;
        }
        let mut collected = 0;
        loop {
            let unreferenced = self.catalog.unreferenced_blobs(before, COLLECT_BATCH).await?;
            if unreferenced.is_empty() {
                return Ok(collected);
            }
            let _nobody_refers = self.referring.write().await;
            for blob in unreferenced {
                if self.catalog.forget_blob(&blob, before).await? {
                    // If this fails, the file has no row any more and goes with the orphans.
                    self.with_blobs(&blob, |blobs, digest| blobs.remove(digest)).await?;
                    collected += 1;
                }
            }
        }
    }

    /// What became of a put, whose file goes at once if it was refused; or at the next collection, if others store just now.
    pub(super) async fn kept_or_refused<T>(
        &self,
        written: Result<T, ObjectsError>,
    ) -> Result<T, ObjectsError> {
        if written.is_err()
            && let Ok(nobody_refers) = self.referring.try_write()
            && let Err(error) = self.remove_refused(nobody_refers).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "content that was refused stays until orphans are collected");
        }
        written
    }

    /// Removes the files of content whose put was refused, unless somebody else has put it.
    async fn remove_refused(&self, _nobody_refers: RwLockWriteGuard<'_, ()>) -> Result<(), ObjectsError> {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner));
        for blob in refused {
            if self.catalog.blob_size(&blob).await?.is_none() {
                self.with_blobs(&blob, |blobs, digest| blobs.remove(digest)).await?;
            }
        }
        Ok(())
    }

    /// Removes files that are no blob of the catalog: what a crash, or a store that failed, left between a file and its
    /// row. Returns how many. Looks at every file, so it is for now and then.
    pub async fn collect_orphans(&self) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        let blobs = self.blobs.clone();
        for project in off_runtime(move || blobs.projects()).await?.0 {
            let blobs = self.blobs.clone();
            let blobs = off_runtime(move || blobs.existing(&project)).await?;
            collected += self.collect_orphans_of(&blobs).await?;
        }
        Ok(collected)
    }

    async fn collect_orphans_of(&self, blobs: &Blobs) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        let here = blobs.clone();
        for leaf in off_runtime(move || here.leaves()).await? {
            let here = blobs.clone();
            let mut unknown = Vec::new();
            for digest in off_runtime(move || here.in_leaf(&leaf)).await? {
                let blob = BlobId::new(blobs.project(), digest);
                if self.catalog.blob_size(&blob).await?.is_none() {
                    unknown.push(blob);
                }
            }
            if unknown.is_empty() {
                continue;
            }
            // Each may be new, its row just not written; under this lock no file is without its row for that reason.
            let _nobody_refers = self.referring.write().await;
            for blob in unknown {
                if self.catalog.blob_size(&blob).await?.is_none() {
                    self.with_blobs(&blob, |blobs, digest| blobs.remove(digest)).await?;
                    collected += 1;
                }
            }
        }
        Ok(collected)
    }

    /// Packs blobs that were put since it was called last, at most `limit` of them: compressed, or as differences to what
    /// lies beside them. Returns how many it looked at. A blob stays readable all the time, and nothing is removed
    /// before its packed form was unpacked and compared, is durable, and was read again.
    pub async fn pack(&self, now: Timestamp, limit: u32) -> Result<u64, ObjectsError> {
        let set_back = self.set_back.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = limit.saturating_add(set_back.len().try_into().unwrap_or(u32::MAX));
        let waiting = self.catalog.blobs_to_pack(PACK_BYTES_MIN, PACKED_BYTES_MAX, wanted).await?;
        let mut settled = 0;
        for blob in waiting.into_iter().filter(|blob| !set_back.contains(blob)).take(limit as usize) {
            match self.pack_one(&blob, now).await {
                // Damage is for those who read it to report; here it only means that there is nothing to pack.
                Err(
                    ObjectsError::Corrupt { digest: broken } | ObjectsError::BlobMissing { digest: broken },
                ) if broken == blob.digest => self.leave_whole(&blob, now).await?,
                // It may be a difference to what is broken, and must not forget that; or the disk does not give it. Others
                // are not to wait for it.
                Err(
                    error @ (ObjectsError::Corrupt { .. }
                    | ObjectsError::BlobMissing { .. }
                    | ObjectsError::Io { action: "read", .. }),
                ) => {
                    self.set_back(&blob);
                    tracing::warn!(error = &error as &dyn std::error::Error, %blob, "cannot be packed");
                    continue;
                }
                other => other?,
            }
            settled += 1;
        }
        Ok(settled)
    }

    /// Leaves a blob alone until the node starts again, or until many others are.
    fn set_back(&self, blob: &BlobId) {
        let mut set_back = self.set_back.lock().unwrap_or_else(PoisonError::into_inner);
        if set_back.len() >= SET_BACK_MAX {
            set_back.clear();
        }
        set_back.insert(blob.clone());
    }

    async fn pack_one(&self, blob: &BlobId, now: Timestamp) -> Result<(), ObjectsError> {
        let bases = self.catalog.base_candidates(blob, BASES_TRIED_MAX).await?;
        let made = self.with_blobs(blob, move |blobs, digest| blobs.pack(digest, &bases));
        let Some(packed) = made.await? else {
            return self.leave_whole(blob, now).await;
        };
        let proof = packed.proof;
        if !self.put_packed(blob, packed, now).await? {
            return Ok(());
        }
        self.with_blobs(blob, move |blobs, digest| blobs.check_packed(digest, proof)).await?;
        // A blob that was deleted meanwhile has no packed form any more.
        let _hold = self.hold().await;
        self.with_blobs(blob, |blobs, digest| blobs.remove_whole(digest).map(drop)).await
    }

    /// Puts a packed form in its place and notes it; false if it is not to be. Blob or base may have been collected while it
    /// was made, for which nobody waited; then the catalog knows them no more.
    async fn put_packed(
        &self,
        blob: &BlobId,
        packed: PackedBlob,
        now: Timestamp,
    ) -> Result<bool, ObjectsError> {
        let _hold = self.hold().await;
        let packing = Packing { stored_bytes: packed.stored_bytes, base: packed.base };
        self.with_blobs(blob, |blobs, digest| blobs.put_packed(digest, packed)).await?;
        if self.catalog.note_packing(blob, packing, now).await? {
            return Ok(true);
        }
        self.with_blobs(blob, |blobs, digest| blobs.remove_packed(digest)).await?;
        Ok(false)
    }

    /// Notes that packing a blob does not pay, unless something else was noted.
    async fn leave_whole(&self, blob: &BlobId, now: Timestamp) -> Result<(), ObjectsError> {
        if self.catalog.packing(blob).await?.is_some() {
            return Ok(());
        }
        let stored_bytes = self.catalog.blob_size(blob).await?.unwrap_or(0);
        self.catalog.note_packing(blob, Packing { stored_bytes, base: None }, now).await?;
        Ok(())
    }

    /// Moves content that was found damaged out of the way, unless it is sound when it is looked at again; true if it
    /// was moved. It is kept, under `quarantine/`, to be looked at.
    pub async fn set_aside(&self, blob: &BlobId) -> Result<bool, ObjectsError> {
        let _nobody_stores = Arc::clone(&self.referring).write_owned().await;
        self.with_blobs(blob, |blobs, digest| blobs.set_aside(digest)).await
    }

    /// Does something with the files of a blob, off the runtime.
    pub(super) async fn with_blobs<T: Send + 'static>(
        &self,
        blob: &BlobId,
        work: impl FnOnce(&Blobs, &Digest) -> Result<T, ObjectsError> + Send + 'static,
    ) -> Result<T, ObjectsError> {
        let (blobs, blob) = (self.blobs.clone(), blob.clone());
        off_runtime(move || work(&blobs.of(&blob.project)?, &blob.digest)).await
    }
}
