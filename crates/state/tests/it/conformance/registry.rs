use std::time::Duration;

use casemate_ledger::NameChange;
use casemate_model::{Digest, Name, Project};
use casemate_names::{
    Edit, HeldName, NamePage, NameVersion, NamesError, Obstacle, Order, Registry, WhichNames,
};
use casemate_objects::{Before, Deleted, ObjectCatalog};
use futures_util::future::join_all;

use crate::context::Context;
use crate::names::held;

/// How long a name that was given up waits for its former holder.
const COOL_OFF: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Context {
    async fn held(&self, name: &str) -> Option<HeldName> {
        held(&self.store, name).await
    }

    async fn versions(&self, name: &str, before: Option<u64>, limit: u32) -> Vec<NameVersion> {
        self.store.history(&name.parse().unwrap(), before, limit).await.unwrap()
    }
}

/// Whether a claim or change was refused since somebody holds the name, or holds it not.
fn is_taken(result: &Result<HeldName, NamesError>) -> bool {
    matches!(result, Err(NamesError::Taken { own: false, .. }))
}

fn point_at(digest: Digest) -> Order {
    Order::Update(Edit { digest: Some(digest), ..Edit::default() })
}

pub(super) async fn of_many_claims_one_wins(context: &Context) {
    let claims = (0..50).map(|number| async move {
        let (holder, digest) = context.holder(&format!("project-{number}")).await;
        holder.claim("app", digest).await
    });
    let claims = join_all(claims).await;
    let won: Vec<_> = claims.iter().filter_map(|claim| claim.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(context.held("app").await.as_ref(), Some(won[0]));
    assert_eq!(claims.iter().filter(|claim| is_taken(claim)).count(), 49);
    let claims = context.actions().await.into_iter().filter(|action| action == "names.claim").count();
    assert_eq!(claims, 1);
}

pub(super) async fn a_name_means_only_what_its_project_may_read(context: &Context) {
    let theirs = context.put("secret", b"theirs").await;
    let (stranger, own) = context.holder("stranger").await;
    let missing = async |digest| {
        let claimed = stranger.claim("app", digest).await;
        matches!(claimed, Err(NamesError::BlobMissing { digest: missing }) if missing == digest)
    };
    let absent = Digest::of(b"nobody has this");
    assert_eq!((missing(theirs).await, missing(absent).await), (true, true), "the same to see");
    stranger.claim("app", own).await.unwrap();
    let updated = stranger.order("app", point_at(theirs)).await;
    assert!(matches!(updated, Err(NamesError::BlobMissing { .. })), "{updated:?}");
    // What it means already it may go on meaning, also when the object is gone.
    let mut object = context.object("own", b"own");
    object.project = "stranger".parse().unwrap();
    let place = object.place();
    let event = context.event("objects.delete");
    let gone = context.store.delete_object(&place, &Before::Anything, context.version_id(), event);
    assert!(matches!(gone.await.unwrap(), Deleted::Removed(_)));
    stranger.order("app", point_at(own)).await.unwrap();
}

pub(super) async fn an_update_needs_the_owner_and_the_present_sequence(context: &Context) {
    let (one, two) = (context.put("one", b"one").await, context.put("two", b"two").await);
    let owner = context.operator();
    let missing = owner.order_at("app", point_at(two), Some(1)).await;
    assert!(matches!(missing, Err(NamesError::NotClaimed { .. })), "{missing:?}");
    let first = owner.claim("app", one).await.unwrap();
    assert_eq!((first.record.sequence, first.record.epoch), (1, 1));
    let (stranger, _) = context.holder("stranger").await;
    let foreign = stranger.order_at("app", point_at(two), Some(1)).await;
    assert!(matches!(foreign, Err(NamesError::NotOwner { .. })), "{foreign:?}");
    let stale = |result: &Result<HeldName, NamesError>| match result {
        Err(NamesError::Stale { expected, found, .. }) => Some((*expected, *found)),
        _ => None,
    };
    assert_eq!(stale(&owner.order_at("app", point_at(two), Some(2)).await), Some((2, 1)));
    let unknown = owner.order_at("app", point_at(Digest::of(b"unknown")), Some(1)).await;
    assert!(matches!(unknown, Err(NamesError::BlobMissing { .. })), "{unknown:?}");
    assert_eq!(context.held("app").await, Some(first.clone()), "nothing was changed so far");

    context.clock.advance(Duration::from_secs(1));
    let second = owner.order_at("app", point_at(two), Some(1)).await.unwrap();
    assert_eq!((second.record.sequence, second.record.digest), (2, Some(two)));
    assert_eq!(second.record.previous, first.record.digest_of(), "a version fits behind one other");
    assert_eq!((second.claimed, second.updated), (first.claimed, context.now()));
    let again = owner.order_at("app", point_at(two), Some(1)).await;
    assert_eq!(stale(&again), Some((1, 2)), "the same again is stale");
    assert_eq!(context.held("app").await, Some(second));
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn of_changes_from_one_version_one_wins(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    owner.claim("app", digest).await.unwrap();
    let changes = (0..20).map(|number| {
        let owner = &owner;
        let to: Project = format!("project-{number}").parse().unwrap();
        let order = if number % 2 == 0 { point_at(digest) } else { Order::Offer { to } };
        async move { owner.order_at("app", order, Some(1)).await }
    });
    context.clock.advance(Duration::from_secs(24 * 60 * 60));
    let changes = join_all(changes).await;
    assert_eq!(changes.iter().filter(|change| change.is_ok()).count(), 1, "{changes:?}");
    // Those who name no version take turns instead.
    let changes = (0..8).map(|_| owner.order("app", point_at(digest)));
    assert!(join_all(changes).await.iter().all(Result::is_ok));
    assert_eq!(context.held("app").await.unwrap().record.sequence, 10);
}

pub(super) async fn a_released_name_goes_on_where_it_ended(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    let (stranger, own) = context.holder("stranger").await;
    owner.claim("app", digest).await.unwrap();
    let foreign = stranger.order("app", Order::Release).await;
    assert!(matches!(foreign, Err(NamesError::NotOwner { .. })), "{foreign:?}");
    assert!(context.held("app").await.is_some());
    let ended = owner.order("app", Order::Release).await.unwrap();
    assert_eq!((ended.record.change, ended.record.digest), (NameChange::Released, None));
    assert_eq!(context.held("app").await, None);
    let again = owner.order("app", Order::Release).await;
    assert!(matches!(again, Err(NamesError::NotClaimed { .. })), "{again:?}");

    // Who had it may have it back, and others when what they see of it is out of their memories.
    let until = context.now().saturating_add(COOL_OFF);
    let claimed = stranger.claim("app", own).await;
    assert!(
        matches!(&claimed, Err(NamesError::CoolingOff { until: said, .. }) if *said == until),
        "{claimed:?}"
    );
    let name: Name = "app".parse().unwrap();
    let in_the_way = async |project| context.store.obstacle(&name, project, context.now()).await.unwrap();
    let asking: Project = "stranger".parse().unwrap();
    assert_eq!(in_the_way(&asking).await, Some(Obstacle::CoolingOff(until)));
    assert_eq!(in_the_way(&context.project).await, None);
    context.clock.advance(COOL_OFF);
    assert_eq!(in_the_way(&asking).await, None);
    let record = stranger.claim("app", own).await.unwrap().record;
    assert_eq!((record.epoch, record.sequence, record.project.as_str()), (2, 3, "stranger"));
    assert_eq!(record.previous, ended.record.digest_of(), "the chain goes on through the tombstone");
    let versions = context.versions("app", None, 10).await;
    let kinds: Vec<_> = versions
        .iter()
        .map(|version| (version.epoch, version.sequence, version.change, version.digest))
        .collect();
    assert_eq!(
        kinds,
        [
            (2, 3, NameChange::Claimed, Some(own)),
            (1, 2, NameChange::Released, None),
            (1, 1, NameChange::Claimed, Some(digest)),
        ]
    );
    assert_eq!(versions[1].actor, "uid:0");
    let logged = context.store.signed(&name, 2).await.unwrap().unwrap();
    assert_eq!(logged.signed.record(), &ended.record);
    assert_eq!(context.store.signed(&name, 4).await.unwrap(), None);
}

pub(super) async fn history_and_names_come_in_pages(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    for name in ["delta", "alpha", "charlie", "bravo"] {
        owner.claim(name, digest).await.unwrap();
        context.clock.advance(Duration::from_secs(1));
    }
    for _ in 1..4 {
        owner.order("alpha", point_at(digest)).await.unwrap();
    }
    let sequences = async |before, limit| {
        let versions = context.versions("alpha", before, limit).await;
        versions.into_iter().map(|version| version.sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(None, 3).await, [4, 3, 2]);
    assert_eq!(sequences(Some(2), 3).await, [1]);
    assert_eq!(sequences(Some(u64::MAX), 1).await, [4]);

    let list = async |project: &str, which: WhichNames, after: Option<&str>| {
        let (project, after) = (project.parse().unwrap(), after.map(|after| after.parse().unwrap()));
        let names = context.store.names(&NamePage { project, which, after, limit: 3 }).await.unwrap();
        names.into_iter().map(|held| held.record.name.to_string()).collect::<Vec<_>>()
    };
    let all = || WhichNames::Prefix(String::new());
    assert_eq!(list("default", all(), None).await, ["alpha", "bravo", "charlie"]);
    assert_eq!(list("default", all(), Some("charlie")).await, ["delta"]);
    assert_eq!(list("stranger", all(), None).await, [""; 0]);
    for (prefix, found) in [("", 3), ("b", 1), ("bravo", 1), ("br%", 0), ("z", 0), ("~", 0)] {
        let which = WhichNames::Prefix(prefix.to_owned());
        assert_eq!(list("default", which, None).await.len(), found, "{prefix}");
    }
    assert_eq!(list("default", WhichNames::Ending, None).await, ["delta", "alpha", "charlie"]);
    assert_eq!(list("default", WhichNames::Ending, Some("charlie")).await, ["bravo"]);
}

pub(super) async fn of_names_that_look_alike_one_is_held(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, (stranger, own)) = (context.operator(), context.holder("stranger").await);
    let looks_like = |result: Result<HeldName, NamesError>, held: &str| match result {
        Err(NamesError::LooksLike { other, .. }) => other.as_str() == held,
        _ => false,
    };
    owner.claim("modern-1", digest).await.unwrap();
    for other in ["rnodern-1", "modern-l", "rnodern-l"] {
        assert!(looks_like(owner.claim(other, digest).await, "modern-1"), "also to its own holder");
    }
    assert!(looks_like(stranger.claim("rnodern-1", own).await, "modern-1"));
    owner.order("modern-1", Order::Release).await.unwrap();
    let cooling = stranger.claim("rnodern-1", own).await;
    assert!(matches!(cooling, Err(NamesError::CoolingOff { .. })), "nor what looks like it");
    context.clock.advance(COOL_OFF);
    stranger.claim("rnodern-1", own).await.unwrap();
    assert!(looks_like(owner.claim("modern-1", digest).await, "rnodern-1"));

    // Also of those that come at once.
    let claims = ["pail", "pai1"].repeat(8);
    let claims = join_all(claims.into_iter().map(|name| owner.claim(name, digest))).await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1, "{claims:?}");
}

pub(super) async fn what_is_above_and_below_a_name_is_its_holders(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, (stranger, own)) = (context.operator(), context.holder("stranger").await);
    let of_another = |result: Result<HeldName, NamesError>, held: &str| match result {
        Err(NamesError::OfAnother { holder, .. }) => holder.as_str() == held,
        _ => false,
    };
    owner.claim("b.acme", digest).await.unwrap();
    // What nobody holds the top of, all may claim in.
    stranger.claim("c.acme", own).await.unwrap();
    for (name, holder) in [("a.b.acme", "b.acme"), ("x.a.b.acme", "b.acme"), ("acme", "b.acme")] {
        assert!(of_another(stranger.claim(name, own).await, holder), "{name}");
    }
    assert!(of_another(owner.claim("acme", digest).await, "c.acme"));
    // It is by the dots that one is below another.
    for name in ["bb.acme", "ab.acme", "acme.b", "acmes"] {
        stranger.claim(&format!("{name}.shop"), own).await.unwrap();
    }
    owner.claim("a.b.acme", digest).await.unwrap();
    owner.order("b.acme", Order::Release).await.unwrap();
    assert!(of_another(stranger.claim("b.acme", own).await, "a.b.acme"));
    owner.order("a.b.acme", Order::Release).await.unwrap();
    let cooling = stranger.claim("acme", own).await;
    assert!(
        matches!(cooling, Err(NamesError::CoolingOff { .. })),
        "what was below may come back: {cooling:?}"
    );
    context.clock.advance(COOL_OFF);
    stranger.claim("acme", own).await.unwrap();
    assert!(of_another(owner.claim("d.acme", digest).await, "acme"));

    // Of a name and one below it, asked for at once by two, one is held.
    let (one, two) = (context.holder("one").await, context.holder("two").await);
    let both = join_all([one.0.claim("tools", one.1), two.0.claim("x.tools", two.1)]).await;
    assert_eq!(both.iter().filter(|claim| claim.is_ok()).count(), 1, "{both:?}");
}
