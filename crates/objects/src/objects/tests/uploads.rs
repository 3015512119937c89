//! Uploads in parts.

use std::collections::BTreeMap;

use casemate_model::UploadId;

use super::*;
use crate::{PartRecord, UploadCatalog, UploadRecord};

impl World {
    async fn begin_upload(&self) -> UploadRecord {
        let place = Place { project: Project::default_project(), bucket: bucket(), key: object_key("big") };
        let (now, attributes) = (self.clock.now(), Attributes::default());
        let id = UploadId::generate(now, &CountingEntropy::default());
        let upload = UploadRecord { id, place, media_type: "text/plain".to_owned(), attributes, begun: now };
        self.objects.begin_upload(&Self::permit(), &upload, self.event()).await.unwrap();
        upload
    }

    async fn upload_part(
        &self,
        upload: &UploadRecord,
        number: u32,
        content: &[u8],
    ) -> Result<PartRecord, ObjectsError> {
        let part = NewPart { upload, number, expected_md5: None, now: self.clock.now() };
        let pieces: Vec<_> = content
            .chunks(64 << 10)
            .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
            .collect();
        self.objects.put_part(&Self::permit(), part, stream::iter(pieces), BTreeMap::new).await
    }

    async fn complete_upload(
        &self,
        upload: &UploadRecord,
        parts: &[&PartRecord],
    ) -> Result<ObjectRecord, ObjectsError> {
        let named: Vec<_> = parts
            .iter()
            .map(|part| CompletedPart {
                number: part.number,
                etag: part.etag.to_string(),
                checksums: BTreeMap::new(),
            })
            .collect();
        let (permit, stamp) = (Self::permit(), self.stamp());
        let rule = (PutRule::default(), |_: &[PartRecord]| Ok(BTreeMap::new()));
        self.objects.complete_upload(&permit, (upload, &named), rule, stamp, |_| self.event()).await
    }

    fn parts_of(&self, upload: &UploadRecord) -> usize {
        let path = self.scratch.path().join("objects/uploads").join(upload.id.to_string());
        std::fs::read_dir(path).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn a_part_over_the_quota_leaves_no_file() {
    let quota = ProjectQuota { bytes_max: Some(9), objects_max: None };
    let world = World::with(Settings { quota, ..settings(1) });
    let upload = world.begin_upload().await;
    world.upload_part(&upload, 1, b"five!").await.unwrap();
    let refused = world.upload_part(&upload, 2, b"five!").await.unwrap_err();
    assert!(matches!(refused, ObjectsError::QuotaExceeded { what: "bytes", used: 5, more: 5, max: 9 }));
    assert_eq!(world.parts_of(&upload), 1);
    world.upload_part(&upload, 2, b"four").await.unwrap();
    assert_eq!(world.parts_of(&upload), 2);
}

#[tokio::test]
async fn who_completes_what_was_given_up_meanwhile_is_told_so() {
    let world = World::with(Settings { object_bytes_max: 64 << 20, ..settings(1) });
    let upload = world.begin_upload().await;
    let part = world.upload_part(&upload, 1, b"part").await.unwrap();
    // The row ends when the files are still there, and when they are gone.
    for files_gone in [false, true] {
        world.objects.begin_upload(&World::permit(), &upload, world.event()).await.unwrap();
        let part =
            if files_gone { world.upload_part(&upload, 1, b"part").await.unwrap() } else { part.clone() };
        world.catalog.put_part(&upload, &part, ProjectQuota::default()).await.unwrap();
        let named = [&part];
        let completing = world.complete_upload(&upload, &named);
        let mut completing = std::pin::pin!(completing);
        // It has read the rows of the parts and works on the files when the upload is given up.
        assert!(futures_util::poll!(completing.as_mut()).is_pending());
        world.catalog.end_upload(&upload, None).await.unwrap();
        if files_gone {
            world.objects.remove_upload(upload.id).await.unwrap();
        }
        let told = completing.await;
        assert!(matches!(told, Err(ObjectsError::UploadNotFound { id }) if id == upload.id), "{told:?}");
        assert!(matches!(world.get("big").await, Err(ObjectsError::NotFound { .. })));
    }
}

#[tokio::test]
async fn an_upload_that_is_completed_is_over() {
    let world = World::new();
    let upload = world.begin_upload().await;
    let (one, two) =
        (world.upload_part(&upload, 1, &[1; 9]).await.unwrap(), world.upload_part(&upload, 2, b"two").await);
    let two = two.unwrap();
    assert!(matches!(
        world.complete_upload(&upload, &[&one, &two]).await,
        Err(ObjectsError::PartTooSmall { number: 1 })
    ));
    let record = world.complete_upload(&upload, &[&two]).await.unwrap();
    assert_eq!((record.size_bytes, world.get("big").await.unwrap()), (3, b"two".to_vec()));
    assert_eq!((world.parts_of(&upload), world.catalog.upload(upload.id).await.unwrap()), (0, None));
    let again = world.complete_upload(&upload, &[&two]).await;
    assert!(matches!(again, Err(ObjectsError::PartMissing { number: 2 })), "{again:?}");
}
