//! What happens when the bucket fails or somebody comes in between, at each step.

use super::*;
use crate::test_support::{Asked, FaultyBucket};

struct Faults {
    world: World,
    bucket: Arc<FaultyBucket>,
    engine: DeltaGlider,
}

impl Faults {
    fn new() -> Self {
        let world = World::new();
        let bucket = Arc::new(FaultyBucket::new(world.bucket.clone()));
        let engine = World::engine_on(bucket.clone(), world.clock.clone());
        Self { world, bucket, engine }
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<PutOutcome, DeltaGliderError> {
        self.engine.put(&key(name), sealed(bytes), &PutOptions::default()).await
    }
}

#[tokio::test]
async fn a_reference_that_cannot_be_looked_at_is_not_replaced() {
    let faults = Faults::new();
    faults.world.put("p/1.zip", &version(1)).await;
    let before = faults.world.raw("p/reference.bin").await;
    for asked in [Asked::Head, Asked::Get] {
        faults.bucket.refuse(asked, "p/reference.bin");
        let failed = faults.put("p/2.zip", &noise(2)).await;
        assert!(matches!(failed, Err(DeltaGliderError::Bucket(_))), "{asked:?} gave {failed:?}");
        assert_eq!(faults.world.keys().await, ["p/1.zip.delta", "p/reference.bin"]);
    }
    assert_eq!(faults.world.raw("p/reference.bin").await, before);
}

#[tokio::test]
async fn an_object_that_cannot_be_looked_at_is_not_absent() {
    let faults = Faults::new();
    faults.world.put("1.zip", &version(1)).await;
    for asked in ["1.zip", "1.zip.delta"] {
        faults.bucket.refuse(Asked::Head, asked);
        let failed = faults.engine.get(&key("1.zip")).await;
        assert!(matches!(failed, Err(DeltaGliderError::Bucket(_))), "{asked} gave {failed:?}");
    }
    faults.bucket.refuse(Asked::Head, "1.zip.delta");
    let failed = faults.engine.delete_reference("", false).await;
    assert!(matches!(failed, Err(DeltaGliderError::Bucket(_))), "{failed:?}");
    assert_eq!(faults.world.get("1.zip").await, version(1));
}

#[tokio::test]
async fn a_put_whose_answer_got_lost_did_not_lose_to_itself() {
    let faults = Faults::new();
    faults.bucket.lose_answer(Asked::Put, "1.zip.delta");
    faults.put("1.zip", &version(1)).await.unwrap();
    faults.bucket.lose_answer(Asked::Put, "p/reference.bin");
    faults.put("p/1.zip", &version(1)).await.unwrap();
    assert_eq!(faults.world.get("1.zip").await, version(1));
    assert_eq!(faults.world.get("p/1.zip").await, version(1));
}

#[tokio::test]
async fn a_reference_that_goes_while_a_delta_comes_is_put_back() {
    let faults = Faults::new();
    faults.world.put("1.zip", &version(1)).await;
    let other = World::engine_on(faults.world.bucket.clone(), faults.world.clock.clone());
    // Somebody deletes the last delta, and with it the reference, after we have read it.
    faults.bucket.before(Asked::Put, "2.zip.delta", || {
        Box::pin(async move {
            assert!(other.delete(&key("1.zip")).await.unwrap().reference_removed);
        })
    });
    faults.put("2.zip", &version(2)).await.unwrap();
    assert_eq!(faults.world.keys().await, ["2.zip.delta", "reference.bin"]);
    assert_eq!(faults.world.get("2.zip").await, version(2));
}

#[tokio::test]
async fn a_delta_that_comes_while_a_reference_goes_keeps_it() {
    let faults = Faults::new();
    faults.world.put("1.zip", &version(1)).await;
    let other = World::engine_on(faults.world.bucket.clone(), faults.world.clock.clone());
    // Somebody stores a delta after we have seen that there is none any more.
    faults.bucket.before(Asked::Delete, "reference.bin", || {
        Box::pin(async move {
            let stored = other.put(&key("2.zip"), sealed(&version(2)), &PutOptions::default()).await;
            assert_eq!(stored.unwrap().form, Form::Delta);
        })
    });
    assert!(!faults.engine.delete(&key("1.zip")).await.unwrap().reference_removed);
    assert_eq!(faults.world.get("2.zip").await, version(2));
}

#[tokio::test]
async fn another_reference_in_between_is_used_instead() {
    let faults = Faults::new();
    faults.world.put("1.zip", &version(1)).await;
    let other = World::engine_on(faults.world.bucket.clone(), faults.world.clock.clone());
    faults.bucket.before(Asked::Put, "2.zip.delta", || {
        Box::pin(async move {
            other.delete(&key("1.zip")).await.unwrap();
            let stored = other.put(&key("9.zip"), sealed(&version(9)), &PutOptions::default()).await;
            assert!(stored.unwrap().made_reference);
        })
    });
    faults.put("2.zip", &version(2)).await.unwrap();
    assert_eq!(faults.world.get("2.zip").await, version(2));
    assert_eq!(faults.world.get("9.zip").await, version(9));
}

#[tokio::test]
async fn an_object_stored_by_somebody_else_meanwhile_is_not_replaced() {
    let faults = Faults::new();
    for (name, stored) in [("a.txt", "a.txt"), ("a.zip", "a.zip.delta")] {
        let other = World::engine_on(faults.world.bucket.clone(), faults.world.clock.clone());
        faults.bucket.before(Asked::Put, stored, move || {
            Box::pin(async move {
                other.put(&key(name), sealed(&version(7)), &PutOptions::default()).await.unwrap();
            })
        });
        let lost = faults.put(name, &version(8)).await;
        assert!(matches!(lost, Err(DeltaGliderError::Conflict { .. })), "{lost:?}");
        assert_eq!(faults.world.get(name).await, version(7));
    }
}
