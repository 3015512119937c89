//! Buckets whose owner wants to harm whoever reads them.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::Unusable;
use crate::test_support::{Asked, FaultyBucket, HurriedClock};

/// A codec whose deltas never end, and that counts how much of them was taken.
#[derive(Default)]
struct Endless(AtomicU64);

impl DeltaCodec for Endless {
    fn decode(
        &self,
        _: &[u8],
        _: &[u8],
        _bytes_max: u64,
        sink: &mut dyn Write,
    ) -> Result<Decoded, CodecError> {
        let piece = vec![0; 1 << 20];
        loop {
            sink.write_all(&piece).map_err(CodecError::Sink)?;
            self.0.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
    }

    fn encode(&self, _: &[u8], _: &[u8], _: &mut dyn Write) -> Result<(), CodecError> {
        unreachable!("nothing is stored here")
    }
}

/// A VCDIFF with a note of how both files were packed, as xdelta3 writes it.
fn noted(delta: &[u8], note: &[u8]) -> Vec<u8> {
    let mut noted = delta[..4].to_vec();
    noted.push(delta[4] | 4);
    noted.push(u8::try_from(note.len()).unwrap());
    noted.extend(note);
    noted.extend(&delta[5..]);
    noted
}

/// Makes `p/2.tar.xz` of a bucket a delta that was unpacked: the file is `packed`, what the delta makes is `plain`.
async fn put_unpacked(world: &World, packed: &[u8], plain: &[u8], fields: &[(&str, &str)]) {
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.tar.xz", &version(2)).await;
    let (mut metadata, _) = world.raw("p/2.tar.xz.delta").await;
    metadata.insert("dg-file-sha256".to_owned(), casemate_model::Digest::of(packed).to_hex());
    metadata.insert("dg-file-size".to_owned(), packed.len().to_string());
    metadata.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut delta = Vec::new();
    Vcdiff.encode(plain, &version(1), &mut delta).unwrap();
    world.put_raw("p/2.tar.xz.delta", metadata, noted(&delta, b"2.tar/Y/reference.bin/")).await;
}

fn xz(plain: &[u8], level: u32) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = liblzma::read::XzEncoder::new(plain, level);
    std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
    packed
}

#[tokio::test]
async fn a_file_that_is_said_to_be_too_large_costs_nothing() {
    let world = World::new();
    let size = (3_u64 << 30).to_string();
    put_unpacked(&world, &xz(&version(2), 6), &version(2), &[("dg-file-size", &size)]).await;
    let faulty = Arc::new(FaultyBucket::new(world.bucket.clone()));
    let engine = World::engine_on(faulty.clone(), world.clock.clone());
    for refused in [engine.get(&key("p/2.tar.xz")).await, engine.rescue(&key("p/2.tar.xz")).await] {
        assert!(matches!(refused, Err(DeltaGliderError::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(faulty.asked(Asked::Get, "p/reference.bin"), 0);
}

#[tokio::test]
async fn an_unpacked_archive_is_not_let_grow() {
    let world = World::new();
    put_unpacked(&world, b"a hundred bytes at most", &version(2), &[]).await;
    for limit in [1_u64 << 20, 512 << 20] {
        let codec = Arc::new(Endless::default());
        let settings = Settings { unpacked_bytes_max: limit, ..Settings::default() };
        let engine = DeltaGlider::new(world.bucket.clone(), codec.clone(), world.clock.clone(), settings);
        let bomb = engine.rescue(&key("p/2.tar.xz")).await;
        assert!(matches!(bomb, Err(DeltaGliderError::Codec { .. })), "{bomb:?}");
        // What is said to be small may not become large, whatever the settings allow to others.
        assert!(codec.0.load(Ordering::SeqCst) <= limit.min(17 << 20), "{codec:?}", codec = codec.0);
    }
}

#[tokio::test]
async fn getting_packs_in_one_way_and_a_rescue_in_all() {
    let world = World::new();
    let usual = xz(&version(2), 6);
    put_unpacked(&world, &usual, &version(2), &[]).await;
    assert_eq!(world.get("p/2.tar.xz").await, usual);
    // Its first bytes name no level, its length does.
    let plain: Vec<u8> = (0..200_000_u64).flat_map(|n| (n * n % 977).to_string().into_bytes()).collect();
    let quick = xz(&plain, 0);
    put_unpacked(&world, &quick, &plain, &[]).await;
    let got = world.engine.get(&key("p/2.tar.xz")).await;
    assert!(matches!(got, Err(DeltaGliderError::NeedsRescue { .. })), "{got:?}");
    let checked = world.engine.verify(&key("p/2.tar.xz")).await;
    assert!(matches!(checked, Err(DeltaGliderError::NeedsRescue { .. })), "{checked:?}");
    let rescued = world.engine.rescue(&key("p/2.tar.xz")).await.unwrap();
    assert_eq!(rescued.bytes.read_all().unwrap(), quick);
}

#[tokio::test]
async fn packing_anew_ends_when_its_time_is_over() {
    let world = World::new();
    put_unpacked(&world, &xz(&version(2), 6), &version(2), &[]).await;
    let settings = Settings {
        repack_time_max: Duration::from_secs(1),
        rescue_time_max: Duration::from_secs(1),
        ..Settings::default()
    };
    let clock = Arc::new(HurriedClock::new());
    let engine = DeltaGlider::new(world.bucket.clone(), Arc::new(Vcdiff), clock, settings);
    for late in [engine.get(&key("p/2.tar.xz")).await, engine.rescue(&key("p/2.tar.xz")).await] {
        let Err(DeltaGliderError::NotRescued { reason, .. }) = late else { panic!("{late:?}") };
        assert_eq!(reason, "it took longer than is allowed for one object");
    }
}

#[tokio::test]
async fn what_is_got_shares_the_memory() {
    let world = World::new();
    for n in 0..2 {
        world.put_raw(&format!("{n}.txt"), BTreeMap::new(), vec![7; 3 << 20]).await;
    }
    let settings = Settings { memory_bytes_max: 4 << 20, ..Settings::default() };
    let engine = DeltaGlider::new(world.bucket.clone(), Arc::new(Vcdiff), world.clock.clone(), settings);
    let first = engine.get(&key("0.txt")).await.unwrap();
    let other_key = key("1.txt");
    let mut second = Box::pin(engine.get(&other_key));
    assert!(futures_util::poll!(&mut second).is_pending(), "there is no room for it yet");
    drop(first);
    assert_eq!(second.await.unwrap().bytes.len(), 3 << 20);
}

#[tokio::test]
async fn a_size_below_nothing_or_beyond_everything_is_bad_metadata() {
    for size in ["-1", "18446744073709551616", "9223372036854775807", "1e3", ""] {
        let world = World::new();
        put_unpacked(&world, &xz(&version(2), 6), &version(2), &[("dg-file-size", size)]).await;
        let got = world.engine.get(&key("p/2.tar.xz")).await;
        let field = "file-size";
        assert!(
            matches!(&got, Err(DeltaGliderError::BadMetadata { field: found, .. }) if *found == field),
            "{size}: {got:?}"
        );
    }
}

#[tokio::test]
async fn one_bad_object_does_not_end_what_concerns_the_whole_bucket() {
    let world = World::new();
    world.put("p/1.zip", &version(1)).await;
    world.put("p/2.zip", &version(2)).await;
    world.put("p/3.zip", &version(3)).await;
    let (mut metadata, bytes) = world.raw("p/2.zip.delta").await;
    metadata.insert("dg-file-size".to_owned(), "-1".to_owned());
    world.put_raw("p/2.zip.delta", metadata, bytes).await;
    let (mut metadata, bytes) = world.raw("p/3.zip.delta").await;
    metadata.insert("dg-ref-path".to_owned(), "../../etc/passwd".to_owned());
    metadata.insert("dg-ref-key".to_owned(), "/etc/passwd".to_owned());
    metadata.insert("dg-ref-sha256".to_owned(), "0".repeat(64));
    world.put_raw("p/3.zip.delta", metadata, bytes).await;
    let listed = world.engine.list("").await.unwrap();
    let keys: Vec<&str> = listed.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["p/1.zip", "p/3.zip"]);
    let unusable = Unusable {
        key: "p/2.zip.delta".to_owned(),
        reason: "the metadata of `p/2.zip.delta` has no usable `file-size`".to_owned(),
    };
    assert_eq!(listed.unusable, std::slice::from_ref(&unusable));
    let outside = world.engine.get(&key("p/3.zip")).await.unwrap_err();
    assert!(outside.is_of_one_object(), "{outside:?}");
    let stats = world.engine.stats("bucket", StatsMode::Detailed).await.unwrap();
    assert_eq!((stats.object_count, stats.unusable), (2, vec![unusable]));
    // It may still be a delta, and keeps its reference.
    world.engine.delete(&key("p/1.zip")).await.unwrap();
    world.engine.delete(&key("p/3.zip")).await.unwrap();
    assert_eq!(world.keys().await, ["p/2.zip.delta", "p/reference.bin"]);
}

#[tokio::test]
async fn many_are_deleted_with_one_look_at_their_folder() {
    let world = World::new();
    let names: Vec<LogicalKey> = (0..20).map(|n| key(&format!("p/{n}.zip"))).collect();
    for n in 0..20 {
        world.put(&format!("p/{n}.zip"), &version(n)).await;
    }
    world.put("p/note.txt", b"note").await;
    world.put("q/1.zip", &version(1)).await;
    let faulty = Arc::new(FaultyBucket::new(world.bucket.clone()));
    let engine = World::engine_on(faulty.clone(), world.clock.clone());
    let fates = engine.delete_many(&[&names[..], &[key("p/note.txt")]].concat()).await.unwrap();
    assert!(fates.len() == 21 && fates.iter().all(Result::is_ok), "{fates:?}");
    assert_eq!(world.keys().await, ["q/1.zip.delta", "q/reference.bin"]);
    assert_eq!(faulty.asked(Asked::List, "p/"), 2, "before and after the reference goes");
    let again = engine.delete_many(&[key("p/note.txt"), key("q/1.zip")]).await.unwrap();
    assert!(again.iter().all(Result::is_ok), "what is gone is as wanted: {again:?}");
    assert_eq!(world.keys().await, [] as [&str; 0]);
}

#[tokio::test]
async fn what_is_got_into_a_sink_is_verified() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("2.zip", &version(2)).await;
    world.put("a.txt", b"text").await;
    for (name, expected) in [("1.zip", version(1)), ("2.zip", version(2)), ("a.txt", b"text".to_vec())] {
        let (sink, found) = world.engine.get_into(&key(name), Vec::new()).await.unwrap();
        assert_eq!((found.size_bytes, found.was_expected), (expected.len() as u64, true), "{name}");
        assert_eq!(sink, expected, "{name}");
    }
    for stored in ["2.zip.delta", "a.txt"] {
        let (metadata, mut bytes) = world.raw(stored).await;
        bytes.pop();
        world.put_raw(stored, metadata, bytes).await;
        let name = stored.trim_end_matches(".delta");
        let damaged = world.engine.get_into(&key(name), Vec::new()).await;
        assert!(damaged.as_ref().is_err_and(DeltaGliderError::is_of_one_object), "{name}");
    }
}

/// Content that is another one when it is read again.
struct Fickle(AtomicU64);

impl Content for Fickle {
    fn size_bytes(&self) -> u64 {
        1000
    }

    fn read_at(&self, _: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(u8::try_from(self.0.fetch_add(1, Ordering::SeqCst)).unwrap());
        Ok(())
    }
}

#[tokio::test]
async fn content_that_changes_on_its_way_is_not_stored() {
    let world = World::new();
    let (name, options) = (key("a.txt"), PutOptions::default());
    assert!(
        world.engine.stores_whole(&name, 1000, &options)
            && !world.engine.stores_whole(&key("a.zip"), 1000, &options)
    );
    let put = world.engine.put_whole(&name, Arc::new(Fickle(AtomicU64::new(0))), &options).await;
    assert!(matches!(put, Err(DeltaGliderError::Bucket(crate::BucketError::Changed { .. }))), "{put:?}");
    assert_eq!(world.keys().await, [] as [&str; 0]);
}
