//! What is kept, by what is sent.

use std::sync::Arc;

use casemate_ledger::NameChange;
use casemate_model::Clock as _;
use casemate_model::test_support::ManualClock;
use casemate_peers::test_support::MemoryRegistry;
use casemate_peers::{KeptProof, ProofStore as _, place};

use crate::world::{Node, Spot, believing, name, next_year, registry_id, settings};

/// What a node that starts with these proofs on its disk believes of them.
async fn believed(
    clock: &Arc<ManualClock>,
    registry: &Arc<MemoryRegistry>,
    proofs: Vec<(casemate_model::Digest, Vec<u8>)>,
) -> usize {
    let spot = Spot::new(61);
    let node_store = Arc::new(casemate_peers::test_support::MemoryProofs::default());
    // The same registry before it did anything: what it says first is version 1 each time.
    let fresh = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let good = fresh.write("good.tools", NameChange::Claimed, next_year(clock)).into_bytes();
    let good = (place(registry_id(), &name("good.tools")), good);
    for (place, proof) in proofs.into_iter().chain([good]) {
        node_store
            .keep_proofs(&[KeptProof { place, proof: proof.into(), received: clock.now() }])
            .await
            .unwrap();
    }
    let settings = settings(&spot, &[], &[], believing(registry));
    let node = Node::start(&spot, settings, registry.clone(), (node_store, clock.clone()));
    node.finds("good.tools", 1).await;
    let count = node.peers.show().await.unwrap().proofs;
    node.kill().await;
    count
}

#[tokio::test]
async fn every_changed_byte_of_a_proof_is_refused() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let proof = registry.write("one.tools", NameChange::Claimed, next_year(&clock)).into_bytes();
    let here = place(registry_id(), &name("one.tools"));
    assert_eq!(believed(&clock, &registry, vec![(here, proof.clone())]).await, 2);
    for index in (0..proof.len()).step_by(37) {
        let mut bad = proof.clone();
        bad[index] ^= 1;
        assert_eq!(believed(&clock, &registry, vec![(here, bad)]).await, 1, "byte {index}");
    }
    // It is good, and stands where another's would.
    let elsewhere = place(registry_id(), &name("two.tools"));
    assert_eq!(believed(&clock, &registry, vec![(elsewhere, proof.clone())]).await, 1);
    assert_eq!(believed(&clock, &registry, vec![(here, vec![b'x'; 1 << 20])]).await, 1);
}

#[tokio::test]
async fn a_node_that_is_full_says_so_and_keeps_what_it_has() {
    let clock = Arc::new(ManualClock::new());
    let registry = MemoryRegistry::new(registry_id(), 7, clock.clone());
    let silent = MemoryRegistry::new("ffffffffffffffffffffffffffffffff".parse().unwrap(), 99, clock.clone());
    let (one, two) = (Spot::new(71), Spot::new(72));
    let first = Node::start(
        &one,
        settings(&one, &[&two], &[], believing(&registry)),
        registry.clone(),
        (Arc::default(), clock.clone()),
    );
    let mut small = settings(&two, &[&one], &[], believing(&registry));
    small.bytes_max = 20_000;
    let second = Node::start(&two, small, silent, (Arc::default(), clock.clone()));
    second.connected(1).await;
    for index in 0..40 {
        registry.write(&format!("n{index}.tools"), NameChange::Claimed, next_year(&clock));
    }
    first.keeps(40).await;
    crate::world::until(async || second.peers.show().await.unwrap().proofs > 0).await;
    let shown = second.peers.show().await.unwrap();
    assert!(shown.bytes <= 20_000 && shown.proofs < 40, "{shown:?}");
    // It has not all of it, so it does not say how old its answers are; others still do answer.
    assert_eq!(second.peers.age(registry_id()).await.unwrap(), None);
    second.finds("n39.tools", 1).await;
}
