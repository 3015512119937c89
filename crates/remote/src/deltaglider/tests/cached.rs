//! References through the zero-trust cache, which is the real one, and how often the bucket is asked for them.

use std::time::Duration;

use casemate_cache::{CacheClock, CacheConfig, CacheSecret, Place, Surroundings, Unheard};
use casemate_model::{Clock, Entropy, Timestamp};

use super::*;
use crate::test_support::{Asked, FaultyBucket};

struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).unwrap()
    }
}

impl CacheClock for StillClock {
    fn uptime(&self) -> Duration {
        Duration::from_secs(1000)
    }
}

struct Chance;

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

fn cache(place: Place) -> Arc<dyn casemate_cache::Cache> {
    let config = CacheConfig {
        place,
        encrypted: true,
        secret: Some(CacheSecret::from_bytes([7; 32])),
        entry_lifetime: Duration::from_secs(3600),
        monitored: false,
    };
    let surroundings = Surroundings {
        clock: Arc::new(StillClock),
        entropy: Arc::new(Chance),
        watcher: Arc::new(Unheard),
        uid: 1000,
        pid: 1,
    };
    casemate_cache::open(&config, surroundings).unwrap().into()
}

/// A bucket with two versions in a folder, which counts what it is asked.
async fn counted() -> (World, Arc<FaultyBucket>) {
    let world = World::new();
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.zip", &version(2)).await;
    world.put("p/3.zip", &version(3)).await;
    let bucket = Arc::new(FaultyBucket::new(world.bucket.clone()));
    (world, bucket)
}

fn engine(
    world: &World,
    bucket: &Arc<FaultyBucket>,
    cache: &Arc<dyn casemate_cache::Cache>,
    name: &str,
) -> DeltaGlider {
    let (cache, endpoint) = (Arc::clone(cache), "https://s3.example".to_owned());
    let place = ReferenceCache { cache, endpoint, bucket: name.to_owned() };
    World::engine_on(bucket.clone(), world.clock.clone()).with_cache(place)
}

#[tokio::test]
async fn a_second_engine_takes_the_reference_from_the_cache() {
    let (world, bucket) = counted().await;
    let cache = cache(Place::Memory { bytes_max: 64 << 20 });
    for n in [1, 2, 3] {
        let engine = engine(&world, &bucket, &cache, "b");
        let restored = engine.get(&key(&format!("p/{n}.zip"))).await.unwrap();
        assert_eq!(restored.bytes.read_all().unwrap(), version(n));
    }
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 1);
    engine(&world, &bucket, &cache, "b")
        .put(&key("p/4.zip"), sealed(&version(4)), &PutOptions::default())
        .await
        .unwrap();
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 1);
    assert_eq!(world.get("p/4.zip").await, version(4));
    // Another bucket is another place, whatever its content.
    engine(&world, &bucket, &cache, "c").get(&key("p/2.zip")).await.unwrap();
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 2);
}

#[tokio::test]
async fn many_at_once_read_a_reference_once() {
    let (world, bucket) = counted().await;
    let cache = cache(Place::Nowhere);
    let engine = engine(&world, &bucket, &cache, "b");
    let keys: Vec<_> = (0..12).map(|n| key(&format!("p/{}.zip", 1 + n % 3))).collect();
    let gets = keys.iter().map(|key| engine.get(key));
    futures_util::future::try_join_all(gets).await.unwrap();
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 1);
}

#[tokio::test]
async fn what_a_first_put_made_is_in_the_cache() {
    let world = World::new();
    let bucket = Arc::new(FaultyBucket::new(world.bucket.clone()));
    let cache = cache(Place::Memory { bytes_max: 64 << 20 });
    for n in [1, 2] {
        let engine = engine(&world, &bucket, &cache, "b");
        let options = PutOptions::default();
        engine.put(&key(&format!("p/{n}.zip")), sealed(&version(n)), &options).await.unwrap();
    }
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 0);
    assert_eq!(world.get("p/2.zip").await, version(2));
}

#[tokio::test]
async fn checking_a_bucket_reads_its_reference_whatever_is_cached() {
    let (world, bucket) = counted().await;
    let cache = cache(Place::Memory { bytes_max: 64 << 20 });
    engine(&world, &bucket, &cache, "b").get(&key("p/2.zip")).await.unwrap();
    let checker = engine(&world, &bucket, &cache, "b");
    for n in [1, 2, 3] {
        assert!(checker.verify(&key(&format!("p/{n}.zip"))).await.unwrap().was_expected);
    }
    assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), 2);

    let (metadata, mut bytes) = world.raw("p/reference.bin").await;
    bytes[1000] ^= 1;
    world.put_raw("p/reference.bin", metadata, bytes).await;
    let found = engine(&world, &bucket, &cache, "b").verify(&key("p/2.zip")).await;
    assert!(matches!(found, Err(DeltaGliderError::Damaged { .. })), "{found:?}");
    // Whoever wants the file has it from the copy, which is whole.
    let restored = engine(&world, &bucket, &cache, "b").get(&key("p/2.zip")).await.unwrap();
    assert_eq!(restored.bytes.read_all().unwrap(), version(2));
}

#[tokio::test]
async fn poisoned_entries_are_never_used() {
    let (world, bucket) = counted().await;
    let base = tempfile::tempdir().unwrap();
    let place = Place::Kept { base: base.path().join("cache"), bytes_max: 64 << 20 };
    let first = cache(place.clone());
    engine(&world, &bucket, &first, "b").get(&key("p/2.zip")).await.unwrap();
    drop(first);
    let mut files = Vec::new();
    collect(base.path(), &mut files);
    files.retain(|path| path.file_name().unwrap() != "lock");
    assert_eq!(files.len(), 2);
    for (n, path) in (2_u64..).zip(files) {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let poisoned = cache(place.clone());
        let restored = engine(&world, &bucket, &poisoned, "b").get(&key("p/2.zip")).await.unwrap();
        assert_eq!(restored.bytes.read_all().unwrap(), version(2));
        assert_eq!(bucket.asked(Asked::Get, "p/reference.bin"), n);
    }
}

fn collect(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
