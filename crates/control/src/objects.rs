use casemate_model::{BucketName, Digest, ObjectKey, Timestamp};
use casemate_objects::{
    BucketRecord, NewObject, ObjectPage, ObjectRecord, ObjectsError, Packing, VerifiedBlob,
};
use casemate_policy::operation;

use bytes::Bytes;
use futures_util::Stream;

use crate::{Caller, Change, Control, ControlError};

impl Control {
    /// Stores an object; when this returns, it is durable.
    pub async fn put_object<B, E>(
        &self,
        caller: &Caller,
        new: NewObject,
        body: B,
    ) -> Result<ObjectRecord, ControlError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let resource = object_resource(&new.bucket, &new.key);
        let permit = self.permit::<operation::PutObject>(caller, &resource).await?;
        let event = |record: &ObjectRecord| {
            let mut event = self.event(caller, permit.action(), &resource, "stored");
            event.details.push(("digest".to_owned(), record.digest.to_string()));
            event.details.push(("size_bytes".to_owned(), record.size_bytes.to_string()));
            event
        };
        let record = self.parts.objects.put(&permit, new, body, self.now(), event).await?;
        metrics::counter!("casemate_object_bytes_stored_total").increment(record.size_bytes);
        self.announce_object(&record, true);
        Ok(record)
    }

    /// Finds an object and, if `wanted` says so of its record, opens its content, which was checked then.
    pub async fn get_object(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        wanted: impl FnOnce(&ObjectRecord) -> bool,
    ) -> Result<(ObjectRecord, Option<VerifiedBlob>), ControlError> {
        let permit = self.permit::<operation::GetObject>(caller, &object_resource(bucket, key)).await?;
        match self.parts.objects.get(&permit, bucket, key, wanted).await {
            Ok(found) => Ok(found),
            Err(error) => Err(self.record_damage(caller, error).await),
        }
    }

    /// Shows an object's record, and how its content is stored.
    pub async fn stat_object(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<(ObjectRecord, Option<Packing>), ControlError> {
        let permit = self.permit::<operation::StatObject>(caller, &object_resource(bucket, key)).await?;
        let record = self.parts.objects.stat(&permit, bucket, key).await?;
        let packing = self.parts.objects.packing(&record.digest).await?;
        Ok((record, packing))
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
        let permit = self.permit::<operation::ListObjects>(caller, &format!("bucket:{bucket}")).await?;
        let page = ObjectPage { project: permit.project().clone(), bucket, prefix, after, limit };
        Ok(self.parts.objects.list(&permit, &page).await?)
    }

    /// Lists buckets.
    pub async fn list_buckets(
        &self,
        caller: &Caller,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, "buckets").await?;
        Ok(self.parts.objects.buckets(&permit, after, limit).await?)
    }

    /// Deletes an object.
    pub async fn delete_object(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<(), ControlError> {
        let resource = object_resource(bucket, key);
        let permit = self.permit::<operation::DeleteObject>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "deleted");
        let record = self.parts.objects.delete(&permit, bucket, key, event).await?;
        self.announce_object(&record, false);
        Ok(())
    }

    /// Opens content by its digest and records damage that comes to light.
    pub(crate) async fn open_content(
        &self,
        caller: &Caller,
        digest: Digest,
    ) -> Result<VerifiedBlob, ControlError> {
        match self.parts.objects.open_verified(digest).await {
            Ok(blob) => Ok(blob),
            Err(error) => Err(self.record_damage(caller, error).await),
        }
    }

    /// Damage is worth an entry of its own, whoever came across it; then the content is set aside. Both happen even if
    /// the caller goes away. The error stays what it was.
    pub(crate) async fn record_damage(&self, caller: &Caller, error: ObjectsError) -> ControlError {
        if let ObjectsError::Corrupt { digest } = error {
            let (control, node) = (
                self.clone(),
                Caller { request: caller.request, ..self.node_caller(&caller.principal.project) },
            );
            let recorded = self.background.spawn(async move { control.set_aside(&node, digest).await }).await;
            match recorded {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => return failure,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
        error.into()
    }

    async fn set_aside(&self, node: &Caller, digest: Digest) -> Result<(), ControlError> {
        metrics::counter!("casemate_damaged_objects_total").increment(1);
        tracing::error!(%digest, request = %node.request, "stored content is damaged and is set aside");
        let event = self.event(node, "objects.quarantine", &digest.to_string(), "damaged content set aside");
        self.parts.audit.append(event).await?;
        if !self.parts.objects.set_aside(digest).await? {
            tracing::warn!(%digest, "content that was damaged on one read was sound on the next; it stays");
        }
        Ok(())
    }

    fn announce_object(&self, record: &ObjectRecord, stored: bool) {
        let change =
            Change::Object { bucket: record.bucket.to_string(), key: record.key.to_string(), stored };
        self.feed.publish(Some(record.project.clone()), change);
    }

    /// Removes content that nothing has referred to since before `before`.
    pub(crate) async fn collect_objects(&self, before: Timestamp) -> Result<u64, ControlError> {
        Ok(self.parts.objects.collect(before).await?)
    }
}

fn object_resource(bucket: &BucketName, key: &ObjectKey) -> String {
    format!("object:{bucket}/{key}")
}
