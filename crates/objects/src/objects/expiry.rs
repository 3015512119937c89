//! Carrying out the rules of a bucket, a page of it at a time.

use casemate_ledger::Event;
use casemate_model::{Timestamp, UploadId, VersionId};
use futures_util::{StreamExt, stream};

use super::Objects;
use crate::lifecycle::{Due, Judge, days_long};
use crate::{
    Before, BucketRecord, Deleted, LifecycleRule, ObjectsError, Place, UploadPage, VersionPage, VersionRecord,
};

/// Versions or uploads that are looked at in one go.
const ROWS_MAX: u32 = 1_000;

/// Deletions under way at once, so that they share commits.
const DELETIONS_MAX: usize = 16;

/// What a rule did to something, for its audit entry.
#[derive(Clone, Copy, Debug)]
pub enum Lapsed<'a> {
    /// An object expired.
    Expired(&'a Place),
    /// An older version, or a mark, was removed.
    Removed(&'a Place, Option<VersionId>),
    /// An upload was given up.
    Aborted(&'a Place, UploadId),
}

impl Objects {
    /// Carries out a rule of a bucket at the time `now`; returns how much was deleted. `event` makes the audit entry of
    /// each deletion and the id of the mark it may leave; `go_on` is asked between pages.
    pub async fn apply_rule(
        &self,
        (bucket, rule): (&BucketRecord, &LifecycleRule),
        now: Timestamp,
        event: impl Fn(Lapsed<'_>) -> (Event, VersionId) + Send + Sync,
        go_on: impl Fn() -> bool + Send,
    ) -> Result<u64, ObjectsError> {
        let mut done = 0;
        if rule.looks_at_versions() {
            done += self.apply_to_versions((bucket, rule), now, &event, &go_on).await?;
        }
        if let Some(days) = rule.abort_uploads_days {
            done += self.abort_old_uploads((bucket, &rule.prefix), (now, days), &event, &go_on).await?;
        }
        Ok(done)
    }

    async fn apply_to_versions(
        &self,
        (bucket, rule): (&BucketRecord, &LifecycleRule),
        now: Timestamp,
        event: &(impl Fn(Lapsed<'_>) -> (Event, VersionId) + Sync),
        go_on: &impl Fn() -> bool,
    ) -> Result<u64, ObjectsError> {
        let mut page = VersionPage {
            project: bucket.project.clone(),
            bucket: bucket.bucket.clone(),
            prefix: rule.prefix.clone(),
            after: None,
            past: None,
            limit: ROWS_MAX,
        };
        let (mut judge, mut done) = (Judge::new(rule, now), 0);
        while go_on() {
            let rows = self.catalog.versions(&page).await?;
            let mut due: Vec<_> = rows.iter().flat_map(|row| judge.see(row)).collect();
            let last = rows.last().map(|row| (row.place.key.to_string(), row.sequence));
            let full = rows.len() >= ROWS_MAX as usize;
            if !full {
                due.extend(judge.finish());
            }
            let acts = stream::iter(due).map(|(version, due)| self.carry_out(version, due, event));
            let mut acts = acts.buffer_unordered(DELETIONS_MAX);
            while let Some(act) = acts.next().await {
                done += u64::from(act?);
            }
            if !full {
                return Ok(done);
            }
            page.after = last;
        }
        Ok(done)
    }

    /// Deletes what is still as it was when it was looked at; false if it is not.
    async fn carry_out(
        &self,
        version: VersionRecord,
        due: Due,
        event: &(impl Fn(Lapsed<'_>) -> (Event, VersionId) + Sync),
    ) -> Result<bool, ObjectsError> {
        let place = &version.place;
        match due {
            Due::Expire => {
                let (event, marker) = event(Lapsed::Expired(place));
                let before = Before::StoredAt(version.stored);
                let deleted = self.catalog.delete_object(place, &before, marker, event).await?;
                Ok(matches!(deleted, Deleted::Removed(_) | Deleted::Marked { .. }))
            }
            Due::Remove => {
                let (event, _) = event(Lapsed::Removed(place, version.version));
                let made = Some(version.stored);
                Ok(self.catalog.delete_version(place, version.version, made, event).await?.is_some())
            }
        }
    }

    async fn abort_old_uploads(
        &self,
        (bucket, prefix): (&BucketRecord, &str),
        (now, days): (Timestamp, u32),
        event: &(impl Fn(Lapsed<'_>) -> (Event, VersionId) + Sync),
        go_on: &impl Fn() -> bool,
    ) -> Result<u64, ObjectsError> {
        let mut page = UploadPage {
            project: bucket.project.clone(),
            bucket: bucket.bucket.clone(),
            prefix: prefix.to_owned(),
            after: None,
            limit: ROWS_MAX,
        };
        let mut done = 0;
        while go_on() {
            let uploads = self.catalog.uploads(&page).await?;
            let last = uploads.last().map(|upload| (upload.place.key.to_string(), Some(upload.id)));
            let full = uploads.len() >= ROWS_MAX as usize;
            for upload in uploads.iter().filter(|upload| upload.begun.saturating_add(days_long(days)) <= now)
            {
                let (event, _) = event(Lapsed::Aborted(&upload.place, upload.id));
                if self.catalog.end_upload(upload, Some(event)).await? {
                    done += 1;
                }
                self.remove_upload(upload.id).await?;
            }
            if !full {
                break;
            }
            page.after = last;
        }
        Ok(done)
    }
}
