use std::collections::BTreeMap;

use bytes::Bytes;
use casemate_model::{BucketName, ObjectKey, Timestamp, UploadId};
use casemate_objects::{
    Attributes, CompletedPart, NewPart, ObjectRecord, ObjectsError, PartRecord, Place, PutRule, UploadPage,
    UploadRecord,
};
use casemate_policy::{Permit, operation};
use futures_util::Stream;

use crate::objects::{keys_resource, object_resource, stored_event};
use crate::{Caller, Control, ControlError};

/// Which upload is meant: its id must belong to its place.
#[derive(Clone, Debug)]
pub struct UploadRef {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The upload.
    pub id: UploadId,
}

impl Control {
    /// Begins an upload in parts.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        (bucket, key): (BucketName, ObjectKey),
        media_type: String,
        attributes: Attributes,
    ) -> Result<UploadRecord, ControlError> {
        let resource = object_resource(&bucket, &key);
        let permit = self.permit::<operation::PutObject>(caller, &resource).await?;
        let begun = self.now();
        let id = UploadId::generate(begun, self.entropy());
        let place = Place { project: permit.project().clone(), bucket, key };
        let upload = UploadRecord { id, place, media_type, attributes, begun };
        let mut event = self.event(caller, permit.action(), &resource, "upload begun");
        event.details.push(("upload".to_owned(), id.to_string()));
        self.parts.objects.begin_upload(&permit, &upload, event).await?;
        Ok(upload)
    }

    /// Stores a part; when this returns, it is durable. `finish` makes the checksums that only its end could tell.
    pub async fn put_part<B, E>(
        &self,
        caller: &Caller,
        upload: &UploadRef,
        (number, expected_md5, body): (u32, Option<[u8; 16]>, B),
        finish: impl FnOnce() -> BTreeMap<String, String> + Send,
    ) -> Result<PartRecord, ControlError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (permit, found) = self.upload_permit(caller, upload).await?;
        let part = NewPart { upload: &found, number, expected_md5, now: self.now() };
        let record = self.parts.objects.put_part(&permit, part, body, finish).await?;
        metrics::counter!("casemate_object_bytes_stored_total").increment(record.size_bytes);
        Ok(record)
    }

    /// Makes parts one object; when this returns, it is durable. `sums` makes the checksums of the whole.
    pub async fn complete_upload(
        &self,
        caller: &Caller,
        (upload, parts): (&UploadRef, &[CompletedPart]),
        rule: PutRule,
        sums: impl FnOnce(&[PartRecord]) -> Result<BTreeMap<String, String>, ObjectsError> + Send,
    ) -> Result<ObjectRecord, ControlError> {
        let (permit, found) = self.upload_permit(caller, upload).await?;
        let resource = object_resource(&upload.bucket, &upload.key);
        let event = |record: &mut ObjectRecord| {
            let event = self.event(caller, permit.action(), &resource, "stored");
            let mut event = stored_event(event, record);
            event.details.push(("upload".to_owned(), upload.id.to_string()));
            event
        };
        let done =
            self.parts.objects.complete_upload(&permit, (&found, parts), (rule, sums), self.stamp(), event);
        let record = done.await?;
        self.announce_object(&record.project, (&record.bucket, &record.key), true);
        Ok(record)
    }

    /// Gives an upload up.
    pub async fn abort_upload(&self, caller: &Caller, upload: &UploadRef) -> Result<(), ControlError> {
        let (permit, found) = self.upload_permit(caller, upload).await?;
        let resource = object_resource(&upload.bucket, &upload.key);
        let mut event = self.event(caller, permit.action(), &resource, "upload given up");
        event.details.push(("upload".to_owned(), upload.id.to_string()));
        Ok(self.parts.objects.abort_upload(&permit, &found, event).await?)
    }

    /// Lists the parts of an upload after a number.
    pub async fn list_parts(
        &self,
        caller: &Caller,
        upload: &UploadRef,
        after: u32,
        limit: u32,
    ) -> Result<(UploadRecord, Vec<PartRecord>), ControlError> {
        let (_, found) = self.upload_permit(caller, upload).await?;
        let parts = self.parts.objects.parts(found.id, after, limit).await?;
        Ok((found, parts))
    }

    /// Lists uploads of a bucket that are under way. The page's project is the caller's.
    pub async fn list_uploads(
        &self,
        caller: &Caller,
        page: UploadPage,
    ) -> Result<Vec<UploadRecord>, ControlError> {
        let resource = keys_resource(&page.bucket, &page.prefix);
        let permit = self.permit::<operation::ListObjects>(caller, &resource).await?;
        self.parts.objects.bucket(permit.project(), &page.bucket).await?;
        let page = UploadPage { project: permit.project().clone(), ..page };
        Ok(self.parts.objects.list_uploads(&permit, &page).await?)
    }

    /// Gives up uploads that were begun before `before`.
    pub(crate) async fn collect_uploads(&self, before: Timestamp) -> Result<u64, ControlError> {
        let event = |upload: &UploadRecord| {
            let node = self.node_caller(&upload.place.project);
            let resource = object_resource(&upload.place.bucket, &upload.place.key);
            let mut event = self.event(&node, "objects.put", &resource, "upload expired");
            event.details.push(("upload".to_owned(), upload.id.to_string()));
            event
        };
        Ok(self.parts.objects.collect_uploads(before, event).await?)
    }

    async fn upload_permit(
        &self,
        caller: &Caller,
        upload: &UploadRef,
    ) -> Result<(Permit<operation::PutObject>, UploadRecord), ControlError> {
        let resource = object_resource(&upload.bucket, &upload.key);
        let permit = self.permit::<operation::PutObject>(caller, &resource).await?;
        let (bucket, key) = (upload.bucket.clone(), upload.key.clone());
        let place = Place { project: permit.project().clone(), bucket, key };
        let found = self.parts.objects.upload(&place, upload.id).await?;
        Ok((permit, found))
    }
}
