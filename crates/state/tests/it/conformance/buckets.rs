use std::collections::BTreeMap;

use casemate_ledger::AuditLog;
use casemate_model::{BucketName, Digest, Project, VersionId};
use casemate_objects::{
    Attributes, Before, BlobCatalog, BlobId, BucketCatalog, BucketDeleted, BucketSample, BucketSettings,
    Configured, CorsRule, Deleted, ETag, LifecycleRule, Located, ObjectCatalog, ObjectRecord, OlderVersions,
    Packing, Put, PutRule, SampleCatalog, VersionPage, VersionRecord, Versioning,
};

use crate::context::Context;

fn bucket() -> BucketName {
    "builds".parse().unwrap()
}

impl Context {
    async fn keep_versions(&self, versioning: Versioning) {
        let settings = BucketSettings { versioning, ..BucketSettings::default() };
        assert_eq!(self.configure("builds", &settings).await, Configured::Done);
    }

    /// Sets a bucket to something, whatever it was set to.
    pub(super) async fn configure(&self, name: &str, settings: &BucketSettings) -> Configured {
        let (name, event) = (name.parse().unwrap(), self.event("buckets.configure"));
        let found = self.store.bucket(&self.project, &name).await.unwrap();
        let read = found.map(|found| found.settings).unwrap_or_default();
        self.store.configure_bucket(&self.project, &name, (&read, settings), event).await.unwrap()
    }

    pub(super) async fn make_bucket(&self) -> bool {
        let (settings, event) = (BucketSettings::default(), self.event("buckets.create"));
        self.store.create_bucket(&self.project, &bucket(), &settings, event).await.unwrap()
    }

    /// Puts content, and returns the version that it became.
    async fn put_version(&self, key: &str, content: &[u8]) -> Option<VersionId> {
        let object = ObjectRecord { version: Some(self.version_id()), ..self.object(key, content) };
        let rule = PutRule::default();
        let put = self.store.put_object(&object, &rule, self.event("objects.put"));
        let Put::Done { version, .. } = put.await.unwrap() else { panic!("it was refused") };
        version
    }

    async fn delete_version(&self, key: &str, version: Option<VersionId>) -> Option<VersionRecord> {
        let place = self.object(key, b"").place();
        self.store.delete_version(&place, version, None, self.event("objects.delete")).await.unwrap()
    }

    async fn mark(&self, key: &str) -> Deleted {
        let place = self.object(key, b"").place();
        self.store
            .delete_object(&place, &Before::Anything, self.version_id(), self.event("objects.delete"))
            .await
            .unwrap()
    }

    /// Keys, contents and whether it is the latest, in the order of a list.
    async fn object_versions(
        &self,
        after: Option<(&str, u64)>,
        limit: u32,
    ) -> Vec<(String, Option<Digest>, bool)> {
        let page = VersionPage {
            project: self.project.clone(),
            bucket: bucket(),
            prefix: String::new(),
            after: after.map(|(key, sequence)| (key.to_owned(), sequence)),
            past: None,
            limit,
        };
        let versions = self.store.versions(&page).await.unwrap().into_iter();
        let shown = versions.map(|version| {
            let digest = version.object.map(|object| object.digest);
            (version.place.key.to_string(), digest, version.latest)
        });
        shown.collect()
    }

    async fn content(&self, key: &str) -> Option<Digest> {
        let key = key.parse().unwrap();
        let object = self.store.object(&self.project, &bucket(), &key).await.unwrap();
        object.map(|object| object.digest)
    }
}

pub(super) async fn buckets_are_made_set_and_deleted_when_empty(context: &Context) {
    assert!(context.make_bucket().await);
    assert!(!context.make_bucket().await, "it is there already");
    let settings = BucketSettings {
        versioning: Versioning::Suspended,
        tags: BTreeMap::from([("team".to_owned(), "core".to_owned())]),
        cors: vec![CorsRule {
            origins: vec!["*".to_owned()],
            age_seconds_max: Some(5),
            ..CorsRule::default()
        }],
        lifecycle: vec![LifecycleRule {
            id: "tmp".to_owned(),
            expire_days: Some(3),
            older_versions: Some(OlderVersions { days: 0, keep: 2 }),
            ..LifecycleRule::default()
        }],
    };
    assert_eq!(context.configure("builds", &settings).await, Configured::Done);
    assert_eq!(context.configure("absent", &settings).await, Configured::Absent);
    let found = context.store.bucket(&context.project, &bucket()).await.unwrap().unwrap();
    assert_eq!((found.settings, found.objects), (settings.clone(), 0));

    context.keep_versions(Versioning::Off).await;
    context.put("a", b"one").await;
    let delete = async |name: &str| {
        let (name, event) = (name.parse().unwrap(), context.event("buckets.delete"));
        context.store.delete_bucket(&context.project, &name, event).await.unwrap()
    };
    assert_eq!(delete("absent").await, BucketDeleted::Absent);
    assert_eq!(delete("builds").await, BucketDeleted::NotEmpty);
    context.mark("a").await;
    assert_eq!(delete("builds").await, BucketDeleted::Done);
    assert_eq!(context.store.bucket(&context.project, &bucket()).await.unwrap(), None);
}

pub(super) async fn a_put_waits_for_what_must_be_there(context: &Context) {
    let put = async |content: &[u8], rule: PutRule| {
        let event = context.event("objects.put");
        context.store.put_object(&context.object("a", content), &rule, event).await.unwrap()
    };
    let if_before = |before| PutRule { before, ..PutRule::default() };
    let existing = PutRule { bucket_exists: true, ..PutRule::default() };
    assert_eq!(put(b"one", existing.clone()).await, Put::NoBucket);
    context.make_bucket().await;
    assert_eq!(put(b"one", if_before(Before::Present)).await, Put::Unfit { absent: true });
    assert!(matches!(put(b"one", existing).await, Put::Done { former: None, .. }));
    assert_eq!(put(b"two", if_before(Before::Absent)).await, Put::Unfit { absent: false });
    let tag = |content| ETag::of_digest(&Digest::of(content)).to_string();
    assert_eq!(put(b"two", if_before(Before::Tagged(tag(b"two")))).await, Put::Unfit { absent: false });
    assert!(matches!(put(b"two", if_before(Before::Tagged(tag(b"one")))).await, Put::Done { .. }));
    let known = PutRule { known_content: true, ..PutRule::default() };
    assert_eq!(put(b"three", known.clone()).await, Put::NoContent);
    assert!(matches!(put(b"two", known).await, Put::Done { .. }));
    assert_eq!(context.content("a").await, Some(Digest::of(b"two")));

    let attributes =
        Attributes { tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]), ..Attributes::default() };
    let set = async |key: &str| {
        let (object, event) = (context.object(key, b"two"), context.event("objects.tag"));
        context.store.set_attributes(&object, &attributes, event).await.unwrap()
    };
    assert!(set("a").await && !set("b").await);
    let (other, event) = (context.object("a", b"one"), context.event("objects.tag"));
    let bare = Attributes::default();
    let replaced = context.store.set_attributes(&other, &bare, event);
    assert!(!replaced.await.unwrap(), "of an object that was replaced");
    let found = context.store.object(&context.project, &bucket(), &"a".parse().unwrap()).await.unwrap();
    assert_eq!(found.unwrap().attributes, attributes);
}

pub(super) async fn versions_are_kept_marked_and_brought_to_light(context: &Context) {
    context.make_bucket().await;
    assert_eq!(context.put_version("a", b"zero").await, None, "the bucket keeps none yet");
    context.keep_versions(Versioning::On).await;
    let one = context.put_version("a", b"one").await;
    let two = context.put_version("a", b"two").await;
    context.put_version("b", b"other").await;
    let [zero_is, one_is, two_is] =
        [b"zero".as_slice(), b"one", b"two"].map(|content| Some(Digest::of(content)));
    let listed = |key: &str, digest, latest| (key.to_owned(), digest, latest);
    let all = [listed("a", two_is, true), listed("a", one_is, false), listed("a", zero_is, false)];
    assert_eq!(context.object_versions(None, 3).await, all);
    assert_eq!(context.object_versions(Some(("a", 1)), 1).await, all[2..]);
    assert_eq!(
        context.object_versions(Some(("a", 0)), 9).await,
        [listed("b", Some(Digest::of(b"other")), true)]
    );
    let totals = context.store.totals(&context.project).await.unwrap();
    assert_eq!((totals.objects, totals.size_bytes), (2, 8), "only what is there now counts");

    let Deleted::Marked { version: marker, .. } = context.mark("a").await else { panic!("no mark") };
    assert_eq!(context.content("a").await, None);
    assert_eq!(context.object_versions(None, 2).await, [listed("a", None, true), listed("a", two_is, false)]);
    assert!(!context.is_unreferenced(two_is.unwrap()).await, "a version refers to it");
    assert!(context.store.is_readable(&context.project, &two_is.unwrap()).await.unwrap());

    assert!(context.delete_version("a", marker).await.is_some_and(|gone| gone.object.is_none()));
    assert_eq!(context.content("a").await, two_is, "it is back");
    assert!(context.delete_version("a", two).await.is_some());
    assert_eq!(context.content("a").await, one_is, "what was before came to light");
    assert!(context.is_unreferenced(two_is.unwrap()).await);
    assert_eq!(context.delete_version("a", two).await, None, "it is gone already");
    assert!(context.delete_version("a", None).await.is_some());
    assert_eq!(context.content("a").await, one_is);
    assert!(context.delete_version("a", one).await.is_some());
    assert_eq!(context.object_versions(None, 9).await.len(), 1);
}

pub(super) async fn a_bucket_that_stopped_keeping_versions_has_one_null_version(context: &Context) {
    context.make_bucket().await;
    context.put_version("a", b"zero").await;
    context.keep_versions(Versioning::On).await;
    context.put_version("a", b"one").await;
    context.keep_versions(Versioning::Suspended).await;
    assert_eq!(context.put_version("a", b"two").await, None);
    assert!(context.is_unreferenced(Digest::of(b"zero")).await, "the null version is another now");
    assert_eq!(context.put_version("a", b"three").await, None);
    assert!(context.is_unreferenced(Digest::of(b"two")).await);
    assert_eq!(context.object_versions(None, 9).await.len(), 2);
    assert!(matches!(context.mark("a").await, Deleted::Marked { version: None, .. }));
    assert!(context.is_unreferenced(Digest::of(b"three")).await);
    let left = context.object_versions(None, 9).await;
    assert_eq!(left.iter().map(|version| version.1).collect::<Vec<_>>(), [None, Some(Digest::of(b"one"))]);
}

pub(super) async fn versions_of_a_key_are_bases_of_each_other(context: &Context) {
    context.make_bucket().await;
    context.keep_versions(Versioning::On).await;
    for content in [&b"one"[..], b"two", b"three"] {
        context.put_version("app", content).await;
    }
    let [one, two, three] = [b"one".as_slice(), b"two", b"three"].map(Digest::of);
    let alone = Packing { stored_bytes: 1, base: None };
    assert!(context.store.note_packing(&context.blob(one), alone, context.now()).await.unwrap());
    for digest in [two, three] {
        assert_eq!(
            context.store.base_candidates(&context.blob(digest), 9).await.unwrap(),
            [one],
            "an older version"
        );
    }
    assert!(context.store.note_packing(&context.blob(three), alone, context.now()).await.unwrap());
    context.put_version("apple", b"other").await;
    assert!(
        context.store.note_packing(&context.blob(Digest::of(b"other")), alone, context.now()).await.unwrap()
    );
    let candidates = context.store.base_candidates(&context.blob(two), 9).await.unwrap();
    assert_eq!(candidates, [one, three, Digest::of(b"other")], "versions first, then neighbours");
    context.mark("app").await;
    let candidates = context.store.base_candidates(&context.blob(two), 2).await.unwrap();
    assert_eq!(candidates, [three, one], "the newest version first");
}

pub(super) async fn settings_are_changed_only_from_what_was_read(context: &Context) {
    context.make_bucket().await;
    let read = context.store.bucket(&context.project, &bucket()).await.unwrap().unwrap().settings;
    let tagged = |team: &str| BucketSettings {
        tags: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        ..BucketSettings::default()
    };
    let configure = async |read: &BucketSettings, settings: &BucketSettings| {
        let event = context.event("buckets.configure");
        context.store.configure_bucket(&context.project, &bucket(), (read, settings), event).await.unwrap()
    };
    // Two nodes read the same and change it; the second does not undo what the first did.
    assert_eq!(configure(&read, &tagged("core")).await, Configured::Done);
    let entries = context.store.size().await.unwrap();
    assert_eq!(configure(&read, &tagged("docs")).await, Configured::Overtaken);
    assert_eq!(context.store.size().await.unwrap(), entries, "nothing was done, and nothing recorded");
    let found = context.store.bucket(&context.project, &bucket()).await.unwrap().unwrap().settings;
    assert_eq!(found, tagged("core"));
    assert_eq!(configure(&found, &tagged("docs")).await, Configured::Done);
}

pub(super) async fn samples_are_one_a_day_and_bounded(context: &Context) {
    let sample = |day, stored_bytes| BucketSample {
        day,
        measured: context.now(),
        objects: 1,
        versions: 2,
        content_bytes: 30,
        stored_bytes,
    };
    let put = async |name: &str, day, stored_bytes, oldest_day| {
        let (name, sample) = (name.parse().unwrap(), sample(day, stored_bytes));
        context.store.put_sample(&context.project, &name, &sample, oldest_day).await.unwrap();
    };
    let samples = async |bucket: Option<&BucketName>, before| {
        context.store.samples(&context.project, bucket, before, 9).await.unwrap()
    };
    put("builds", 7, 1, 0).await;
    assert_eq!(samples(Some(&bucket()), 99).await, [], "there is no such bucket");
    context.make_bucket().await;
    for (day, stored_bytes) in [(5, 10), (7, 20), (7, 25), (6, 15)] {
        put("builds", day, stored_bytes, 0).await;
    }
    assert_eq!(samples(Some(&bucket()), 99).await, [sample(7, 25), sample(6, 15), sample(5, 10)]);
    assert_eq!(samples(Some(&bucket()), 7).await, [sample(6, 15), sample(5, 10)]);
    put("builds", 8, 30, 7).await;
    assert_eq!(samples(Some(&bucket()), 99).await, [sample(8, 30), sample(7, 25)]);

    let (other, event) = ("other".parse().unwrap(), context.event("buckets.create"));
    context.store.create_bucket(&context.project, &other, &BucketSettings::default(), event).await.unwrap();
    put("other", 8, 12, 0).await;
    let both = BucketSample { objects: 2, versions: 4, content_bytes: 60, stored_bytes: 42, ..sample(8, 0) };
    assert_eq!(samples(None, 99).await, [both, sample(7, 25)], "added up by day");
    let deleted = context.store.delete_bucket(&context.project, &other, context.event("buckets.delete"));
    assert_eq!(deleted.await.unwrap(), BucketDeleted::Done, "samples are nothing in it");
}

pub(super) async fn what_a_bucket_takes_counts_shared_content_once_and_bases_with_it(context: &Context) {
    let stored = async || context.store.stored_bytes(&context.project, &bucket()).await.unwrap();
    assert_eq!(stored().await, 0);
    context.make_bucket().await;
    context.keep_versions(Versioning::On).await;
    let base = Digest::of(b"the base");
    let first = context.put_version("a", b"the base").await;
    context.put_version("a", b"the base, changed").await;
    context.put_version("b", b"the base").await;
    assert_eq!(stored().await, 8 + 17, "what nobody looked at is whole");
    let found = context.store.bucket(&context.project, &bucket()).await.unwrap().unwrap();
    assert_eq!((found.objects, found.size_bytes, found.versions, found.version_bytes), (2, 25, 1, 8));
    let packing = Packing { stored_bytes: 3, base: Some(base) };
    let whole = Packing { stored_bytes: 8, base: None };
    assert!(context.store.note_packing(&context.blob(base), whole, context.now()).await.unwrap());
    let changed = Digest::of(b"the base, changed");
    assert!(context.store.note_packing(&context.blob(changed), packing, context.now()).await.unwrap());
    assert_eq!(stored().await, 8 + 3);

    let place_of = async |project: &str, digest: &Digest| {
        let project: Project = project.parse().unwrap();
        context.store.place_of(&BlobId::new(&project, *digest)).await.unwrap()
    };
    let at_b = Some(context.object("b", b"").place());
    assert_eq!(place_of("default", &base).await.map(|at| at.place), at_b, "what is present comes first");
    assert_eq!(place_of("elsewhere", &base).await, None);
    context.delete_version("b", None).await;
    context.mark("b").await;
    context.delete_version("a", first).await;
    let Some(Located { place, version }) = place_of("default", &base).await else {
        panic!("a version has it")
    };
    assert_eq!((place.key.as_str(), version.is_some()), ("b", true));
    assert_eq!(stored().await, 8 + 3);
    // A base that no object has any more is still needed.
    context.delete_version("b", version).await;
    assert_eq!((place_of("default", &base).await, stored().await), (None, 8 + 3));
}
