//! Uploads in parts.

use std::collections::BTreeMap;
use std::time::Duration;

use casemate_ledger::AuditLog;
use casemate_model::{BucketName, Digest, UploadId};
use casemate_objects::{
    Attributes, BucketCatalog, ETag, ObjectCatalog, OverQuota, PartPut, PartRecord, Place, ProjectQuota,
    ProjectUsage, Put, PutRule, UploadCatalog, UploadPage, UploadRecord,
};
use futures_util::future::join_all;

use crate::context::Context;

const ANY: ProjectQuota = ProjectQuota { objects_max: None, bytes_max: None };

fn bytes(max: u64) -> ProjectQuota {
    ProjectQuota { bytes_max: Some(max), objects_max: None }
}

fn bucket() -> BucketName {
    "builds".parse().unwrap()
}

impl Context {
    async fn begin(&self, key: &str) -> (UploadRecord, bool) {
        let upload = UploadRecord {
            id: UploadId::generate(self.now(), &self.entropy),
            place: Place { project: self.project.clone(), bucket: bucket(), key: key.parse().unwrap() },
            media_type: "text/plain".to_owned(),
            attributes: Attributes::default(),
            begun: self.now(),
        };
        let begun = self.store.begin_upload(&upload, self.event("objects.put")).await.unwrap();
        (upload, begun)
    }

    fn part(&self, number: u32, content: &[u8]) -> PartRecord {
        PartRecord {
            number,
            size_bytes: content.len() as u64,
            etag: ETag::of_digest(&Digest::of(content)),
            file: format!("{number}-{}", content.len()),
            checksums: BTreeMap::from([("crc32".to_owned(), "AAAA".to_owned())]),
            stored: self.now(),
        }
    }

    async fn put_part(&self, upload: &UploadRecord, part: &PartRecord, quota: ProjectQuota) -> PartPut {
        self.store.put_part(upload, part, quota).await.unwrap()
    }

    async fn used(&self) -> (u64, u64, u64) {
        let ProjectUsage { objects, bytes, upload_bytes } = self.store.usage(&self.project).await.unwrap();
        (objects, bytes, upload_bytes)
    }

    async fn complete_upload(&self, upload: &UploadRecord, content: &[u8], quota: ProjectQuota) -> Put {
        let object = self.object(upload.place.key.as_str(), content);
        let rule = PutRule { completes: Some(upload.id), quota, ..PutRule::default() };
        self.store.put_object(&object, &rule, self.event("objects.put")).await.unwrap()
    }
}

fn done(former: Option<PartRecord>) -> PartPut {
    PartPut::Done { former }
}

fn over(used: u64, more: u64, max: u64) -> OverQuota {
    OverQuota { what: "bytes", used, more, max }
}

pub(super) async fn uploads_hold_their_parts_until_they_end(context: &Context) {
    assert!(!context.begin("a").await.1, "without a bucket");
    context.make_bucket().await;
    let (upload, begun) = context.begin("a").await;
    let (other, _) = context.begin("b").await;
    assert!(begun);
    let part = |number, content| context.part(number, content);
    assert_eq!(context.put_part(&upload, &part(2, b"two"), ANY).await, done(None));
    assert_eq!(context.put_part(&upload, &part(1, b"first"), ANY).await, done(None));
    assert_eq!(context.put_part(&upload, &part(1, b"one"), ANY).await, done(Some(part(1, b"first"))));
    assert_eq!(context.store.parts(upload.id, 0, 9).await.unwrap(), [part(1, b"one"), part(2, b"two")]);
    assert_eq!(context.store.parts(upload.id, 1, 9).await.unwrap(), [part(2, b"two")]);

    let page = |after| UploadPage {
        project: context.project.clone(),
        bucket: bucket(),
        prefix: String::new(),
        after,
        limit: 9,
    };
    let list = async |after| context.store.uploads(&page(after)).await.unwrap();
    assert_eq!(list(None).await, [upload.clone(), other.clone()]);
    let key = upload.place.key.to_string();
    assert_eq!(list(Some((key.clone(), Some(upload.id)))).await, std::slice::from_ref(&other));
    assert_eq!(list(Some((key, None))).await, std::slice::from_ref(&other));
    context.clock.advance(Duration::from_secs(1));
    assert_eq!(context.store.stale_uploads(context.now(), 9).await.unwrap().len(), 2);

    assert!(context.store.end_upload(&upload, Some(context.event("objects.put"))).await.unwrap());
    assert!(!context.store.end_upload(&upload, None).await.unwrap());
    assert_eq!(context.put_part(&upload, &part(3, b"late"), ANY).await, PartPut::NoUpload);
    assert_eq!(context.store.parts(upload.id, 0, 9).await.unwrap(), []);
    assert!(context.store.end_upload(&other, None).await.unwrap());
}

pub(super) async fn parts_count_towards_the_quota_until_their_upload_ends(context: &Context) {
    context.put("a", b"four").await;
    let (upload, _) = context.begin("big").await;
    let put = async |number, content: &[u8], max| {
        context.put_part(&upload, &context.part(number, content), bytes(max)).await
    };
    assert_eq!(put(1, b"five!", 8).await, PartPut::OverQuota(over(4, 5, 8)));
    assert_eq!(context.store.parts(upload.id, 0, 9).await.unwrap(), []);
    assert_eq!(put(1, b"five!", 9).await, done(None));
    assert_eq!(context.used().await, (1, 9, 5));
    assert_eq!(put(1, b"sixsix", 9).await, PartPut::OverQuota(over(9, 1, 9)), "a part that grows");
    assert_eq!(put(1, b"two", 2).await, done(Some(context.part(1, b"five!"))), "one that shrinks");
    assert_eq!(put(2, b"two", 10).await, done(None));
    assert_eq!(context.used().await, (1, 10, 6));
    let object = context.object("b", b"1");
    let rule = PutRule { quota: bytes(10), ..PutRule::default() };
    let put = context.store.put_object(&object, &rule, context.event("objects.put")).await.unwrap();
    assert_eq!(put, Put::OverQuota(over(10, 1, 10)), "objects have no room beside parts either");
    assert!(context.store.end_upload(&upload, None).await.unwrap());
    assert_eq!(context.used().await, (1, 4, 0));
}

pub(super) async fn many_parts_at_once_do_not_get_past_a_quota(context: &Context) {
    context.make_bucket().await;
    let (upload, _) = context.begin("big").await;
    let parts: Vec<_> = (1..=40).map(|number| context.part(number, b"seven77")).collect();
    let puts = join_all(parts.iter().map(|part| context.put_part(&upload, part, bytes(40)))).await;
    assert_eq!(puts.iter().filter(|put| **put == done(None)).count(), 5);
    assert_eq!(context.used().await, (0, 35, 35));
}

pub(super) async fn an_upload_ends_with_the_put_that_completes_it(context: &Context) {
    context.make_bucket().await;
    let (upload, _) = context.begin("big").await;
    for (number, content) in [(1, b"one"), (2, b"two"), (3, b"not")] {
        context.put_part(&upload, &context.part(number, content), ANY).await;
    }
    // What it had in parts it has as an object, so it fits where the parts did, and is refused for what else there is.
    let none = ProjectQuota { objects_max: Some(0), bytes_max: None };
    assert!(matches!(context.complete_upload(&upload, b"onetwo", none).await, Put::OverQuota(_)));
    assert_eq!(context.used().await, (0, 9, 9));
    assert!(matches!(context.complete_upload(&upload, b"onetwo", bytes(9)).await, Put::Done { .. }));
    assert_eq!(context.used().await, (1, 6, 0));
    assert_eq!(context.store.upload(upload.id).await.unwrap(), None);

    let entries = context.store.size().await.unwrap();
    assert_eq!(context.complete_upload(&upload, b"again", ANY).await, Put::NoUpload { id: upload.id });
    let (given_up, _) = context.begin("other").await;
    assert!(context.store.end_upload(&given_up, None).await.unwrap());
    assert_eq!(context.complete_upload(&given_up, b"late", ANY).await, Put::NoUpload { id: given_up.id });
    assert_eq!(context.used().await, (1, 6, 0));
    assert_eq!(context.store.size().await.unwrap(), entries + 1, "a refusal has no entry");
}
