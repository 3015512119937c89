//! Peers that lie, replay, and were not asked to come.

use std::sync::Arc;

use casemate_ledger::NameChange;
use casemate_model::test_support::ManualClock;
use casemate_peers::Registries;
use casemate_peers::test_support::MemoryRegistry;

use crate::world::{Node, Spot, believing, next_year, registry_id, settings};

#[tokio::test]
async fn what_is_forged_or_stale_is_refused_by_every_honest_node() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    // The same registry as it was before its last change: its log is real, and older.
    let stale = MemoryRegistry::new(registry_id(), 7, clock.clone());
    // Somebody who calls himself that registry.
    let forged = MemoryRegistry::new(registry_id(), 8, clock.clone());
    for registry in [&registry, &stale] {
        registry.write("one.tools", NameChange::Claimed, next_year(&clock));
    }
    registry.write("one.tools", NameChange::Updated, next_year(&clock));
    for _ in 0..9 {
        forged.write("one.tools", NameChange::Claimed, next_year(&clock));
    }
    let spots: Vec<_> = (31..36).map(Spot::new).collect();
    let start = |index: usize, source: &Arc<MemoryRegistry>, registries: Registries| {
        let others: Vec<_> = spots.iter().filter(|spot| spot.seed != spots[index].seed).collect();
        let settings = settings(&spots[index], &[], &others, registries);
        Node::start(&spots[index], settings, source.clone(), (Arc::default(), clock.clone()))
    };
    let silent = MemoryRegistry::new("ffffffffffffffffffffffffffffffff".parse().unwrap(), 99, clock.clone());
    let honest = [start(0, &registry, believing(&registry)), start(1, &silent, believing(&registry))];
    honest[1].finds("one.tools", 2).await;
    let replayer = start(2, &stale, believing(&registry));
    let forger = start(3, &forged, believing(&forged));
    replayer.connected(3).await;
    forger.connected(3).await;
    // Each has its own, and has told everybody.
    replayer.finds("one.tools", 2).await;
    forger.finds("one.tools", 9).await;
    // Somebody new asks all of them.
    let reader = start(4, &silent, believing(&registry));
    reader.connected(4).await;
    let found = reader.finds("one.tools", 2).await;
    assert_eq!(found.proof.key(), &registry.key());
    for node in &honest {
        let found = node.get("one.tools").await.unwrap();
        assert_eq!((found.proof.signed().record().sequence, found.proof.key()), (2, &registry.key()));
        let kept = node.store.all();
        assert_eq!(kept.len(), 1);
        assert!(!String::from_utf8_lossy(&kept[0].proof).contains(forged.key().origin()));
    }
}

#[tokio::test]
async fn who_is_not_listed_is_not_let_in() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let (one, two, stranger) = (Spot::new(41), Spot::new(42), Spot::new(43));
    let start = |spot: &Spot, known: &[&Spot]| {
        let settings = settings(spot, &[], known, believing(&registry));
        Node::start(spot, settings, registry.clone(), (Arc::default(), clock.clone()))
    };
    let (first, second) = (start(&one, &[&two]), start(&two, &[&one]));
    let third = start(&stranger, &[&one, &two]);
    first.connected(1).await;
    second.connected(1).await;
    registry.write("one.tools", NameChange::Claimed, next_year(&clock));
    second.finds("one.tools", 1).await;
    // What the stranger has is its own.
    let shown = third.peers.show().await.unwrap();
    assert!(shown.peers.iter().all(|peer| !peer.connected), "{shown:?}");
    assert_eq!(shown.proofs, 0);
    assert_eq!(first.peers.show().await.unwrap().peers.len(), 1);
}

#[tokio::test]
async fn changes_are_told_to_own_nodes_only() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let silent = MemoryRegistry::new("ffffffffffffffffffffffffffffffff".parse().unwrap(), 99, clock.clone());
    let (one, two) = (Spot::new(51), Spot::new(52));
    registry.write("one.tools", NameChange::Claimed, next_year(&clock));
    let settings_one = settings(&one, &[], &[&two], believing(&registry));
    let first = Node::start(&one, settings_one, registry.clone(), (Arc::default(), clock.clone()));
    // It believes that the other is one of its own; that one does not.
    let settings_two = settings(&two, &[&one], &[], believing(&registry));
    let second = Node::start(&two, settings_two, silent, (Arc::default(), clock.clone()));
    second.finds("one.tools", 1).await;
    first.connected(1).await;
    assert_eq!(second.peers.age(registry_id()).await.unwrap(), None);
}
