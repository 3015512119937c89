use std::time::Duration;

use casemate_ledger::{NameChange, OwnerKey, SignedNameRecord, Standing};
use casemate_model::Timestamp;
use casemate_names::{
    Content, Edit, HeldName, Keys, NamePage, NamesError, Nonce, Order, Registry, SKEW_MAX, Status, WhichNames,
};

use crate::context::Context;
use crate::names::{Holder, content, held};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn to(project: &str) -> Order {
    Order::Offer { to: project.parse().unwrap() }
}

fn accept(digest: casemate_model::Digest) -> Order {
    Order::Accept { digest: Some(digest), keys: Keys::default() }
}

async fn status(holder: &Holder<'_>, name: &str) -> Status {
    holder.resolve(name).await.unwrap().status
}

pub(super) async fn a_name_ends_unless_it_is_renewed(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    let claimed = owner.claim("app", digest).await.unwrap();
    assert_eq!(claimed.record.expires, context.now().saturating_add(365 * DAY));
    let early = owner.order("app", Order::Renew).await;
    let from = claimed.record.expires.saturating_sub(90 * DAY);
    assert!(matches!(&early, Err(NamesError::TooEarly { from: said, .. }) if *said == from), "{early:?}");

    // It is told what is to come, each once, and only the last of what was missed.
    assert_eq!(owner.tend().await, [""; 0]);
    context.clock.advance(275 * DAY);
    assert_eq!(owner.tend().await, ["app ends in 90 days"]);
    assert_eq!(owner.tend().await, [""; 0]);
    context.clock.advance(84 * DAY);
    assert_eq!(owner.tend().await, ["app ends in 7 days"]);
    let renewed = owner.order("app", Order::Renew).await.unwrap();
    assert_eq!(renewed.record.expires, claimed.record.expires.saturating_add(365 * DAY));

    // In its grace it means nothing, and only its holder has it.
    context.clock.advance(6 * DAY + 365 * DAY);
    assert_eq!(owner.tend().await, ["app has ended"]);
    let until = context.now().saturating_add(30 * DAY);
    assert_eq!(status(&owner, "app").await, Status::Grace { until });
    let updated = owner.order("app", Order::Update(Edit::default())).await;
    assert!(matches!(updated, Err(NamesError::NotActive { .. })), "{updated:?}");
    let (stranger, own) = context.holder("stranger").await;
    let taken = stranger.claim("app", own).await;
    assert!(matches!(taken, Err(NamesError::Taken { own: false, .. })), "{taken:?}");
    context.clock.advance(29 * DAY);
    let saved = owner.order("app", Order::Renew).await.unwrap();
    assert_eq!(
        saved.record.expires,
        renewed.record.expires.saturating_add(365 * DAY),
        "no day is won by being late"
    );
    assert_eq!(status(&owner, "app").await, Status::Active);

    // Nobody renews it: it lapses, cools off, and is somebody else's.
    context.clock.advance(336 * DAY);
    assert_eq!(owner.tend().await, ["app has ended"]);
    context.clock.advance(30 * DAY);
    assert_eq!(owner.tend().await, ["app lapsed"]);
    assert_eq!(held(&context.store, "app").await, None);
    let cooling = stranger.claim("app", own).await;
    assert!(matches!(cooling, Err(NamesError::CoolingOff { .. })), "{cooling:?}");
    context.clock.advance(7 * DAY);
    assert_eq!(stranger.claim("app", own).await.unwrap().record.epoch, 2);
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn a_clock_that_jumps_ahead_takes_no_name(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    let claimed = owner.claim("app", digest).await.unwrap();
    let right = context.now();
    context.clock.set(right.saturating_add(10 * 365 * DAY));
    assert_eq!(owner.tend().await, ["app has ended"]);
    assert_eq!(owner.tend().await, [""; 0], "its grace begins when its end is noticed");
    context.clock.set(right);
    assert_eq!(status(&owner, "app").await, Status::Active);
    // Ten years later it is looked at again, and sooner if anything is done with it.
    owner.order("app", Order::Update(Edit::default())).await.unwrap();
    context.clock.set(right.saturating_add(275 * DAY));
    assert_eq!(owner.tend().await, ["app ends in 90 days"]);
    assert_eq!(held(&context.store, "app").await.unwrap().record.expires, claimed.record.expires);
}

pub(super) async fn a_name_goes_to_whom_it_is_offered(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, (buyer, own)) = (context.operator(), context.holder("buyer").await);
    let (other, others) = context.holder("other").await;
    owner.claim("app", digest).await.unwrap();
    let locked = owner.order("app", to("buyer")).await;
    assert!(matches!(locked, Err(NamesError::Locked { .. })), "{locked:?}");
    context.clock.advance(DAY);
    let itself = owner.order("app", to("default")).await;
    assert!(matches!(itself, Err(NamesError::OwnAlready { .. })), "{itself:?}");
    owner.order("app", to("buyer")).await.unwrap();
    let inbox = async |project: &str| {
        let page = NamePage {
            project: project.parse().unwrap(),
            which: WhichNames::Offered,
            after: None,
            limit: 10,
        };
        context.store.names(&page).await.unwrap().len()
    };
    assert_eq!((inbox("buyer").await, inbox("other").await), (1, 0));
    for (holder, order) in [(&other, accept(others)), (&other, Order::Decline), (&owner, accept(digest))] {
        let refused = holder.order("app", order).await;
        assert!(matches!(refused, Err(NamesError::NotOffered { .. })), "{refused:?}");
    }
    // What one was offered is what one gets: another version is another offer.
    owner.order("app", Order::Update(Edit::default())).await.unwrap();
    let gone = buyer.order("app", accept(own)).await;
    assert!(matches!(gone, Err(NamesError::NotOffered { .. })), "{gone:?}");
    for order in [Order::Withdraw, Order::Decline] {
        owner.order("app", to("buyer")).await.unwrap();
        let by = if order == Order::Withdraw { &owner } else { &buyer };
        by.order("app", order).await.unwrap();
        buyer.order("app", accept(own)).await.unwrap_err();
    }
    owner.order("app", to("buyer")).await.unwrap();
    context.clock.advance(7 * DAY);
    let late = buyer.order("app", accept(own)).await;
    assert!(matches!(late, Err(NamesError::NotOffered { .. })), "{late:?}");
    owner.order("app", to("buyer")).await.unwrap();
    let without = buyer.order("app", Order::Accept { digest: None, keys: Keys::default() }).await;
    assert!(matches!(without, Err(NamesError::BlobMissing { .. })), "{without:?}");
    let taken = buyer.order("app", accept(own)).await.unwrap();
    assert_eq!((taken.record.change, taken.record.project.as_str()), (NameChange::Transferred, "buyer"));
    assert_eq!(taken.claimed, context.now());
    let former = owner.order("app", Order::Release).await;
    assert!(matches!(former, Err(NamesError::NotOwner { .. })), "{former:?}");
    let back = buyer.order("app", to("default")).await;
    assert!(matches!(back, Err(NamesError::Locked { .. })), "{back:?}");
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn what_is_handed_on_below_a_name_ends_with_it(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, (tenant, own)) = (context.operator(), context.holder("tenant").await);
    owner.claim("acme", digest).await.unwrap();
    context.clock.advance(100 * DAY);
    owner.claim("shop.acme", digest).await.unwrap();
    owner.order("shop.acme", to("tenant")).await.unwrap();
    let root = held(&context.store, "acme").await.unwrap().record;
    let shop = tenant.order("shop.acme", accept(own)).await.unwrap().record;
    assert_eq!(shop.expires, root.expires, "it was longer before");
    // Below it all is the tenant's, within the same time; beside it nothing is.
    let below = tenant.claim("cart.shop.acme", own).await.unwrap().record;
    assert_eq!(below.expires, root.expires);
    let taken = owner.claim("pay.shop.acme", digest).await;
    assert!(matches!(taken, Err(NamesError::OfAnother { .. })), "{taken:?}");
    let beside = tenant.claim("www.acme", own).await;
    assert!(matches!(beside, Err(NamesError::OfAnother { .. })), "{beside:?}");
    context.clock.advance(200 * DAY);
    let capped = tenant.order("shop.acme", Order::Renew).await;
    assert!(matches!(capped, Err(NamesError::EndsWithAbove { .. })), "{capped:?}");
    let root = owner.order("acme", Order::Renew).await.unwrap().record;
    let renewed = tenant.order("shop.acme", Order::Renew).await.unwrap().record;
    assert_eq!(renewed.expires, root.expires);

    // Who holds the root stops what is below, and the root's stop is that of all below.
    let no_power = tenant.order("acme", Order::Suspend).await;
    assert!(matches!(no_power, Err(NamesError::NoPower { .. })), "{no_power:?}");
    let own_power = tenant.order("shop.acme", Order::Suspend).await;
    assert!(matches!(own_power, Err(NamesError::NoPower { .. })), "{own_power:?}");
    owner.order("shop.acme", Order::Suspend).await.unwrap();
    assert_eq!(status(&tenant, "shop.acme").await, Status::Suspended);
    let by = "shop.acme".parse().unwrap();
    assert_eq!(status(&tenant, "cart.shop.acme").await, Status::SuspendedAbove { by });
    let stopped = tenant.order("cart.shop.acme", Order::Update(Edit::default())).await;
    assert!(matches!(stopped, Err(NamesError::NotActive { .. })), "{stopped:?}");
    let itself = tenant.order("shop.acme", Order::Resume).await;
    assert!(matches!(itself, Err(NamesError::NoPower { .. })), "{itself:?}");
    owner.order("shop.acme", Order::Resume).await.unwrap();
    assert_eq!(status(&tenant, "cart.shop.acme").await, Status::Active);
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn a_revocation_can_be_taken_back_for_a_while(context: &Context) {
    let (operator, (holder, own)) = (context.operator(), context.holder("holder").await);
    holder.claim("app", own).await.unwrap();
    operator.order("app", Order::Revoke).await.unwrap();
    let until = context.now().saturating_add(7 * DAY);
    assert_eq!(status(&holder, "app").await, Status::Revoked { until });
    let again = operator.order("app", Order::Revoke).await;
    assert!(matches!(again, Err(NamesError::StandsAlready { standing: Standing::Revoked, .. })), "{again:?}");
    for order in [Order::Renew, Order::Update(Edit::default()), to("other")] {
        let refused = holder.order("app", order).await;
        assert!(matches!(refused, Err(NamesError::NotActive { .. })), "{refused:?}");
    }
    context.clock.advance(6 * DAY);
    assert_eq!(operator.tend().await, [""; 0]);
    operator.order("app", Order::Resume).await.unwrap();
    assert_eq!(status(&holder, "app").await, Status::Active);
    operator.order("app", Order::Revoke).await.unwrap();
    context.clock.advance(7 * DAY);
    assert_eq!(operator.tend().await, ["app removed"]);
    assert_eq!(held(&context.store, "app").await, None);
    let nothing = operator.order("app", Order::Resume).await;
    assert!(matches!(nothing, Err(NamesError::NotClaimed { .. })), "{nothing:?}");
}

pub(super) async fn a_stop_is_not_undone_by_giving_up_what_is_stopped(context: &Context) {
    let (operator, (holder, own)) = (context.operator(), context.holder("holder").await);
    holder.claim("app", own).await.unwrap();
    holder.claim("shop.app", own).await.unwrap();
    for stop in [Order::Suspend, Order::Revoke] {
        operator.order("app", stop).await.unwrap();
        let released = holder.order("app", Order::Release).await;
        assert!(matches!(released, Err(NamesError::NotActive { .. })), "{released:?}");
        let below = holder.claim("new.app", own).await;
        assert!(matches!(below, Err(NamesError::NotActive { .. })), "{below:?}");
        operator.order("app", Order::Resume).await.unwrap();
    }
    // What is taken away for good takes along what is below it, and whoever had it waits like everybody.
    operator.order("app", Order::Revoke).await.unwrap();
    context.clock.advance(7 * DAY);
    assert_eq!(operator.tend().await, ["shop.app removed", "app removed"]);
    for name in ["app", "shop.app"] {
        let again = holder.claim(name, own).await;
        assert!(matches!(again, Err(NamesError::CoolingOff { .. })), "{name}: {again:?}");
    }
    context.clock.advance(7 * DAY);
    holder.claim("app", own).await.unwrap();
    // A suspension lasts until it is lifted or the name is gone, and that end is none of the holder's.
    operator.order("app", Order::Suspend).await.unwrap();
    context.clock.advance(365 * DAY);
    assert_eq!(operator.tend().await, ["app has ended"]);
    context.clock.advance(30 * DAY);
    assert_eq!(operator.tend().await, ["app removed"]);
    let again = holder.claim("app", own).await;
    assert!(matches!(again, Err(NamesError::CoolingOff { .. })), "{again:?}");
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn what_cools_off_keeps_what_is_above_and_below(context: &Context) {
    let ((holder, own), (stranger, theirs)) =
        (context.holder("holder").await, context.holder("stranger").await);
    holder.claim("shop.acme", own).await.unwrap();
    holder.order("shop.acme", Order::Release).await.unwrap();
    for name in ["acme", "www.shop.acme", "a.www.shop.acme"] {
        let taken = stranger.claim(name, theirs).await;
        assert!(matches!(taken, Err(NamesError::CoolingOff { .. })), "{name}: {taken:?}");
    }
    stranger.claim("other.acme", theirs).await.unwrap();
    holder.claim("shop.acme", own).await.unwrap();
    holder.order("shop.acme", Order::Release).await.unwrap();
    context.clock.advance(7 * DAY);
    stranger.claim("www.shop.acme", theirs).await.unwrap();
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn a_claim_is_committed_to_before_it_is_seen(context: &Context) {
    let (holder, own) = context.holder("holder").await;
    let (thief, others) = context.holder("thief").await;
    let (holder, thief) = (holder.committing(), thief.committing());
    let nonce = Nonce::generate(&context.entropy);
    let commitment = nonce.commitment(&"holder".parse().unwrap(), &"app".parse().unwrap());
    let made = holder.commit(commitment).await.unwrap();
    assert_eq!(made, context.now());
    let plain = holder.claim("app", own).await;
    assert!(matches!(plain, Err(NamesError::CommitmentMissing { .. })), "{plain:?}");
    let early = holder.reveal("app", own, &nonce).await;
    assert!(matches!(early, Err(NamesError::NotCommitted { .. })), "{early:?}");
    context.clock.advance(Duration::from_secs(10));
    assert_eq!(holder.commit(commitment).await.unwrap(), made, "to say it again makes it no younger");
    // Whoever sees the claim knows the nonce, and has no commitment of their own that is old enough.
    for (who, name, digest) in [(&thief, "app", others), (&holder, "other", own)] {
        let stolen = who.reveal(name, digest, &nonce).await;
        assert!(matches!(stolen, Err(NamesError::NotCommitted { .. })), "{stolen:?}");
    }
    let copied = thief.commit(commitment).await.unwrap();
    assert_eq!(copied, made);
    let stolen = thief.reveal("app", others, &nonce).await;
    assert!(matches!(stolen, Err(NamesError::NotCommitted { .. })), "{stolen:?}");
    assert_eq!(holder.reveal("app", own, &nonce).await.unwrap().record.epoch, 1);
    // It is good once, and for a day.
    holder.order("app", Order::Release).await.unwrap();
    let again = holder.reveal("app", own, &nonce).await;
    assert!(matches!(again, Err(NamesError::NotCommitted { .. })), "{again:?}");
    holder.commit(commitment).await.unwrap();
    context.clock.advance(DAY + Duration::from_secs(1));
    let late = holder.reveal("app", own, &nonce).await;
    assert!(matches!(late, Err(NamesError::NotCommitted { .. })), "{late:?}");
    // Who runs the node needs none.
    context.operator().committing().claim("ours", context.put("one", b"one").await).await.unwrap();
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn a_name_is_not_released_above_one_of_another(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, (tenant, own)) = (context.operator(), context.holder("tenant").await);
    owner.claim("acme", digest).await.unwrap();
    owner.claim("shop.acme", digest).await.unwrap();
    owner.order("shop.acme", to("tenant")).await.unwrap();
    tenant.order("shop.acme", accept(own)).await.unwrap();
    let released = owner.order("acme", Order::Release).await;
    assert!(
        matches!(&released, Err(NamesError::OfAnother { holder, .. }) if holder.as_str() == "shop.acme"),
        "{released:?}"
    );
    tenant.order("shop.acme", Order::Release).await.unwrap();
    owner.order("acme", Order::Release).await.unwrap();
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn names_are_found_by_the_tags_they_have(context: &Context) {
    let digest = context.put("one", b"one").await;
    let owner = context.operator();
    let tagged = |tags: &str| Content { tags: tags.parse().unwrap(), ..content(digest) };
    for (name, tags) in [("alpha", "prod web"), ("bravo", "prod"), ("charlie", "web")] {
        owner.claim_with(name, tagged(tags), Keys::default()).await.unwrap();
    }
    let found = async |tag: &str| {
        let which = WhichNames::Tagged(tag.parse().unwrap());
        let page = NamePage { project: context.project.clone(), which, after: None, limit: 10 };
        let names = context.store.names(&page).await.unwrap();
        names.into_iter().map(|held| held.record.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found("prod").await, ["alpha", "bravo"]);
    let edit = Edit { tags: Some("web".parse().unwrap()), ..Edit::default() };
    owner.order("alpha", Order::Update(edit)).await.unwrap();
    assert_eq!(found("prod").await, ["bravo"]);
    assert_eq!(found("web").await, ["alpha", "charlie"]);
    owner.order("charlie", Order::Release).await.unwrap();
    assert_eq!(found("web").await, ["alpha"], "no tag finds what is gone");
    assert!(context.store.check().await.unwrap().is_clean());
}

pub(super) async fn changes_of_a_name_with_an_owner_are_signed(context: &Context) {
    let digest = context.put("one", b"one").await;
    let (owner, thief) =
        (OwnerKey::generate(false, &context.entropy), OwnerKey::generate(true, &context.entropy));
    let holder = context.operator();
    let keys = |owner: &OwnerKey, recovery: Option<&OwnerKey>| Keys {
        owner: Some(owner.public_key().clone()),
        recovery: recovery.map(|key| key.public_key().clone()),
    };
    let claim = Order::Claim { content: content(digest), keys: keys(&owner, None) };
    let unsigned = holder.order("app", claim.clone()).await;
    assert!(matches!(unsigned, Err(NamesError::SignatureMissing { .. })), "{unsigned:?}");
    let forged = holder.sign("app", &claim, &[&thief]).await;
    assert!(matches!(forged, Err(NamesError::BadSignature { .. })), "{forged:?}");
    let first = holder.sign("app", &claim, &[&owner]).await.unwrap();

    let update = Order::Update(Edit { tags: Some("prod".parse().unwrap()), ..Edit::default() });
    for order in [update.clone(), Order::Release] {
        let unsigned = holder.order("app", order).await;
        assert!(matches!(unsigned, Err(NamesError::SignatureMissing { .. })), "{unsigned:?}");
    }
    let unsigned = holder.order("app", Order::Rotate(keys(&thief, None))).await;
    assert!(matches!(unsigned, Err(NamesError::BadSignature { .. })), "{unsigned:?}");
    // A signed record is taken once, where it fits, by the registry that it is for, and in its time.
    let record = holder.draft("app", &update).await.unwrap();
    let signed = |record: &casemate_ledger::NameRecord| {
        SignedNameRecord::new(record.clone(), vec![record.sign(&owner)])
    };
    let (stranger, _) = context.holder("stranger").await;
    let elsewhere = stranger.take(&signed(&record)).await;
    assert!(matches!(elsewhere, Err(NamesError::NotOwner { .. })), "{elsewhere:?}");
    type Bend = fn(&mut casemate_ledger::NameRecord);
    let bends: [(&str, Bend); 7] = [
        ("registry", |record| record.registry = "00000000000000000000000000000000".parse().unwrap()),
        ("epoch", |record| record.epoch += 1),
        ("project", |record| record.project = "other".parse().unwrap()),
        ("expires", |record| record.expires = Timestamp::MAX),
        ("previous", |record| record.previous = casemate_model::Digest::of(b"")),
        ("standing", |record| record.standing = Standing::Suspended),
        ("owner", |record| record.owner = None),
    ];
    for (what, bend) in bends {
        let mut bent = record.clone();
        bend(&mut bent);
        let refused = holder.take(&signed(&bent)).await;
        assert!(matches!(refused, Err(NamesError::SignedOtherwise { .. })), "{what}: {refused:?}");
    }
    context.clock.advance(SKEW_MAX + Duration::from_millis(1));
    let late = holder.take(&signed(&record)).await;
    assert!(matches!(late, Err(NamesError::SignedForAnotherTime { .. })), "{late:?}");
    let second = holder.sign("app", &update, &[&owner]).await.unwrap();
    assert_eq!((second.record.sequence, second.record.tags.to_string()), (2, "prod".to_owned()));
    let stored = context.store.signed(&"app".parse().unwrap(), 2).await.unwrap().unwrap();
    assert_eq!(stored.signed.verify_alone(), Ok(true));
    let replayed = holder.take(&stored.signed).await;
    assert!(matches!(replayed, Err(NamesError::Stale { expected: 1, found: 2, .. })), "{replayed:?}");
    assert_eq!(first.record.epoch, second.record.epoch);
}

pub(super) async fn keys_of_a_name_change_hands_with_those_who_have_them(context: &Context) {
    let digest = context.put("one", b"one").await;
    let [owner, recovery, next, thief] = [(); 4].map(|()| OwnerKey::generate(false, &context.entropy));
    let holder = context.operator();
    let public = |key: &OwnerKey| Some(key.public_key().clone());
    let keys = Keys { owner: public(&owner), recovery: public(&recovery) };
    let claim = Order::Claim { content: content(digest), keys };
    holder.sign("app", &claim, &[&owner]).await.unwrap();
    let rotate = Order::Rotate(Keys { owner: public(&next), recovery: public(&recovery) });
    for signers in [vec![&owner], vec![&next], vec![&owner, &thief]] {
        let refused = holder.sign("app", &rotate, &signers).await;
        assert!(matches!(refused, Err(NamesError::BadSignature { .. })), "both sign: {refused:?}");
    }
    holder.sign("app", &rotate, &[&owner, &next]).await.unwrap();
    let former = holder.sign("app", &Order::Renew, &[&owner]).await;
    former.unwrap_err();
    let edit = Order::Update(Edit::default());
    let former = holder.sign("app", &edit, &[&owner]).await;
    assert!(matches!(former, Err(NamesError::BadSignature { .. })), "{former:?}");

    // The recovery key puts another in the place of a lost one, unless its owner objects in time.
    let recover = Order::Recover { successor: owner.public_key().clone() };
    let forged = holder.sign("app", &recover, &[&thief, &owner]).await;
    assert!(matches!(forged, Err(NamesError::BadSignature { .. })), "{forged:?}");
    holder.sign("app", &recover, &[&recovery, &owner]).await.unwrap();
    let early = holder.order("app", Order::FinishRecovery).await;
    assert!(matches!(early, Err(NamesError::TooEarly { .. })), "{early:?}");
    holder.sign("app", &Order::Withdraw, &[&next]).await.unwrap();
    context.clock.advance(7 * DAY);
    let nothing = holder.order("app", Order::FinishRecovery).await;
    assert!(matches!(nothing, Err(NamesError::NothingOpen { .. })), "{nothing:?}");
    holder.sign("app", &recover, &[&recovery, &owner]).await.unwrap();
    context.clock.advance(7 * DAY);
    let recovered: HeldName = holder.order("app", Order::FinishRecovery).await.unwrap();
    assert_eq!(recovered.record.owner, public(&owner));
    holder.sign("app", &edit, &[&owner]).await.unwrap();
    let nobody = Order::Rotate(Keys::default());
    let bare = holder.sign("app", &nobody, &[&owner]).await.unwrap();
    assert_eq!((bare.record.owner, bare.record.recovery), (None, None));
    holder.order("app", edit).await.unwrap();
}
