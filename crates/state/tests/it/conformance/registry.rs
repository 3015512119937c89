use std::time::Duration;

use casemate_model::{Digest, Name, Project};
use casemate_names::{
    COOL_OFF, Claimed, NameChange, NamePage, NameRecord, NameVersion, NameVersionKind, Obstacle, Registry,
    Released, Updated,
};
use casemate_objects::{Before, Deleted, ObjectCatalog, ObjectRecord, PutRule};
use futures_util::future::join_all;

use crate::context::Context;

impl Context {
    async fn claim(&self, name: &str, digest: Digest) -> Claimed {
        self.store.claim(&self.name_change(name, digest), self.event("names.claim")).await.unwrap()
    }

    async fn held(&self, name: &str) -> Option<NameRecord> {
        self.store.name(&name.parse().unwrap()).await.unwrap()
    }

    async fn versions(&self, name: &str, before: Option<u64>, limit: u32) -> Vec<NameVersion> {
        self.store.history(&name.parse().unwrap(), before, limit).await.unwrap()
    }
}

pub(super) async fn of_many_claims_one_wins(context: &Context) {
    let object = context.object("app.wasm", b"one");
    let claims = (0..50).map(|number| {
        let project: Project = format!("project-{number}").parse().unwrap();
        let object = ObjectRecord { project: project.clone(), ..object.clone() };
        let change = NameChange { project, ..context.name_change("app", object.digest) };
        async move {
            context
                .store
                .put_object(&object, &PutRule::default(), context.event("objects.put"))
                .await
                .unwrap();
            context.store.claim(&change, context.event("names.claim")).await.unwrap()
        }
    });
    let claims = join_all(claims).await;
    let won: Vec<_> = claims.iter().filter(|claim| matches!(claim, Claimed::Done(_))).collect();
    assert_eq!(won.len(), 1);
    let winner = context.held("app").await.unwrap();
    for claim in &claims {
        assert!(
            matches!(claim, Claimed::Done(record) | Claimed::Refused(Obstacle::Held(record)) if *record == winner),
            "{claim:?}"
        );
    }
    let claims = context.actions().await.into_iter().filter(|action| action == "names.claim").count();
    assert_eq!(claims, 1);
}

pub(super) async fn a_name_means_only_what_its_project_may_read(context: &Context) {
    let theirs = context.put("secret", b"theirs").await;
    let ours = ObjectRecord { project: "stranger".parse().unwrap(), ..context.object("own", b"ours") };
    context.store.put_object(&ours, &PutRule::default(), context.event("objects.put")).await.unwrap();
    let change = |digest| NameChange { project: ours.project.clone(), ..context.name_change("app", digest) };
    let claim =
        async |digest| context.store.claim(&change(digest), context.event("names.claim")).await.unwrap();
    let absent = claim(Digest::of(b"nobody has this")).await;
    assert_eq!(
        (claim(theirs).await, absent),
        (Claimed::BlobMissing, Claimed::BlobMissing),
        "the same to see"
    );
    assert!(matches!(claim(ours.digest).await, Claimed::Done(_)));
    let update = async |digest, expected| {
        context.store.update(&change(digest), expected, context.event("names.update")).await.unwrap()
    };
    assert_eq!(update(theirs, 1).await, Updated::BlobMissing);
    // What it means already it may go on meaning, also when the object is gone.
    let place = ours.place();
    let gone = context.store.delete_object(
        &place,
        &Before::Anything,
        context.version_id(),
        context.event("objects.delete"),
    );
    assert!(matches!(gone.await.unwrap(), Deleted::Removed(_)));
    assert!(matches!(update(ours.digest, 1).await, Updated::Done(_)));
}

pub(super) async fn an_update_needs_the_owner_and_the_present_sequence(context: &Context) {
    let (one, two) = (context.put("one", b"one").await, context.put("two", b"two").await);
    let change = context.name_change("app", two);
    let update = async |change: &NameChange, expected| {
        context.store.update(change, expected, context.event("names.update")).await.unwrap()
    };
    assert_eq!(update(&change, 1).await, Updated::Missing);
    let Claimed::Done(first) = context.claim("app", one).await else { panic!("the name is free") };
    assert_eq!(first.sequence, 1);
    let stranger = NameChange { project: "stranger".parse().unwrap(), ..change.clone() };
    assert_eq!(update(&stranger, 1).await, Updated::NotOwner);
    assert_eq!(update(&change, 2).await, Updated::Conflict(first.clone()));
    let unknown = context.name_change("app", Digest::of(b"unknown"));
    assert_eq!(update(&unknown, 1).await, Updated::BlobMissing);
    assert_eq!(context.held("app").await, Some(first.clone()), "nothing was changed so far");

    context.clock.advance(Duration::from_secs(1));
    let change = context.name_change("app", two);
    let second = NameRecord { sequence: 2, digest: two, updated: context.now(), ..first };
    assert_eq!(update(&change, 1).await, Updated::Done(second.clone()));
    assert_eq!(update(&change, 1).await, Updated::Conflict(second.clone()), "the same again is stale");
    assert_eq!(context.held("app").await, Some(second));
}

pub(super) async fn a_released_name_goes_on_where_it_ended(context: &Context) {
    let digest = context.put("one", b"one").await;
    context.claim("app", digest).await;
    let name = "app".parse().unwrap();
    let stranger: Project = "stranger".parse().unwrap();
    let theirs = ObjectRecord { project: stranger.clone(), ..context.object("one", b"one") };
    context.store.put_object(&theirs, &PutRule::default(), context.event("objects.put")).await.unwrap();
    let release = async |project: &Project| {
        let times = (context.now(), context.now().saturating_add(COOL_OFF));
        context.store.release(&name, project, times, context.event("names.release")).await.unwrap()
    };
    assert_eq!(release(&stranger).await, Released::NotOwner);
    assert!(context.held("app").await.is_some());
    assert_eq!(release(&context.project).await, Released::Done);
    assert_eq!(context.held("app").await, None);
    assert_eq!(release(&context.project).await, Released::Missing);

    // Who had it may have it back, and others when what they see of it is out of their memories.
    let until = context.now().saturating_add(COOL_OFF);
    let change =
        |context: &Context| NameChange { project: stranger.clone(), ..context.name_change("app", digest) };
    let claimed = context.store.claim(&change(context), context.event("names.claim")).await.unwrap();
    assert_eq!(claimed, Claimed::Refused(Obstacle::CoolingOff(until)));
    let in_the_way = async |project| context.store.obstacle(&name, project, context.now()).await.unwrap();
    assert_eq!(in_the_way(&stranger).await, Some(Obstacle::CoolingOff(until)));
    assert_eq!(in_the_way(&context.project).await, None);
    context.clock.advance(COOL_OFF);
    assert_eq!(in_the_way(&stranger).await, None);
    let claimed = context.store.claim(&change(context), context.event("names.claim")).await.unwrap();
    let Claimed::Done(record) = claimed else { panic!("the name was free: {claimed:?}") };
    assert_eq!((record.sequence, record.project), (3, stranger));
    let versions = context.versions("app", None, 10).await;
    let kinds: Vec<_> =
        versions.iter().map(|version| (version.sequence, version.kind, version.digest)).collect();
    assert_eq!(
        kinds,
        [
            (3, NameVersionKind::Claimed, Some(digest)),
            (2, NameVersionKind::Released, None),
            (1, NameVersionKind::Claimed, Some(digest)),
        ]
    );
    assert_eq!(versions[1].actor, "uid:0");
}

pub(super) async fn history_and_names_come_in_pages(context: &Context) {
    let digest = context.put("one", b"one").await;
    for name in ["delta", "alpha", "charlie", "bravo"] {
        context.claim(name, digest).await;
    }
    for sequence in 1..4 {
        let change = context.name_change("alpha", digest);
        context.store.update(&change, sequence, context.event("names.update")).await.unwrap();
    }
    let sequences = async |before, limit| {
        let versions = context.versions("alpha", before, limit).await;
        versions.into_iter().map(|version| version.sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(None, 3).await, [4, 3, 2]);
    assert_eq!(sequences(Some(2), 3).await, [1]);
    assert_eq!(sequences(Some(u64::MAX), 1).await, [4]);

    let names = |prefix: &str, after: Option<&Name>| NamePage {
        project: context.project.clone(),
        prefix: prefix.to_owned(),
        after: after.cloned(),
        limit: 3,
    };
    let page = context.store.names(&names("", None)).await.unwrap();
    assert_eq!(page.iter().map(|name| name.name.as_str()).collect::<Vec<_>>(), ["alpha", "bravo", "charlie"]);
    let rest = context.store.names(&names("", Some(&page[2].name))).await.unwrap();
    assert_eq!(rest.iter().map(|name| name.name.as_str()).collect::<Vec<_>>(), ["delta"]);
    let stranger = "stranger".parse().unwrap();
    let theirs = NamePage { project: stranger, ..names("", None) };
    assert_eq!(context.store.names(&theirs).await.unwrap(), []);
    for (prefix, found) in [("", 3), ("b", 1), ("bravo", 1), ("br%", 0), ("z", 0), ("~", 0)] {
        assert_eq!(context.store.names(&names(prefix, None)).await.unwrap().len(), found, "{prefix}");
    }
}

impl Context {
    /// A claim by another project, which has the content.
    async fn claim_as(&self, project: &str, name: &str) -> Claimed {
        let project: Project = project.parse().unwrap();
        let object = ObjectRecord { project: project.clone(), ..self.object("own", b"own") };
        self.store.put_object(&object, &PutRule::default(), self.event("objects.put")).await.unwrap();
        let change = NameChange { project, ..self.name_change(name, object.digest) };
        self.store.claim(&change, self.event("names.claim")).await.unwrap()
    }

    async fn release(&self, name: &str) -> Released {
        let name = name.parse().unwrap();
        let times = (self.now(), self.now().saturating_add(COOL_OFF));
        self.store.release(&name, &self.project, times, self.event("names.release")).await.unwrap()
    }
}

pub(super) async fn of_names_that_look_alike_one_is_held(context: &Context) {
    let digest = context.put("one", b"one").await;
    let held = |name: &str| Claimed::Refused(Obstacle::LooksLike(name.parse().unwrap()));
    assert!(matches!(context.claim("modern-1", digest).await, Claimed::Done(_)));
    for other in ["rnodern-1", "modern-l", "rnodern-l"] {
        assert_eq!(context.claim(other, digest).await, held("modern-1"), "also to its own holder");
    }
    assert_eq!(context.claim_as("stranger", "rnodern-1").await, held("modern-1"));
    assert_eq!(context.release("modern-1").await, Released::Done);
    let until = context.now().saturating_add(COOL_OFF);
    let cooling = Claimed::Refused(Obstacle::CoolingOff(until));
    assert_eq!(context.claim_as("stranger", "rnodern-1").await, cooling, "nor what looks like it");
    context.clock.advance(COOL_OFF);
    assert!(matches!(context.claim_as("stranger", "rnodern-1").await, Claimed::Done(_)));
    assert_eq!(context.claim("modern-1", digest).await, held("rnodern-1"));

    // Also of those that come at once.
    let claims = ["pail", "pai1"].repeat(8);
    let claims = join_all(claims.into_iter().map(|name| context.claim(name, digest))).await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claimed::Done(_))).count(), 1, "{claims:?}");
}

pub(super) async fn what_is_above_and_below_a_name_is_its_holders(context: &Context) {
    let digest = context.put("one", b"one").await;
    let of = |name: &str| Claimed::Refused(Obstacle::OfAnother(name.parse().unwrap()));
    assert!(matches!(context.claim("b.acme", digest).await, Claimed::Done(_)));
    // What nobody holds the top of, all may claim in.
    assert!(matches!(context.claim_as("stranger", "c.acme").await, Claimed::Done(_)));
    for (name, holder) in [("a.b.acme", "b.acme"), ("x.a.b.acme", "b.acme"), ("acme", "b.acme")] {
        assert_eq!(context.claim_as("stranger", name).await, of(holder), "{name}");
    }
    assert_eq!(context.claim("acme", digest).await, of("c.acme"));
    // It is by the dots that one is below another.
    for name in ["bb.acme", "ab.acme", "acme.b", "acmes"] {
        let claimed = context.claim_as("stranger", &format!("{name}.shop")).await;
        assert!(matches!(claimed, Claimed::Done(_)), "{name}: {claimed:?}");
    }
    assert!(matches!(context.claim("a.b.acme", digest).await, Claimed::Done(_)), "its holder's own");
    assert_eq!(context.release("b.acme").await, Released::Done);
    assert_eq!(context.claim_as("stranger", "b.acme").await, of("a.b.acme"));
    assert_eq!(context.release("a.b.acme").await, Released::Done);
    assert!(
        matches!(context.claim_as("stranger", "acme").await, Claimed::Done(_)),
        "it has all that is below"
    );
    assert_eq!(context.claim("d.acme", digest).await, of("acme"));

    // Of a name and one below it, asked for at once by two, one is held.
    let both = join_all([context.claim_as("one", "tools"), context.claim_as("two", "x.tools")]).await;
    assert_eq!(both.iter().filter(|claim| matches!(claim, Claimed::Done(_))).count(), 1, "{both:?}");
}
