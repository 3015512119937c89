//! What one node says, others know, also when it is gone.

use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::NameChange;
use casemate_model::test_support::ManualClock;
use casemate_peers::test_support::{MemoryProofs, MemoryRegistry};
use casemate_peers::{How, PeersError, Standing};

use crate::world::{Node, Spot, believing, next_year, registry_id, settings};

/// Another registry than the usual.
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

/// A registry that has nothing to say.
fn silent(clock: &Arc<ManualClock>) -> Arc<MemoryRegistry> {
    MemoryRegistry::new("ffffffffffffffffffffffffffffffff".parse().unwrap(), 99, clock.clone())
}

#[tokio::test]
async fn a_name_outlives_the_node_that_said_it() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let (one, two, three) = (Spot::new(1), Spot::new(2), Spot::new(3));
    let spots = [&one, &two, &three];
    let others =
        |spot: &Spot| spots.iter().copied().filter(|other| other.seed != spot.seed).collect::<Vec<_>>();
    // Another registry is believed too, so that it follows from the name whose it is.
    let other = MemoryRegistry::new(OTHER.parse().unwrap(), 9, clock.clone());
    let start = |spot: &Spot, source| {
        let mut registries = believing(&registry);
        registries.add(OTHER.parse().unwrap(), other.key());
        let settings = settings(spot, &[], &others(spot), registries);
        Node::start(spot, settings, source, (Arc::default(), clock.clone()))
    };
    let first = start(&one, registry.clone());
    let (second, third) = (start(&two, other.clone()), start(&three, silent(&clock)));
    first.connected(2).await;
    registry.write("one.tools", NameChange::Claimed, next_year(&clock));
    let found = third.finds("one.tools", 1).await;
    assert_eq!((found.how, found.refused), (How::Offline, 0));
    registry.write("one.tools", NameChange::Updated, next_year(&clock));
    third.finds("one.tools", 2).await;
    second.finds("one.tools", 2).await;
    other.write("both.tools", NameChange::Claimed, next_year(&clock));
    third.finds("both.tools", 1).await;
    registry.write("both.tools", NameChange::Claimed, next_year(&clock));
    crate::world::until(async || third.get("both.tools").await.is_err()).await;
    let error = third.get("both.tools").await.unwrap_err();
    assert!(
        matches!(&error, PeersError::WhichRegistry { registries, .. } if registries.len() == 2),
        "{error}"
    );
    let found = third.peers.get(Some(registry_id()), &crate::world::name("both.tools")).await.unwrap();
    assert_eq!(found.proof.signed().record().registry, registry_id());

    first.kill().await;
    let found = third.get("one.tools").await.unwrap();
    assert_eq!(found.proof.signed().record().sequence, 2);
    // One that comes later, with nothing of its own, and without the registry.
    third.kill().await;
    let third = start(&three, silent(&clock));
    third.connected(1).await;
    let found = third.finds("one.tools", 2).await;
    assert_eq!((found.copies, found.refused), (1, 0));
    let error = third.get("two.tools").await.unwrap_err();
    assert!(matches!(&error, PeersError::Unknown(_)), "{error}");
    assert!(error.to_string().contains("only its registry can say whether it is free"), "{error}");
}

#[tokio::test]
async fn own_nodes_know_how_old_their_answers_are() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let (one, two) = (Spot::new(11), Spot::new(12));
    for index in 0..150 {
        registry.write(&format!("n{index}.tools"), NameChange::Claimed, next_year(&clock));
    }
    let first = Node::start(
        &one,
        settings(&one, &[&two], &[], believing(&registry)),
        registry.clone(),
        (Arc::default(), clock.clone()),
    );
    let second = Node::start(
        &two,
        settings(&two, &[&one], &[], believing(&registry)),
        silent(&clock),
        (Arc::default(), clock.clone()),
    );
    second.keeps(150).await;
    crate::world::until(async || second.peers.age(registry_id()).await.unwrap().is_some()).await;
    assert_eq!(second.get("n149.tools").await.unwrap().how, How::Bounded { age: Duration::ZERO });
    assert_eq!(second.peers.show().await.unwrap().peers[0].standing, Standing::Own);

    // The registry is gone: what is known of it gets older, and says so.
    first.kill().await;
    second.connected(0).await;
    clock.advance(Duration::from_secs(40));
    let found = second.get("n0.tools").await.unwrap();
    assert_eq!(found.how, How::Bounded { age: Duration::from_secs(40) });

    // It is so after a restart, too.
    let store = second.kill().await;
    let second = Node::start(
        &two,
        settings(&two, &[&one], &[], believing(&registry)),
        silent(&clock),
        (store, clock.clone()),
    );
    second.keeps(150).await;
    let found = second.get("n0.tools").await.unwrap();
    assert_eq!(found.how, How::Bounded { age: Duration::from_secs(40) });
}

#[tokio::test]
async fn what_counts_no_more_is_gone() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let spot = Spot::new(21);
    let store = Arc::new(MemoryProofs::default());
    let other = Spot::new(22);
    let start = |spot: &Spot, other: &Spot, source, store| {
        Node::start(spot, settings(spot, &[], &[other], believing(&registry)), source, (store, clock.clone()))
    };
    let node = start(&spot, &other, registry.clone(), store.clone());
    let reader = start(&other, &spot, silent(&clock), Arc::default());
    node.connected(1).await;
    registry.write("short.tools", NameChange::Claimed, clock_in(&clock, 60));
    reader.finds("short.tools", 1).await;
    reader.keeps(1).await;
    clock.advance(Duration::from_secs(61));
    assert!(matches!(reader.get("short.tools").await, Err(PeersError::Unknown(_))));
    // And from the disk, too.
    crate::world::until(async || reader.store.all().is_empty()).await;
    let store = node.kill().await;
    let node = start(&spot, &other, silent(&clock), store);
    assert!(matches!(node.get("short.tools").await, Err(PeersError::Unknown(_))));
}

fn clock_in(clock: &ManualClock, seconds: u64) -> casemate_model::Timestamp {
    use casemate_model::Clock as _;
    clock.now().saturating_add(Duration::from_secs(seconds))
}
