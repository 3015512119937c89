use bytes::Bytes;
use casemate_ledger::Event;
use casemate_model::{BucketName, ObjectKey, Pattern, Project, Timestamp, VersionId};
use casemate_objects::{
    Attributes, Before, BlobId, Deleted, Graph, Listing, NewObject, ObjectPage, ObjectRecord, ObjectsError,
    Place, PutRule, Stamp, Storage, Verdict, VerifiedBlob, Version, VersionPage, VersionRecord,
};
use casemate_policy::{Resource, operation};
use futures_util::Stream;

use crate::{Caller, Change, Control, ControlError};

/// What an object is copied from.
#[derive(Clone, Debug)]
pub struct CopySource {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// Its version.
    pub version: Version,
}

/// How often tags are set anew when the object is replaced meanwhile.
const TAG_ATTEMPTS: usize = 5;

impl Control {
    /// Stores an object; when this returns, it is durable. `late` adds what only the end of the body could tell.
    pub async fn put_object<B, E>(
        &self,
        caller: &Caller,
        new: NewObject,
        body: B,
        late: impl FnOnce(&mut Attributes) + Send,
    ) -> Result<ObjectRecord, ControlError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let resource = object_resource(&new.bucket, &new.key);
        let permit = self.permit::<operation::PutObject>(caller, &resource).await?;
        let event = |record: &mut ObjectRecord| {
            late(&mut record.attributes);
            stored_event(self.event(caller, permit.action(), &resource, "stored"), record)
        };
        let record = self.parts.objects.put(&permit, new, body, self.stamp(), event).await?;
        metrics::counter!("casemate_object_bytes_stored_total").increment(record.size_bytes);
        self.announce_object(&record.project, (&record.bucket, &record.key), true);
        Ok(record)
    }

    /// Stores the content of an object once more, under another key or with other attributes. `change` makes what is new
    /// of what the source is, or refuses it.
    pub async fn copy_object(
        &self,
        caller: &Caller,
        source: &CopySource,
        change: impl FnOnce(&ObjectRecord) -> Result<NewObject, ControlError> + Send,
    ) -> Result<ObjectRecord, ControlError> {
        let from = object_resource(&source.bucket, &source.key);
        let reading = self.permit::<operation::GetObject>(caller, &from).await?;
        let found =
            self.parts.objects.find_version(reading.project(), &source.bucket, &source.key, source.version);
        let found = found.await?;
        let new = change(&found)?;
        let resource = object_resource(&new.bucket, &new.key);
        let permit = self.permit::<operation::PutObject>(caller, &resource).await?;
        let event = |record: &mut ObjectRecord| {
            let mut event = stored_event(self.event(caller, permit.action(), &resource, "copied"), record);
            event.details.push(("from".to_owned(), from.to_string()));
            if let Version::Given(version) = source.version {
                event.details.push(("from_version".to_owned(), version_text(version)));
            }
            event
        };
        let record = self.parts.objects.copy(&permit, new, &found, self.stamp(), event).await?;
        self.announce_object(&record.project, (&record.bucket, &record.key), true);
        Ok(record)
    }

    /// Finds an object and, if `wanted` says so of its record, opens its content, which was checked then.
    pub async fn get_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
        wanted: impl FnOnce(&ObjectRecord) -> bool,
    ) -> Result<(ObjectRecord, Option<VerifiedBlob>), ControlError> {
        let permit = self.permit::<operation::GetObject>(caller, &object_resource(bucket, key)).await?;
        match self.parts.objects.get(&permit, (bucket, key), version, wanted).await {
            Ok(found) => Ok(found),
            Err(error) => Err(self.record_damage(caller, permit.project(), error).await),
        }
    }

    /// Shows an object's record, and how its content is stored.
    pub async fn stat_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
    ) -> Result<(ObjectRecord, Storage), ControlError> {
        let permit = self.permit::<operation::StatObject>(caller, &object_resource(bucket, key)).await?;
        let record = self.parts.objects.stat(&permit, bucket, key, version).await?;
        let storage = self.parts.objects.storage(&record).await?;
        Ok((record, storage))
    }

    /// Makes an older version the newest again, as a copy of it.
    pub async fn restore_object(
        &self,
        caller: &Caller,
        source: &CopySource,
    ) -> Result<ObjectRecord, ControlError> {
        let again = |found: &ObjectRecord| {
            Ok(NewObject {
                bucket: found.bucket.clone(),
                key: found.key.clone(),
                media_type: found.media_type.clone(),
                expected: None,
                attributes: found.attributes.clone(),
                rule: PutRule::default(),
                with_md5: false,
                expected_md5: None,
            })
        };
        self.copy_object(caller, source, again).await
    }

    /// Reads an object's content again, all of it. Damage that comes to light is recorded, and set aside.
    pub async fn verify_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
    ) -> Result<(ObjectRecord, Verdict), ControlError> {
        let permit = self.permit::<operation::VerifyObject>(caller, &object_resource(bucket, key)).await?;
        let (record, read) = self.parts.objects.verify(&permit, (bucket, key), version).await?;
        let verdict = match read {
            Ok(()) => Verdict::Sound,
            Err(ObjectsError::BlobMissing { .. }) => Verdict::Missing,
            Err(error) => match self.record_damage(caller, permit.project(), error).await {
                ControlError::Objects(ObjectsError::Corrupt { .. }) => Verdict::Damaged,
                error => return Err(error),
            },
        };
        Ok((record, verdict))
    }

    /// What of a bucket that must be there is stored as a difference to what. The page's project is the caller's.
    pub async fn graph(&self, caller: &Caller, page: VersionPage) -> Result<Graph, ControlError> {
        let resource = keys_resource(&page.bucket, &page.prefix);
        let permit = self.permit::<operation::ListObjects>(caller, &resource).await?;
        self.parts.objects.bucket(permit.project(), &page.bucket).await?;
        let page = VersionPage { project: permit.project().clone(), ..page };
        Ok(self.parts.objects.graph(&permit, &page).await?)
    }

    /// Lists objects of a bucket.
    pub async fn list_objects(
        &self,
        caller: &Caller,
        bucket: BucketName,
        prefix: String,
        after: Option<ObjectKey>,
        limit: u32,
    ) -> Result<Vec<ObjectRecord>, ControlError> {
        let permit = self.permit::<operation::ListObjects>(caller, &keys_resource(&bucket, &prefix)).await?;
        let after = after.map(|key| key.to_string());
        let page = ObjectPage { project: permit.project().clone(), bucket, prefix, after, past: None, limit };
        Ok(self.parts.objects.list(&permit, &page).await?)
    }

    /// Lists objects of a bucket that must be there, with keys grouped into folders. The page's project is the caller's.
    pub async fn list_folders(
        &self,
        caller: &Caller,
        page: ObjectPage,
        delimiter: &str,
    ) -> Result<Listing<ObjectRecord>, ControlError> {
        let resource = keys_resource(&page.bucket, &page.prefix);
        let permit = self.permit::<operation::ListObjects>(caller, &resource).await?;
        self.parts.objects.bucket(permit.project(), &page.bucket).await?;
        let page = ObjectPage { project: permit.project().clone(), ..page };
        Ok(self.parts.objects.list_folders(&permit, &page, delimiter).await?)
    }

    /// Lists versions of a bucket that must be there; `after` names a version to start after. The page's project is the
    /// caller's.
    pub async fn list_versions(
        &self,
        caller: &Caller,
        page: VersionPage,
        after: Option<(ObjectKey, Option<VersionId>)>,
        delimiter: &str,
    ) -> Result<Listing<VersionRecord>, ControlError> {
        let resource = keys_resource(&page.bucket, &page.prefix);
        let permit = self.permit::<operation::ListObjects>(caller, &resource).await?;
        self.parts.objects.bucket(permit.project(), &page.bucket).await?;
        let mut page = VersionPage { project: permit.project().clone(), ..page };
        if let Some((key, version)) = after {
            let sequence = self.parts.objects.sequence(&permit, &page.bucket, &key, version).await?;
            page.after = Some((key.to_string(), sequence));
        }
        Ok(self.parts.objects.list_versions(&permit, &page, delimiter).await?)
    }

    /// Deletes an object, or marks it as deleted in a bucket that keeps versions.
    pub async fn delete_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        before: &Before,
    ) -> Result<Deleted, ControlError> {
        let resource = object_resource(bucket, key);
        let permit = self.permit::<operation::DeleteObject>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "deleted");
        let marker = self.stamp().version;
        let place = Place { project: permit.project().clone(), bucket: bucket.clone(), key: key.clone() };
        let deleted = self.parts.objects.delete(&permit, &place, (before, marker), event).await?;
        if deleted != Deleted::Absent {
            self.announce_object(permit.project(), (bucket, key), false);
        }
        Ok(deleted)
    }

    /// Deletes a version for good; returns what it was.
    pub async fn delete_version(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Option<VersionId>,
    ) -> Result<Option<VersionRecord>, ControlError> {
        let resource = object_resource(bucket, key);
        let permit = self.permit::<operation::DeleteObject>(caller, &resource).await?;
        let mut event = self.event(caller, permit.action(), &resource, "deleted for good");
        event.details.push(("version".to_owned(), version_text(version)));
        let deleted = self.parts.objects.delete_version(&permit, (bucket, key), version, event).await?;
        if deleted.is_some() {
            self.announce_object(permit.project(), (bucket, key), false);
        }
        Ok(deleted)
    }

    /// Finds an object for a caller who may change what is said of it; others are refused.
    pub async fn find_object_to_tag(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
    ) -> Result<ObjectRecord, ControlError> {
        let permit = self.permit::<operation::TagObject>(caller, &object_resource(bucket, key)).await?;
        Ok(self.parts.objects.find_version(permit.project(), bucket, key, version).await?)
    }

    /// Replaces the tags of an object.
    pub async fn tag_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
        tags: std::collections::BTreeMap<String, String>,
    ) -> Result<ObjectRecord, ControlError> {
        let resource = object_resource(bucket, key);
        let permit = self.permit::<operation::TagObject>(caller, &resource).await?;
        for _ in 0..TAG_ATTEMPTS {
            let found = self.parts.objects.find_version(permit.project(), bucket, key, version).await?;
            let attributes = Attributes { tags: tags.clone(), ..found.attributes.clone() };
            let event = self.event(caller, permit.action(), &resource, "tagged");
            // Another object may have come in its place, whose attributes these are not.
            if self.parts.objects.set_attributes(&permit, &found, &attributes, event).await? {
                return Ok(ObjectRecord { attributes, ..found });
            }
        }
        Err(ObjectsError::Unfit { absent: false }.into())
    }

    /// The time, and an id for the version that something may become.
    pub(crate) fn stamp(&self) -> Stamp {
        let now = self.now();
        Stamp { now, version: VersionId::generate(now, self.entropy()) }
    }

    /// Opens content and records damage that comes to light.
    pub(crate) async fn open_content(
        &self,
        caller: &Caller,
        blob: BlobId,
    ) -> Result<VerifiedBlob, ControlError> {
        match self.parts.objects.open_verified(blob.clone()).await {
            Ok(blob) => Ok(blob),
            Err(error) => Err(self.record_damage(caller, &blob.project, error).await),
        }
    }

    /// Damage of a project's content is worth an entry of its own, whoever came across it; then the content is set aside.
    /// Both happen even if the caller goes away. The error stays what it was.
    pub async fn record_damage(
        &self,
        caller: &Caller,
        project: &Project,
        error: ObjectsError,
    ) -> ControlError {
        if let ObjectsError::Corrupt { digest } = error {
            let (control, blob) = (self.clone(), BlobId::new(project, digest));
            let node = Caller { request: caller.request, ..self.node_caller(project) };
            let recorded = self.background.spawn(async move { control.set_aside(&node, &blob).await }).await;
            match recorded {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => return failure,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
        error.into()
    }

    async fn set_aside(&self, node: &Caller, blob: &BlobId) -> Result<(), ControlError> {
        metrics::counter!("casemate_damaged_objects_total").increment(1);
        tracing::error!(%blob, request = %node.request, "stored content is damaged and is set aside");
        let event = self.event(node, "objects.quarantine", blob.digest, "damaged content set aside");
        self.parts.audit.append(event).await?;
        if !self.parts.objects.set_aside(blob).await? {
            tracing::warn!(%blob, "content that was damaged on one read was sound on the next; it stays");
        }
        Ok(())
    }

    pub(crate) fn announce_object(
        &self,
        project: &Project,
        (bucket, key): (&BucketName, &ObjectKey),
        stored: bool,
    ) {
        let change = Change::Object { bucket: bucket.to_string(), key: key.to_string(), stored };
        self.feed.publish(Some(project.clone()), change);
    }

    /// Removes content that nothing has referred to since before `before`.
    pub(crate) async fn collect_objects(&self, before: Timestamp) -> Result<u64, ControlError> {
        Ok(self.parts.objects.collect(before).await?)
    }
}

/// The event of content that is now an object.
pub(crate) fn stored_event(mut event: Event, record: &ObjectRecord) -> Event {
    event.details.push(("digest".to_owned(), record.digest.to_string()));
    event.details.push(("size_bytes".to_owned(), record.size_bytes.to_string()));
    event
}

/// A version as clients and the log spell it.
pub(crate) fn version_text(version: Option<VersionId>) -> String {
    version.map_or_else(|| "null".to_owned(), |version| version.to_string())
}

pub(crate) fn object_resource(bucket: &BucketName, key: &ObjectKey) -> Resource {
    Resource::one("object", format_args!("{bucket}/{key}"))
}

/// The keys of a bucket that begin with `prefix`.
pub(crate) fn keys_resource(bucket: &BucketName, prefix: &str) -> Resource {
    Resource::matching(format!("bucket:{bucket}"), Pattern::under(&format!("{bucket}/{prefix}")))
}
