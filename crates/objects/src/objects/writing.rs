//! How content gets its name and its row, and what is refused before and after.

use std::sync::PoisonError;

use casemate_ledger::Event;
use casemate_model::{Digest, Project};

use super::{NewObject, Objects, StoredBlob, off_runtime};
use crate::blobs::{FinishedBlob, StagedBlob};
use crate::{Before, ObjectRecord, ObjectsError, OverQuota, Put, PutRule};

impl Objects {
    /// Refuses early what would be refused in the end, before all of it was sent.
    pub(super) async fn check_before(&self, project: &Project, new: &NewObject) -> Result<(), ObjectsError> {
        if new.rule.bucket_exists && self.catalog.bucket(project, &new.bucket).await?.is_none() {
            return Err(ObjectsError::BucketNotFound { bucket: new.bucket.to_string() });
        }
        self.check_quota_before(project).await?;
        if new.rule.before != Before::Anything {
            let object = self.catalog.object(project, &new.bucket, &new.key).await?;
            if !new.rule.before.fits(object.as_ref()) {
                return Err(ObjectsError::Unfit { absent: object.is_none() });
            }
        }
        Ok(())
    }

    /// Refuses content where there is too much already.
    pub(super) async fn check_quota_before(&self, project: &Project) -> Result<(), ObjectsError> {
        if self.quota.limits_anything() {
            // A whole object more is at least one byte more, but for the empty one. The catalog decides.
            let usage = self.catalog.usage(project).await?;
            let full = self.quota.bytes_max.is_some_and(|max| usage.bytes > max);
            if let Some(over) = self.quota.refuses(&usage, (0, 1)).filter(|_| full) {
                return Err(over.into());
            }
        }
        Ok(())
    }

    /// Writes a record down whose content is stored and held.
    pub(super) async fn write_down(
        &self,
        mut record: ObjectRecord,
        rule: &PutRule,
        event: impl FnOnce(&mut ObjectRecord) -> Event,
    ) -> Result<ObjectRecord, ObjectsError> {
        let event = event(&mut record);
        let rule = PutRule { quota: self.quota, ..rule.clone() };
        let put = self.catalog.put_object(&record, &rule, event).await?;
        if !rule.known_content && !matches!(put, Put::Done { .. }) {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(record.blob());
        }
        match put {
            Put::Done { version, .. } => Ok(ObjectRecord { version, ..record }),
            Put::NoBucket => Err(ObjectsError::BucketNotFound { bucket: record.bucket.to_string() }),
            Put::OverQuota(over) => Err(over.into()),
            Put::NoUpload { id } => Err(ObjectsError::UploadNotFound { id }),
            Put::NoContent => Err(ObjectsError::BlobMissing { digest: record.digest }),
            Put::Unfit { absent } => Err(ObjectsError::Unfit { absent }),
        }
    }
}

impl From<OverQuota> for ObjectsError {
    fn from(over: OverQuota) -> Self {
        let OverQuota { what, used, more, max } = over;
        Self::QuotaExceeded { what, used, more, max }
    }
}

/// Refuses content that does not have the MD5 that was announced.
pub(super) fn check_md5(expected: Option<[u8; 16]>, found: Option<[u8; 16]>) -> Result<(), ObjectsError> {
    match expected {
        Some(_) if expected != found => Err(ObjectsError::Md5Mismatch),
        _ => Ok(()),
    }
}

/// Makes the content durable, under no name yet. It may take long, so nobody waits for a hold meanwhile.
pub(super) async fn finish(
    staged: StagedBlob,
    expected: Option<Digest>,
) -> Result<FinishedBlob, ObjectsError> {
    off_runtime(move || staged.finish(expected)).await
}

/// Puts content in its place, where nothing refers to it yet.
pub(super) async fn place(finished: FinishedBlob) -> Result<StoredBlob, ObjectsError> {
    let (digest, size_bytes) = off_runtime(move || finished.place()).await?;
    Ok(StoredBlob { digest, size_bytes })
}
