//! Lifecycle rules over a real catalog, with the clock advanced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casemate_fs::Dir;
use casemate_model::{BucketName, UploadId, VersionId};
use casemate_objects::{
    Attributes, BucketCatalog, BucketRecord, BucketSettings, Lapsed, LifecycleRule, ObjectCatalog,
    ObjectRecord, Objects, OlderVersions, PieceKey, ProjectQuota, PutRule, Settings, UploadCatalog,
    UploadRecord, VersionPage, Versioning,
};

use crate::context::Context;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Shelf<'c> {
    context: &'c Context,
    objects: Objects,
    rule: LifecycleRule,
    _directory: tempfile::TempDir,
}

impl<'c> Shelf<'c> {
    async fn new(context: &'c Context, versioning: Versioning, rule: LifecycleRule) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Dir::open_private(&directory.path().join("objects")).unwrap();
        let settings = Settings {
            object_bytes_max: 1 << 20,
            free_bytes_min: 0,
            quota: ProjectQuota::default(),
            piece_key: PieceKey::new([1; 32]),
            encryption: None,
        };
        let objects = Objects::open(&root, Arc::new(context.store.clone()), settings).unwrap();
        let rule = LifecycleRule { id: "r".to_owned(), enabled: true, ..rule };
        let settings = BucketSettings { versioning, ..BucketSettings::default() };
        let event = context.event("buckets.create");
        context.store.create_bucket(&context.project, &bucket(), &settings, event).await.unwrap();
        Self { context, objects, rule, _directory: directory }
    }

    async fn put(&self, key: &str, content: &[u8]) {
        let context = self.context;
        let object = ObjectRecord { version: Some(context.version_id()), ..context.object(key, content) };
        let (rule, event) = (PutRule::default(), context.event("objects.put"));
        context.store.put_object(&object, &rule, event).await.unwrap();
    }

    async fn bucket(&self) -> BucketRecord {
        self.context.store.bucket(&self.context.project, &bucket()).await.unwrap().unwrap()
    }

    /// Applies the rule and returns what it did.
    async fn apply(&self) -> Vec<String> {
        let seen = std::sync::Mutex::new(Vec::new());
        let event = |lapsed: Lapsed<'_>| {
            let said = match lapsed {
                Lapsed::Expired(place) => format!("expired {}", place.key),
                Lapsed::Removed(place, _) => format!("removed {}", place.key),
                Lapsed::Aborted(place, _) => format!("aborted {}", place.key),
            };
            seen.lock().unwrap().push(said);
            (self.context.event("objects.expire"), self.context.version_id())
        };
        let bucket = self.bucket().await;
        let applied = self.objects.apply_rule((&bucket, &self.rule), self.context.now(), event, || true);
        let done = applied.await.unwrap();
        let mut seen = seen.into_inner().unwrap();
        assert_eq!(done, seen.len() as u64, "each act is counted, and has its entry");
        seen.sort();
        seen
    }

    /// The versions of the bucket: key, and whether it has content.
    async fn versions(&self) -> Vec<(String, bool)> {
        let page = VersionPage {
            project: self.context.project.clone(),
            bucket: bucket(),
            prefix: String::new(),
            after: None,
            past: None,
            limit: 99,
        };
        let versions = self.context.store.versions(&page).await.unwrap().into_iter();
        versions.map(|version| (version.place.key.to_string(), version.object.is_some())).collect()
    }

    fn days(&self, count: u32) {
        self.context.clock.advance(DAY * count);
    }
}

fn bucket() -> BucketName {
    "builds".parse().unwrap()
}

pub(super) async fn rules_expire_trim_and_give_up_as_the_clock_goes_on(context: &Context) {
    let rule = LifecycleRule {
        prefix: "tmp/".to_owned(),
        expire_days: Some(3),
        older_versions: Some(OlderVersions { days: 0, keep: 1 }),
        lone_marks: true,
        abort_uploads_days: Some(2),
        ..LifecycleRule::default()
    };
    let shelf = Shelf::new(context, Versioning::On, rule).await;
    for content in [b"1", b"2", b"3"] {
        shelf.put("tmp/a", content).await;
        shelf.put("keep/a", content).await;
    }
    let upload = UploadRecord {
        id: UploadId::generate(context.now(), &context.entropy),
        place: context.object("tmp/up", b"").place(),
        media_type: String::new(),
        attributes: Attributes { tags: BTreeMap::new(), ..Attributes::default() },
        begun: context.now(),
    };
    assert!(context.store.begin_upload(&upload, context.event("objects.put")).await.unwrap());
    assert_eq!(shelf.apply().await, ["removed tmp/a"], "one older version stays");
    assert_eq!(shelf.apply().await, [""; 0], "nothing is due twice");
    shelf.days(2);
    assert_eq!(shelf.apply().await, ["aborted tmp/up"]);
    assert_eq!(context.store.upload(upload.id).await.unwrap(), None);
    shelf.days(1);
    assert_eq!(shelf.apply().await, ["expired tmp/a"]);
    let of_tmp = |versions: Vec<(String, bool)>| {
        versions.into_iter().filter(|(key, _)| key == "tmp/a").map(|(_, has)| has).collect::<Vec<_>>()
    };
    assert_eq!(of_tmp(shelf.versions().await), [false, true, true], "it is marked, and its versions stay");
    assert_eq!(shelf.apply().await, ["removed tmp/a"], "one more is an older version now");
    let mut last = shelf.rule.clone();
    last.older_versions = Some(OlderVersions { days: 1, keep: 0 });
    let shelf = Shelf { rule: last, ..shelf };
    assert_eq!(shelf.apply().await, [""; 0], "it was replaced today");
    shelf.days(1);
    assert_eq!(shelf.apply().await, ["removed tmp/a"]);
    assert_eq!(shelf.apply().await, ["removed tmp/a"], "the mark stood alone");
    assert_eq!(shelf.versions().await, vec![("keep/a".to_owned(), true); 3], "another prefix is left alone");
    let found = shelf.bucket().await;
    assert_eq!((found.objects, found.versions, found.version_bytes), (1, 2, 2));
}

pub(super) async fn what_changed_meanwhile_is_left_alone(context: &Context) {
    let rule = LifecycleRule { expire_days: Some(1), ..LifecycleRule::default() };
    let shelf = Shelf::new(context, Versioning::Off, rule).await;
    for number in 0..1_005 {
        shelf.put(&format!("many/{number:04}"), b"same").await;
    }
    shelf.days(1);
    let place = context.object("many/0001", b"").place();
    let old = context.store.object(&place.project, &place.bucket, &place.key).await.unwrap().unwrap();
    shelf.put("many/0001", b"same").await;
    // As if the rule had looked before the put, and came to its deletion after it.
    let before = casemate_objects::Before::StoredAt(old.stored);
    let late = context.store.delete_object(&place, &before, context.version_id(), context.event("late"));
    assert_eq!(late.await.unwrap(), casemate_objects::Deleted::Unfit);
    let stale: Option<VersionId> = None;
    let late = context.store.delete_version(&place, stale, Some(old.stored), context.event("late"));
    assert_eq!(late.await.unwrap(), None);
    assert_eq!(shelf.apply().await.len(), 1_004, "over more than one page");
    assert_eq!(shelf.versions().await, [("many/0001".to_owned(), true)]);
}
