use std::collections::BTreeMap;

use casemate_model::{Digest, UploadId};
use casemate_objects::{
    Attributes, BlobCatalog, BlobRecord, BucketCatalog, ETag, Inventory, Packing, PartRecord, Place,
    ProjectQuota, UploadCatalog, UploadRecord,
};

use crate::context::Context;

pub(super) async fn blobs_come_by_project_and_digest(context: &Context) {
    for (key, content) in [("a", &b"one"[..]), ("b", b"three"), ("c", b"one")] {
        context.put(key, content).await;
    }
    let record = |content: &[u8]| BlobRecord {
        id: context.blob(Digest::of(content)),
        size_bytes: content.len() as u64,
        packing: None,
    };
    let mut expected = [record(b"one"), record(b"three")];
    expected.sort_by_key(|record| record.id.clone());
    assert_eq!(context.store.blobs(None, 9).await.unwrap(), expected);
    assert_eq!(context.store.blobs(None, 1).await.unwrap(), expected[..1]);
    assert_eq!(context.store.blobs(Some(&expected[0].id), 9).await.unwrap(), expected[1..]);
    assert_eq!(context.store.blobs(Some(&expected[1].id), 9).await.unwrap(), []);
    assert_eq!(context.store.stored_bytes().await.unwrap(), 8);

    let (base, packed) = (expected[0].id.digest, expected[1].id.digest);
    let packing = Packing { stored_bytes: 2, base: Some(base) };
    let size = expected[0].size_bytes;
    assert!(context.store.note_packing(&context.blob(packed), packing, context.now()).await.unwrap());
    expected[1].packing = Some(packing);
    assert_eq!(context.store.blobs(None, 9).await.unwrap(), expected);
    assert_eq!(context.store.stored_bytes().await.unwrap(), size + 2);

    let place = |key: &str| context.object(key, b"").place();
    assert_eq!(
        context.store.places_of(&context.blob(Digest::of(b"one")), 9).await.unwrap(),
        [place("a"), place("c")]
    );
    assert_eq!(context.store.places_of(&context.blob(Digest::of(b"one")), 1).await.unwrap(), [place("a")]);
    assert_eq!(context.store.places_of(&context.blob(Digest::of(b"none")), 9).await.unwrap(), []);
}

pub(super) async fn parts_of_all_uploads_come_in_order(context: &Context) {
    let bucket = "builds".parse().unwrap();
    context
        .store
        .create_bucket(
            &context.project,
            &bucket,
            &casemate_objects::BucketSettings::default(),
            context.event("objects.put"),
        )
        .await
        .unwrap();
    assert_eq!(context.store.all_parts(None, 9).await.unwrap(), []);
    let mut expected = Vec::new();
    for _ in 0..2 {
        let id = UploadId::generate(context.now(), &context.entropy);
        let place =
            Place { project: context.project.clone(), bucket: bucket.clone(), key: "big".parse().unwrap() };
        let (media_type, attributes) = ("text/plain".to_owned(), Attributes::default());
        let upload = UploadRecord { id, place, media_type, attributes, begun: context.now() };
        context.store.begin_upload(&upload, context.event("objects.put")).await.unwrap();
        let quota = ProjectQuota::default();
        for number in [1, 3] {
            let part = PartRecord {
                number,
                size_bytes: 4,
                etag: ETag::of_digest(&Digest::of(b"part")),
                file: number.to_string(),
                checksums: BTreeMap::new(),
                stored: context.now(),
            };
            context.store.put_part(&upload, &part, quota).await.unwrap();
            expected.push((id, part));
        }
    }
    expected.sort_by_key(|(id, part)| (*id, part.number));
    assert_eq!(context.store.all_parts(None, 9).await.unwrap(), expected);
    for (index, (id, part)) in expected.iter().enumerate() {
        let after = context.store.all_parts(Some((*id, part.number)), 2).await.unwrap();
        assert_eq!(after, expected[index + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
}
