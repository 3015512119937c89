use std::collections::BTreeMap;
use std::sync::Arc;

use casemate_fs::SealedBytes;
use casemate_model::test_support::ManualClock;

use super::*;
use crate::{Bucket, Condition, ListQuery, MemoryBucket, Upload};

mod cached;
mod faults;
mod hostile;
mod weaknesses;

/// An engine on a bucket in memory.
pub(super) struct World {
    pub(super) bucket: Arc<MemoryBucket>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) engine: DeltaGlider,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let bucket = Arc::new(MemoryBucket::new(clock.clone()));
        let engine = Self::engine_on(bucket.clone(), clock.clone());
        Self { bucket, clock, engine }
    }

    /// Another process on the same bucket.
    pub(super) fn engine_on(bucket: Arc<dyn Bucket>, clock: Arc<ManualClock>) -> DeltaGlider {
        DeltaGlider::new(bucket, Arc::new(Vcdiff), clock, Settings::default())
    }

    pub(super) async fn put(&self, name: &str, bytes: &[u8]) -> PutOutcome {
        self.engine.put(&key(name), sealed(bytes), &PutOptions::default()).await.unwrap()
    }

    pub(super) async fn get(&self, name: &str) -> Vec<u8> {
        // Not by the one that put it: nothing may rest on what that one remembers.
        let other = Self::engine_on(self.bucket.clone(), self.clock.clone());
        other.get(&key(name)).await.unwrap().bytes.read_all().unwrap()
    }

    pub(super) async fn keys(&self) -> Vec<String> {
        let page = self.bucket.list(&ListQuery::all("")).await.unwrap();
        page.entries.into_iter().map(|entry| entry.key).collect()
    }

    pub(super) async fn listed(&self) -> Vec<(String, u64)> {
        let objects = self.engine.list("").await.unwrap().objects;
        objects.into_iter().map(|object| (object.key, object.size_bytes)).collect()
    }

    pub(super) async fn raw(&self, stored: &str) -> (BTreeMap<String, String>, Vec<u8>) {
        let download = self.bucket.get(stored, None).await.unwrap();
        (download.head.metadata.clone(), download.collect(stored, 64 << 20).await.unwrap())
    }

    pub(super) async fn put_raw(&self, stored: &str, metadata: BTreeMap<String, String>, bytes: Vec<u8>) {
        let upload = Upload::of(bytes).with_metadata(metadata);
        self.bucket.put(stored, upload, Condition::Always).await.unwrap();
    }
}

pub(super) fn key(text: &str) -> LogicalKey {
    LogicalKey::parse(text).unwrap()
}

pub(super) fn sealed(bytes: &[u8]) -> SealedBytes {
    SealedBytes::from_bytes(bytes).unwrap()
}

/// Versions of a file that are alike.
pub(super) fn version(n: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..20_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    bytes.extend(format!("version {n}").into_bytes());
    bytes
}

/// Bytes that are like nothing else.
pub(super) fn noise(seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..5_000).flat_map(|_| next()).collect()
}

#[tokio::test]
async fn files_come_back_in_every_form() {
    let world = World::new();
    let first = world.put("p/1.zip", &version(1)).await;
    let second = world.put("p/2.zip", &version(2)).await;
    let note = world.put("p/note.txt", b"a note").await;
    assert_eq!((first.form, first.made_reference), (Form::Delta, true));
    assert_eq!((second.form, second.made_reference), (Form::Delta, false));
    assert!(second.stored_bytes < 500, "{second:?}");
    assert_eq!(note.form, Form::Direct);
    assert_eq!(world.keys().await, ["p/1.zip.delta", "p/2.zip.delta", "p/note.txt", "p/reference.bin"]);
    assert_eq!(world.get("p/1.zip").await, version(1));
    assert_eq!(world.get("p/2.zip").await, version(2));
    assert_eq!(world.get("p/note.txt").await, b"a note");
    let size = version(1).len() as u64;
    let expected = [("p/1.zip", size), ("p/2.zip", size), ("p/note.txt", 6)];
    assert_eq!(world.listed().await, expected.map(|(key, size)| (key.to_owned(), size)));
}

#[tokio::test]
async fn the_metadata_is_what_both_deltagliders_read() {
    let world = World::new();
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.zip", &version(2)).await;
    let (delta, _) = world.raw("p/2.zip.delta").await;
    let names: Vec<&str> = delta.keys().map(String::as_str).collect();
    let expected = [
        "dg-created-at",
        "dg-delta-size",
        "dg-file-sha256",
        "dg-file-size",
        "dg-md5",
        "dg-note",
        "dg-original-name",
        "dg-ref-key",
        "dg-ref-path",
        "dg-ref-sha256",
        "dg-tool",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (delta["dg-ref-key"].as_str(), delta["dg-ref-path"].as_str()),
        ("p/reference.bin", "reference.bin")
    );
    assert_eq!(delta["dg-original-name"], "2.zip");
    let (reference, bytes) = world.raw("p/reference.bin").await;
    assert_eq!((reference["dg-note"].as_str(), bytes), ("reference", version(1)));
    assert_eq!(reference["dg-file-sha256"], delta["dg-ref-sha256"]);
}

#[tokio::test]
async fn what_the_successor_wrote_is_read() {
    let world = World::new();
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.zip", &version(2)).await;
    world.put("p/a.txt", b"text").await;
    for (stored, dropped) in [("p/2.zip.delta", "dg-ref-key"), ("p/a.txt", "dg-compression")] {
        let (mut metadata, bytes) = world.raw(stored).await;
        assert!(metadata.remove(dropped).is_some());
        world.put_raw(stored, metadata, bytes).await;
    }
    assert_eq!(world.get("p/2.zip").await, version(2));
    assert_eq!(world.engine.get(&key("p/a.txt")).await.unwrap().form, Form::Direct);
}

#[tokio::test]
async fn every_alias_of_a_field_is_read() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("2.zip", &version(2)).await;
    let (metadata, bytes) = world.raw("2.zip.delta").await;
    let spellings: [fn(&str) -> String; 3] = [
        |name| name.replace('-', "_"),
        |name| name.replace("dg-", "").replace('-', "_"),
        |name| name.replace("dg-", ""),
    ];
    for spelling in spellings {
        let renamed = metadata.iter().map(|(name, value)| (spelling(name), value.clone())).collect();
        world.put_raw("2.zip.delta", renamed, bytes.clone()).await;
        assert_eq!(world.get("2.zip").await, version(2));
    }
}

#[tokio::test]
async fn damage_is_an_error_and_never_wrong_bytes() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("2.zip", &version(2)).await;
    world.put("a.txt", b"text").await;
    for stored in ["2.zip.delta", "reference.bin", "a.txt"] {
        let (metadata, bytes) = world.raw(stored).await;
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            world.put_raw(stored, metadata.clone(), damaged).await;
            let name = if stored == "a.txt" { "a.txt" } else { "2.zip" };
            let engine = World::engine_on(world.bucket.clone(), world.clock.clone());
            if let Ok(restored) = engine.get(&key(name)).await {
                // A byte of a delta may mean nothing.
                assert_eq!(restored.bytes.read_all().unwrap(), version(2), "{stored} at {at}");
            }
        }
        world.put_raw(stored, metadata, bytes).await;
    }
    assert_eq!(world.get("2.zip").await, version(2));
    world.bucket.delete("reference.bin").await.unwrap();
    let engine = World::engine_on(world.bucket.clone(), world.clock.clone());
    let missing = engine.get(&key("2.zip")).await;
    assert!(matches!(missing, Err(DeltaGliderError::ReferenceMissing { .. })), "{missing:?}");
}

#[tokio::test]
async fn the_last_delta_takes_the_reference_along() {
    let world = World::new();
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.zip", &version(2)).await;
    let refused = world.engine.delete_reference("p/", false).await;
    assert!(matches!(refused, Err(DeltaGliderError::HasDependents { dependents: 2, .. })), "{refused:?}");
    assert!(!world.engine.delete(&key("p/1.zip")).await.unwrap().reference_removed);
    assert_eq!(world.get("p/2.zip").await, version(2));
    assert!(world.engine.delete(&key("p/2.zip")).await.unwrap().reference_removed);
    assert_eq!(world.keys().await, [] as [&str; 0]);
    let gone = world.engine.delete(&key("p/2.zip")).await;
    assert!(matches!(gone, Err(DeltaGliderError::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn names_that_could_be_mistaken_come_back() {
    let world = World::new();
    let names = ["x.zip", "x.zip.delta", "x.zip.delta.delta", "reference.bin", "reference.bin.delta"];
    for (n, name) in (1..).zip(names) {
        world.put(name, &version(n)).await;
    }
    for (n, name) in (1..).zip(names) {
        assert_eq!(world.get(name).await, version(n), "{name}");
    }
    let mut listed: Vec<String> = world.listed().await.into_iter().map(|(key, _)| key).collect();
    let mut expected = names.map(str::to_owned).to_vec();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    world.engine.delete(&key("x.zip.delta")).await.unwrap();
    assert_eq!(world.get("x.zip").await, version(1));
    assert_eq!(world.get("x.zip.delta.delta").await, version(3));
}

#[tokio::test]
async fn objects_of_others_are_left_alone() {
    let world = World::new();
    world.put_raw("x.zip.delta", BTreeMap::new(), b"not a delta of ours".to_vec()).await;
    world.put_raw("y/reference.bin", BTreeMap::new(), b"not a reference of ours".to_vec()).await;
    assert_eq!(world.put("x.zip", &version(1)).await.form, Form::Direct);
    assert_eq!(world.put("y/1.zip", &version(1)).await.form, Form::Direct);
    assert_eq!(world.get("x.zip").await, version(1));
    assert_eq!(world.get("x.zip.delta").await, b"not a delta of ours");
    assert_eq!(world.get("y/reference.bin").await, b"not a reference of ours");
    let plain = world.engine.verify(&key("x.zip.delta")).await.unwrap();
    assert_eq!((plain.form, plain.was_expected), (Form::Plain, false));
}

#[tokio::test]
async fn replacing_changes_the_form_without_leftovers() {
    let world = World::new();
    world.put("a.zip", &version(1)).await;
    world.put("b.zip", &version(2)).await;
    let plain = PutOptions { no_delta: true, ..PutOptions::default() };
    world.engine.put(&key("a.zip"), sealed(b"short"), &plain).await.unwrap();
    assert_eq!(world.keys().await, ["a.zip", "b.zip.delta", "reference.bin"]);
    assert_eq!(world.get("a.zip").await, b"short");
    world.put("a.zip", &version(3)).await;
    assert_eq!(world.keys().await, ["a.zip.delta", "b.zip.delta", "reference.bin"]);
    assert_eq!(world.get("a.zip").await, version(3));
    world.put("a.zip", &version(4)).await;
    assert_eq!(world.get("a.zip").await, version(4));
}

#[tokio::test]
async fn of_many_first_files_none_is_lost() {
    let world = World::new();
    let engines: Vec<_> =
        (0..8).map(|_| World::engine_on(world.bucket.clone(), world.clock.clone())).collect();
    let keys: Vec<_> = (0..8).map(|n| key(&format!("p/{n}.zip"))).collect();
    let options = PutOptions::default();
    let puts = (0_u32..)
        .zip(&engines)
        .zip(&keys)
        .map(|((n, engine), key)| engine.put(key, sealed(&version(n)), &options));
    let outcomes = futures_util::future::try_join_all(puts).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.made_reference).count(), 1);
    for n in 0..8 {
        assert_eq!(world.get(&format!("p/{n}.zip")).await, version(n));
    }
}

#[tokio::test]
async fn of_many_writers_of_one_key_some_are_told() {
    let world = World::new();
    world.put("p/0.zip", &version(0)).await;
    let (key, options) = (key("p/a.zip"), PutOptions::default());
    let puts = (1..6).map(|n| world.engine.put(&key, sealed(&version(n)), &options));
    let results = futures_util::future::join_all(puts).await;
    let stored = world.get("p/a.zip").await;
    let winners: Vec<u32> =
        (1..6).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| n).collect();
    assert!(winners.iter().any(|n| version(*n) == stored), "{results:?}");
    for result in results {
        assert!(matches!(result, Ok(_) | Err(DeltaGliderError::Conflict { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn a_reference_is_downloaded_once() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("2.zip", &version(2)).await;
    let (metadata, _) = world.raw("reference.bin").await;
    // Whoever has used the reference does not read it again, so what is there now does not matter.
    world.put_raw("reference.bin", metadata, b"damaged".to_vec()).await;
    let restored = world.engine.get(&key("2.zip")).await.unwrap();
    assert_eq!(restored.bytes.read_all().unwrap(), version(2));
}
