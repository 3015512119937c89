use std::time::Duration;

use casemate_ledger::AuditLog;
use casemate_model::{Digest, Outcome, Project, VersionId};
use casemate_names::{Edit, Order};
use casemate_objects::{
    Before, BlobCatalog, BucketCatalog, BucketTotals, Deleted, Inventory, ObjectCatalog, ObjectPage,
    ObjectRecord, Packing, Put, PutRule,
};
use casemate_tasks::{Queue, Submitted, Taker};

use crate::context::Context;

impl Context {
    pub(super) async fn delete(&self, key: &str) -> Option<ObjectRecord> {
        let object = self.object(key, b"");
        let event = self.event("objects.delete");
        match self
            .store
            .delete_object(&object.place(), &Before::Anything, self.version_id(), event)
            .await
            .unwrap()
        {
            Deleted::Removed(object) => Some(*object),
            Deleted::Absent | Deleted::Unfit => None,
            Deleted::Marked { .. } => panic!("the bucket keeps no versions"),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let page = ObjectPage {
            project: self.project.clone(),
            bucket: "builds".parse().unwrap(),
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            past: None,
            limit,
        };
        let objects = self.store.objects(&page).await.unwrap();
        objects.into_iter().map(|object| object.key.to_string()).collect()
    }

    /// Objects and bytes of the only bucket.
    async fn bucket_figures(&self) -> (u64, u64) {
        let buckets = self.store.buckets(&self.project, None, 10).await.unwrap();
        assert_eq!(buckets.len(), 1);
        (buckets[0].objects, buckets[0].size_bytes)
    }
}

fn done(former: Option<ObjectRecord>) -> Put {
    Put::Done { former: former.map(Box::new), version: None }
}

pub(super) async fn objects_are_put_replaced_and_deleted(context: &Context) {
    let first = context.object("app.wasm", b"one");
    assert_eq!(
        context.store.put_object(&first, &PutRule::default(), context.event("objects.put")).await.unwrap(),
        done(None)
    );
    assert_eq!(context.bucket_figures().await, (1, 3));
    let second = context.object("app.wasm", b"three");
    let replaced =
        context.store.put_object(&second, &PutRule::default(), context.event("objects.put")).await.unwrap();
    assert_eq!(replaced, done(Some(first.clone())));
    assert_eq!(context.bucket_figures().await, (1, 5));
    context.put("other", b"abc").await;
    assert_eq!(context.bucket_figures().await, (2, 8));
    let totals = context.store.totals(&context.project).await.unwrap();
    assert_eq!(totals, BucketTotals { buckets: 1, objects: 2, size_bytes: 8 });

    let found = context.store.object(&second.project, &second.bucket, &second.key).await.unwrap();
    assert_eq!(found, Some(second.clone()));
    let elsewhere: Project = "elsewhere".parse().unwrap();
    assert_eq!(context.store.object(&elsewhere, &second.bucket, &second.key).await.unwrap(), None);
    assert_eq!(context.store.totals(&elsewhere).await.unwrap(), BucketTotals::default());

    assert_eq!(context.delete("app.wasm").await, Some(second));
    assert_eq!(context.delete("app.wasm").await, None);
    assert_eq!(context.bucket_figures().await, (1, 3));
    assert_eq!(context.store.size().await.unwrap(), 4);
}

pub(super) async fn blobs_are_counted_over_all_that_refers_to_them(context: &Context) {
    let digest = context.put("a", b"same").await;
    assert_eq!(context.put("b", b"same").await, digest);
    assert_eq!(context.put("a", b"same").await, digest);
    let other = context.put("other", b"other").await;
    let owner = context.operator();
    owner.claim("app", digest).await.unwrap();
    let task = context.task(digest);
    context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
    assert_eq!(context.store.blob_size(&context.blob(digest)).await.unwrap(), Some(4));

    context.delete("a").await;
    context.delete("b").await;
    assert!(!context.is_unreferenced(digest).await, "the name and the task refer to it");
    let elsewhere = Order::Update(Edit { digest: Some(other), ..Edit::default() });
    owner.order("app", elsewhere).await.unwrap();
    assert!(!context.is_unreferenced(digest).await, "the task refers to it");
    context.delete("other").await;
    assert!(!context.is_unreferenced(other).await, "the name refers to it");
    owner.order("app", Order::Release).await.unwrap();
    assert!(context.is_unreferenced(other).await, "history does not count");
}

pub(super) async fn a_blob_is_forgotten_only_when_nothing_refers_to_it(context: &Context) {
    let digest = context.put("a", b"content").await;
    assert!(!context.store.forget_blob(&context.blob(digest), context.now()).await.unwrap());
    context.delete("a").await;
    let deleted = context.now();
    assert_eq!(
        context.store.unreferenced_blobs(deleted, 10).await.unwrap(),
        vec![],
        "not before it was deleted"
    );
    context.clock.advance(Duration::from_secs(1));
    assert_eq!(
        context.store.unreferenced_blobs(context.now(), 10).await.unwrap(),
        vec![context.blob(digest)]
    );

    // Referred to again before the sweep came.
    context.put("b", b"content").await;
    assert!(!context.store.forget_blob(&context.blob(digest), context.now()).await.unwrap());
    context.delete("b").await;
    assert!(context.store.forget_blob(&context.blob(digest), context.now()).await.unwrap());
    assert!(
        !context.store.forget_blob(&context.blob(digest), context.now()).await.unwrap(),
        "it is forgotten already"
    );
    assert_eq!(context.store.blob_size(&context.blob(digest)).await.unwrap(), None);
}

pub(super) async fn a_prefix_is_bytes_and_has_no_special_characters(context: &Context) {
    for key in
        ["100%", "100%_", "100%_a", "100%b", "100_", "1000", "a", "a/", "a/b", "a0", "A", "\u{e4}", "z"]
    {
        context.put(key, key.as_bytes()).await;
    }
    assert_eq!(context.list("100%", None, 10).await, ["100%", "100%_", "100%_a", "100%b"]);
    assert_eq!(context.list("100%_", None, 10).await, ["100%_", "100%_a"]);
    assert_eq!(context.list("100_", None, 10).await, ["100_"]);
    assert_eq!(context.list("a", None, 10).await, ["a", "a/", "a/b", "a0"]);
    assert_eq!(context.list("a/", None, 10).await, ["a/", "a/b"]);
    assert_eq!(context.list("a/", Some("a/"), 10).await, ["a/b"]);
    assert_eq!(context.list("\u{e4}", None, 10).await, ["\u{e4}"]);
    assert_eq!(context.list("nothing", None, 10).await, Vec::<String>::new());
}

pub(super) async fn lists_come_in_pages_in_byte_order(context: &Context) {
    for key in ["b", "B", "a", "\u{e4}", "_", "a/b"] {
        context.put(key, b"x").await;
    }
    assert_eq!(context.list("", None, 100).await, ["B", "_", "a", "a/b", "b", "\u{e4}"]);
    assert_eq!(context.list("", None, 2).await, ["B", "_"]);
    assert_eq!(context.list("", Some("_"), 2).await, ["a", "a/b"]);
    assert_eq!(context.list("", Some("a/b"), 2).await, ["b", "\u{e4}"]);
    assert_eq!(context.list("", Some("\u{e4}"), 2).await, Vec::<String>::new());

    for bucket in ["zeta", "alpha"] {
        let object = ObjectRecord { bucket: bucket.parse().unwrap(), ..context.object("k", b"x") };
        context.store.put_object(&object, &PutRule::default(), context.event("objects.put")).await.unwrap();
    }
    let first = context.store.buckets(&context.project, None, 2).await.unwrap();
    assert_eq!(first.iter().map(|bucket| bucket.bucket.as_str()).collect::<Vec<_>>(), ["alpha", "builds"]);
    let rest = context.store.buckets(&context.project, Some(&first[1].bucket), 2).await.unwrap();
    assert_eq!(rest.iter().map(|bucket| bucket.bucket.as_str()).collect::<Vec<_>>(), ["zeta"]);
}

pub(super) async fn a_blob_is_readable_in_the_projects_that_have_it(context: &Context) {
    let elsewhere: Project = "elsewhere".parse().unwrap();
    let module = context.put("app.wasm", b"module").await;
    let output = Digest::of(b"output");
    assert!(context.store.is_readable(&context.project, &module).await.unwrap());
    assert!(!context.store.is_readable(&elsewhere, &module).await.unwrap());
    assert!(!context.store.is_readable(&context.project, &output).await.unwrap());

    context.store.submit(&context.task(module), context.event("tasks.submit")).await.unwrap();
    let taken = context.store.take(Taker::of_any(context.lease(10)), context.now(), 1).await.unwrap();
    let completion = context.completion(&taken[0], Outcome::Exited(0), b"output");
    context.store.complete(&completion, context.event("tasks.end")).await.unwrap();
    assert!(context.store.is_readable(&context.project, &output).await.unwrap());
    assert!(!context.store.is_readable(&elsewhere, &output).await.unwrap());
    context.delete("app.wasm").await;
    assert!(
        !context.store.is_readable(&context.project, &module).await.unwrap(),
        "running it is not having it"
    );
}

pub(super) async fn the_same_content_of_two_projects_is_two_blobs(context: &Context) {
    let elsewhere: Project = "elsewhere".parse().unwrap();
    let digest = context.put("app/1", b"content").await;
    let neighbour = context.put("app/2", b"neighbour").await;
    let theirs = ObjectRecord { project: elsewhere.clone(), ..context.object("app/1", b"content") };
    context.store.put_object(&theirs, &PutRule::default(), context.event("objects.put")).await.unwrap();
    let (our_blob, their_blob) = (context.blob(digest), theirs.blob());
    assert_eq!(context.store.blobs(None, 9).await.unwrap().len(), 3);

    // How one is stored tells nothing of the other, and neither is packed on what the other project has.
    let packing = Packing { stored_bytes: 3, base: Some(neighbour) };
    let whole = Packing { stored_bytes: 9, base: None };
    assert!(context.store.note_packing(&context.blob(neighbour), whole, context.now()).await.unwrap());
    assert!(context.store.note_packing(&our_blob, packing, context.now()).await.unwrap());
    assert_eq!(context.store.packing(&our_blob).await.unwrap(), Some(packing));
    assert_eq!(context.store.packing(&their_blob).await.unwrap(), None);
    assert_eq!(context.store.base_candidates(&their_blob, 9).await.unwrap(), []);
    assert!(!context.store.note_packing(&their_blob, packing, context.now()).await.unwrap());
    assert_eq!(context.store.blobs_to_pack(1, 9, 9).await.unwrap(), std::slice::from_ref(&their_blob));

    // Deleting ours leaves theirs.
    context.delete("app/1").await;
    context.clock.advance(Duration::from_secs(1));
    assert_eq!(
        context.store.unreferenced_blobs(context.now(), 9).await.unwrap(),
        std::slice::from_ref(&our_blob)
    );
    assert!(!context.store.forget_blob(&their_blob, context.now()).await.unwrap());
    assert!(context.store.forget_blob(&our_blob, context.now()).await.unwrap());
    assert_eq!(context.store.blob_size(&their_blob).await.unwrap(), Some(7));
}

pub(super) async fn a_task_refers_to_the_module_of_the_project_that_has_its_name(context: &Context) {
    let elsewhere: Project = "elsewhere".parse().unwrap();
    let module = ObjectRecord { project: elsewhere.clone(), ..context.object("app.wasm", b"module") };
    context.store.put_object(&module, &PutRule::default(), context.event("objects.put")).await.unwrap();
    let mut task = context.task(module.digest);
    let submitted = context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
    assert!(matches!(submitted, Submitted::BlobMissing(digest) if digest == module.digest), "it is not ours");
    task.spec.module_project = Some(elsewhere);
    let submitted = context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
    assert!(matches!(submitted, Submitted::Accepted));
    let read = context.store.task(&context.project, task.id).await.unwrap().unwrap();
    assert_eq!(read.module_project(), &module.project);

    let place = module.place();
    let marker = VersionId::generate(context.now(), &context.entropy);
    context
        .store
        .delete_object(&place, &Before::Anything, marker, context.event("objects.delete"))
        .await
        .unwrap();
    context.clock.advance(Duration::from_secs(1));
    assert!(!context.store.forget_blob(&module.blob(), context.now()).await.unwrap(), "the task needs it");
    assert!(!context.store.is_readable(&context.project, &module.digest).await.unwrap());
}

pub(super) async fn no_page_is_longer_than_a_thousand(context: &Context) {
    // A hundred at a time: a machine that is busy with other tests must not keep the last of them waiting for too long.
    for first in (0..1001).step_by(100) {
        let numbers = first..1001.min(first + 100);
        let puts = numbers.map(|number| async move { context.put(&format!("{number:04}"), b"x").await });
        futures_util::future::join_all(puts).await;
    }
    assert_eq!(context.list("", None, u32::MAX).await.len(), 1000);
    assert_eq!(context.list("", Some("0999"), u32::MAX).await, ["1000"]);
}

pub(super) async fn a_base_stays_as_long_as_something_is_stored_as_a_difference_to_it(context: &Context) {
    let (one, two, three) = (
        context.put("app/1", b"one").await,
        context.put("app/2", b"two").await,
        context.put("app/3", b"three").await,
    );
    context.put("other", b"elsewhere").await;
    assert_eq!(context.store.blobs_to_pack(4, 100, 10).await.unwrap().len(), 2, "by size");
    assert_eq!(
        context.store.base_candidates(&context.blob(two), 9).await.unwrap(),
        [],
        "nobody has looked at the others yet"
    );
    let alone = Packing { stored_bytes: 1, base: None };
    for other in [one, three] {
        assert!(context.store.note_packing(&context.blob(other), alone, context.now()).await.unwrap());
    }
    let candidates = context.store.base_candidates(&context.blob(two), 9).await.unwrap();
    assert_eq!(candidates, [one, three], "its neighbours below the prefix");
    assert_eq!(context.store.packing(&context.blob(two)).await.unwrap(), None);

    let on = |base| Packing { stored_bytes: 1, base: Some(base) };
    let note = async |digest: Digest, packing| {
        context.store.note_packing(&context.blob(digest), packing, context.now()).await.unwrap()
    };
    assert!(!note(two, on(two)).await, "not to itself");
    assert!(!note(two, on(Digest::of(b"absent"))).await);
    assert!(!note(Digest::of(b"absent"), on(one)).await);
    assert!(note(two, on(one)).await);
    assert_eq!(context.store.packing(&context.blob(two)).await.unwrap(), Some(on(one)));
    assert!(!note(three, on(two)).await, "no difference to a difference");
    assert!(!note(one, on(three)).await, "a base gets none itself");
    assert_eq!(
        context.store.base_candidates(&context.blob(three), 9).await.unwrap(),
        [one],
        "what its neighbour stands on"
    );

    assert_eq!(context.store.base_candidates(&context.blob(one), 9).await.unwrap(), [], "it is a base");

    context.delete("app/1").await;
    assert!(
        !context.is_unreferenced(one).await
            && !context.store.forget_blob(&context.blob(one), context.now()).await.unwrap()
    );
    assert_eq!(context.store.check().await.unwrap().findings, []);
    // Put anew it is whole again, and may be packed on something else.
    context.put("app/2", b"two").await;
    assert_eq!(context.store.packing(&context.blob(two)).await.unwrap(), None);
    assert!(note(two, on(three)).await);
    assert!(context.is_unreferenced(one).await);
    context.delete("app/2").await;
    context.delete("app/3").await;
    assert!(context.store.forget_blob(&context.blob(two), context.now()).await.unwrap());
    assert!(
        context.is_unreferenced(three).await
            && context.store.forget_blob(&context.blob(three), context.now()).await.unwrap()
    );
    assert_eq!(context.store.check().await.unwrap().findings, []);
}
