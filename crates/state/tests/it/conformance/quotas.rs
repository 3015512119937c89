//! What a project may hold.

use casemate_ledger::AuditLog;
use casemate_objects::{
    Before, BucketCatalog, BucketSettings, Configured, ObjectCatalog, ObjectRecord, OverQuota, ProjectQuota,
    ProjectUsage, Put, PutRule, Versioning,
};
use futures_util::future::join_all;

use crate::context::Context;

impl Context {
    async fn put_within(&self, quota: ProjectQuota, key: &str, content: &[u8]) -> Put {
        let object = ObjectRecord { version: Some(self.version_id()), ..self.object(key, content) };
        let rule = PutRule { quota, ..PutRule::default() };
        self.store.put_object(&object, &rule, self.event("objects.put")).await.unwrap()
    }

    async fn usage(&self) -> (u64, u64) {
        let ProjectUsage { objects, bytes, .. } = self.store.usage(&self.project).await.unwrap();
        (objects, bytes)
    }
}

fn over(put: &Put) -> Option<(&'static str, u64, u64, u64)> {
    match put {
        Put::OverQuota(OverQuota { what, used, more, max }) => Some((*what, *used, *more, *max)),
        _ => None,
    }
}

pub(super) async fn a_quota_counts_versions_and_what_makes_nothing_grow_passes(context: &Context) {
    let bytes = |max| ProjectQuota { bytes_max: Some(max), objects_max: None };
    let objects = |max| ProjectQuota { bytes_max: None, objects_max: Some(max) };
    assert_eq!(over(&context.put_within(bytes(3), "a", b"four").await), Some(("bytes", 0, 4, 3)));
    let bucket = "builds".parse().unwrap();
    assert_eq!(context.store.bucket(&context.project, &bucket).await.unwrap(), None, "nothing was made");
    assert_eq!(over(&context.put_within(bytes(4), "a", b"four").await), None);
    assert_eq!(over(&context.put_within(bytes(4), "a", b"five!").await), Some(("bytes", 4, 1, 4)));
    assert_eq!(over(&context.put_within(bytes(2), "a", b"two").await), None, "it became less");
    assert_eq!(
        over(&context.put_within(objects(1), "b", b"").await),
        Some(("objects and versions", 1, 1, 1))
    );
    assert_eq!(over(&context.put_within(objects(1), "a", b"2").await), None);
    assert_eq!(context.usage().await, (1, 1));

    let settings = BucketSettings { versioning: Versioning::On, ..BucketSettings::default() };
    assert_eq!(context.configure("builds", &settings).await, Configured::Done);
    assert_eq!(over(&context.put_within(bytes(2), "a", b"3").await), None);
    assert_eq!(context.usage().await, (2, 2), "the version stays");
    assert_eq!(over(&context.put_within(bytes(2), "a", b"3").await), Some(("bytes", 2, 1, 2)));
    let entries = context.store.size().await.unwrap();
    context.put_within(objects(0), "a", b"4").await;
    assert_eq!(context.store.size().await.unwrap(), entries, "a refusal has no entry");
    // Whoever is over may always delete, also where that makes a mark.
    let (place, event) = (context.object("a", b"").place(), context.event("objects.delete"));
    context.store.delete_object(&place, &Before::Anything, context.version_id(), event).await.unwrap();
    assert_eq!(context.usage().await, (3, 2));
}

pub(super) async fn many_at_once_do_not_get_past_a_quota(context: &Context) {
    let quota = ProjectQuota { objects_max: Some(5), bytes_max: Some(1_000) };
    let keys: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
    let puts = join_all(keys.iter().map(|key| context.put_within(quota, key, b"content"))).await;
    assert_eq!(puts.iter().filter(|put| over(put).is_none()).count(), 5);
    assert_eq!(context.usage().await, (5, 35));
}
