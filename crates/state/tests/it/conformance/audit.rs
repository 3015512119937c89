use casemate_ledger::{AuditLog, Entry};
use casemate_model::Digest;
use casemate_names::{NamesError, Order};
use casemate_objects::{Before, Deleted, ObjectCatalog};
use futures_util::future::join_all;

use crate::context::Context;

pub(super) async fn every_change_has_an_entry_and_a_refusal_has_none(context: &Context) {
    let digest = context.put("app.wasm", b"one").await;
    let owner = context.operator();
    owner.claim("app", digest).await.unwrap();
    context.store.append(context.event("tasks.denied")).await.unwrap();

    // Refused, every one of them.
    let claimed = owner.claim("app", digest).await;
    assert!(matches!(claimed, Err(NamesError::Taken { .. })), "{claimed:?}");
    let claimed = owner.claim("other", Digest::of(b"unknown")).await;
    assert!(matches!(claimed, Err(NamesError::BlobMissing { .. })), "{claimed:?}");
    let released = owner.order("nobody", Order::Release).await;
    assert!(matches!(released, Err(NamesError::NotClaimed { .. })), "{released:?}");
    let missing = context.object("missing", b"");
    let deleted = context
        .store
        .delete_object(&missing.place(), &Before::Anything, context.version_id(), context.event("refused"))
        .await
        .unwrap();
    assert_eq!(deleted, Deleted::Absent);

    assert_eq!(context.actions().await, ["objects.put", "names.claim", "tasks.denied"]);
    assert_eq!(context.store.size().await.unwrap(), 3);
    assert_eq!((context.store.probe().await.unwrap(), context.store.size().await.unwrap()), (3, 3));
}

pub(super) async fn sequences_have_no_gaps_when_many_write_at_once(context: &Context) {
    let appends = (0..200).map(|_| context.store.append(context.event("test.append")));
    let mut sequences: Vec<u64> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..200).collect::<Vec<u64>>());

    let entries = context.store.entries(0, 1000).await.unwrap();
    let mut previous = Entry::NO_PREVIOUS;
    for (sequence, bytes) in (0..).zip(&entries) {
        let entry = Entry::decode(bytes).unwrap();
        assert_eq!((entry.sequence, entry.previous), (sequence, previous));
        previous = Entry::digest_of(bytes);
    }
    let figures = context.store.figures();
    assert_eq!(figures.changes, 200);
    assert!(figures.batches < 100, "changes that wait together are committed together: {figures:?}");
}

pub(super) async fn entries_come_in_pages(context: &Context) {
    for _ in 0..5 {
        context.store.append(context.event("test.append")).await.unwrap();
    }
    let all = context.store.entries(0, 100).await.unwrap();
    assert_eq!(context.store.entries(1, 2).await.unwrap(), all[1..3]);
    assert_eq!(context.store.entries(4, 100).await.unwrap(), all[4..]);
    assert_eq!(context.store.entries(5, 100).await.unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(context.store.entries(0, 0).await.unwrap(), Vec::<Vec<u8>>::new());
}
