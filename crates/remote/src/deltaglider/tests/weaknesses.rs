//! What Python DeltaGlider 6.2 gets wrong, each as a test of what is right here. Those that concern commands rather than
//! the format are tested where the commands are.

use super::*;
use crate::Head;

#[tokio::test]
async fn weakness_2_a_delta_that_does_not_pay_is_stored_directly() {
    let world = World::new();
    world.put("1.zip", &noise(1)).await;
    let outcome = world.put("2.zip", &noise(2)).await;
    assert_eq!((outcome.form, outcome.stored_bytes), (Form::Direct, noise(2).len() as u64));
    let strict = PutOptions { max_ratio: 0.000_1, ..PutOptions::default() };
    let mut alike = noise(1);
    alike[100] ^= 1;
    let outcome = world.engine.put(&key("3.zip"), sealed(&alike), &strict).await.unwrap();
    assert_eq!(outcome.form, Form::Direct);
    assert_eq!(world.get("2.zip").await, noise(2));
}

#[tokio::test]
async fn weakness_3_an_empty_file_is_a_file() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("empty.zip", b"").await;
    world.put("other/empty.zip", b"").await;
    assert_eq!(world.get("empty.zip").await, b"");
    assert_eq!(world.get("other/empty.zip").await, b"");
}

#[test]
fn weakness_4_no_key_leads_out_of_a_folder() {
    for text in ["../x", "a/../../x", "/x", "a/..", "./x"] {
        assert!(LogicalKey::parse(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn weakness_6_a_reference_with_dependents_stays() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    let refused = world.engine.delete_reference("", false).await;
    assert!(matches!(refused, Err(DeltaGliderError::HasDependents { dependents: 1, .. })), "{refused:?}");
    let as_a_file = world.engine.delete(&key("reference.bin")).await;
    assert!(matches!(as_a_file, Err(DeltaGliderError::NotFound { .. })), "{as_a_file:?}");
    assert_eq!(world.get("1.zip").await, version(1));
    world.engine.delete_reference("", true).await.unwrap();
}

#[tokio::test]
async fn weakness_7_statistics_are_kept_and_do_not_count_themselves() {
    let world = World::new();
    for n in 1..4 {
        world.put(&format!("p/{n}.zip"), &version(n)).await;
    }
    world.put("a.txt", b"text").await;
    let exact = world.engine.stats("bucket", StatsMode::Detailed).await.unwrap();
    assert_eq!((exact.object_count, exact.delta_objects, exact.direct_objects), (4, 3, 1));
    assert_eq!(exact.total_bytes, 3 * version(1).len() as u64 + 4);
    for mode in [StatsMode::Quick, StatsMode::Sampled, StatsMode::Detailed] {
        assert_eq!(world.engine.stats("bucket", mode).await.unwrap(), exact, "{mode:?}");
    }
    assert!(exact.saved_share() > 0.6, "{exact:?}");
    let (_, kept) = world.raw(".deltaglider/stats_quick.json").await;
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["validation"]["object_count"], 5);
    assert_eq!(kept["stats"]["object_count"], 4);
    assert_eq!(world.listed().await.len(), 4);
}

#[tokio::test]
async fn weakness_10_what_the_user_attaches_is_kept() {
    let world = World::new();
    let metadata = BTreeMap::from([("Team".to_owned(), "red".to_owned())]);
    let options =
        PutOptions { content_type: Some("text/plain".to_owned()), metadata, ..PutOptions::default() };
    world.engine.put(&key("a.txt"), sealed(b"text"), &options).await.unwrap();
    let head: Head = world.bucket.head("a.txt").await.unwrap();
    assert_eq!(
        (head.content_type.as_deref(), head.metadata["user-team"].as_str()),
        (Some("text/plain"), "red")
    );
    let too_much = BTreeMap::from([("k".to_owned(), "v".repeat(2000))]);
    let options = PutOptions { metadata: too_much, ..PutOptions::default() };
    let refused = world.engine.put(&key("b.txt"), sealed(b"text"), &options).await;
    assert!(matches!(refused, Err(DeltaGliderError::MetadataTooLarge { .. })), "{refused:?}");
}

#[tokio::test]
async fn weakness_13_of_two_forms_the_newer_counts() {
    let world = World::new();
    world.put("a.zip", &version(1)).await;
    world.clock.advance(std::time::Duration::from_secs(5));
    world.put_raw("a.zip", BTreeMap::new(), b"newer".to_vec()).await;
    assert_eq!(world.get("a.zip").await, b"newer");
    assert_eq!(world.listed().await, [("a.zip".to_owned(), 5)]);
    let (metadata, bytes) = world.raw("a.zip.delta").await;
    world.put_raw("a.zip.delta", metadata, bytes).await;
    let engine = World::engine_on(world.bucket.clone(), world.clock.clone());
    let unclear = engine.get(&key("a.zip")).await;
    assert!(matches!(unclear, Err(DeltaGliderError::Ambiguous { .. })), "{unclear:?}");
    let deleted = world.engine.delete(&key("a.zip")).await.unwrap();
    assert_eq!(deleted.forms, [Form::Plain, Form::Delta]);
}

#[tokio::test]
async fn weakness_14_names_beyond_ascii_come_back() {
    let world = World::new();
    let name = "bücher/grün ✓.zip";
    world.put(name, &version(1)).await;
    world.put("bücher/b.zip", &version(2)).await;
    assert_eq!(world.get(name).await, version(1));
    assert_eq!(world.get("bücher/b.zip").await, version(2));
    let long = format!("{}/{}.zip", "ordner-ü".repeat(40), "ü".repeat(240));
    world.put(&long, &version(3)).await;
    assert_eq!(world.get(&long).await, version(3));
    for stored in world.keys().await {
        let (metadata, _) = world.raw(&stored).await;
        assert!(metadata.values().all(|value| value.is_ascii()), "{metadata:?}");
        assert!(metadata.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() <= 2000, "{metadata:?}");
    }
}

#[tokio::test]
async fn weakness_16_verify_takes_the_name_that_users_know() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("a.txt", b"text").await;
    for (name, form) in [("1.zip", Form::Delta), ("a.txt", Form::Direct)] {
        let verified = world.engine.verify(&key(name)).await.unwrap();
        assert_eq!((verified.form, verified.was_expected), (form, true));
    }
}

#[tokio::test]
async fn weakness_19_a_failure_is_not_taken_for_absence() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    let (mut metadata, bytes) = world.raw("1.zip.delta").await;
    metadata.insert("dg-file-size".to_owned(), "many".to_owned());
    world.put_raw("1.zip.delta", metadata, bytes).await;
    world.put_raw("1.zip", BTreeMap::new(), b"stale".to_vec()).await;
    let refused = world.engine.get(&key("1.zip")).await;
    assert!(matches!(refused, Err(DeltaGliderError::BadMetadata { field: "file-size", .. })), "{refused:?}");
}

#[tokio::test]
async fn weakness_5_a_reference_is_never_listed() {
    let world = World::new();
    world.put("1.zip", &version(1)).await;
    world.put("p/1.zip", &version(1)).await;
    let names: Vec<String> = world.listed().await.into_iter().map(|(name, _)| name).collect();
    // Whoever deletes all that is listed and not wanted deletes no reference.
    assert_eq!(names, ["1.zip", "p/1.zip"]);
}

#[tokio::test]
async fn weakness_8_files_of_one_name_do_not_disturb_each_other() {
    let world = World::new();
    let names: Vec<LogicalKey> = (0..6).map(|n| key(&format!("{n}/build.zip"))).collect();
    let options = PutOptions::default();
    let puts = (0..).zip(&names).map(|(n, name)| world.engine.put(name, sealed(&version(n)), &options));
    futures_util::future::try_join_all(puts).await.unwrap();
    for (n, name) in (0..).zip(&names) {
        assert_eq!(world.get(name.as_str()).await, version(n));
    }
}

/// A codec whose deltas are worth nothing.
struct Broken;

impl DeltaCodec for Broken {
    fn decode(
        &self,
        _delta: &[u8],
        source: &[u8],
        _bytes_max: u64,
        sink: &mut dyn std::io::Write,
    ) -> Result<Decoded, CodecError> {
        sink.write_all(&source[1..]).map_err(CodecError::Sink)?;
        Ok(Decoded { length: source.len() as u64 - 1 })
    }

    fn encode(
        &self,
        _target: &[u8],
        _source: &[u8],
        sink: &mut dyn std::io::Write,
    ) -> Result<(), CodecError> {
        sink.write_all(b"delta").map_err(CodecError::Sink)
    }
}

#[tokio::test]
async fn weakness_9_what_fails_leaves_no_orphaned_reference() {
    let world = World::new();
    let engine =
        DeltaGlider::new(world.bucket.clone(), Arc::new(Broken), world.clock.clone(), Settings::default());
    let failed = engine.put(&key("1.zip"), sealed(&version(1)), &PutOptions::default()).await;
    assert!(matches!(failed, Err(DeltaGliderError::Unfaithful { .. })), "{failed:?}");
    assert_eq!(world.keys().await, [] as [&str; 0]);
}

#[tokio::test]
async fn weakness_11_pages_follow_each_other() {
    let world = World::new();
    for n in 0..2500 {
        world.put_raw(&format!("{n:04}.txt"), BTreeMap::new(), vec![0]).await;
    }
    let names: Vec<String> = world.listed().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, (0..2500).map(|n| format!("{n:04}.txt")).collect::<Vec<_>>());
}

#[tokio::test]
async fn weakness_12_files_of_a_folder_share_its_reference() {
    let world = World::new();
    for n in 0..4 {
        world.put(&format!("p/{n}.zip"), &version(n)).await;
    }
    let references = world.keys().await.into_iter().filter(|key| key.ends_with("reference.bin")).count();
    assert_eq!(references, 1);
}

#[tokio::test]
async fn expired_temporary_objects_are_purged() {
    let world = World::new();
    let now = casemate_model::Clock::now(&*world.clock);
    let expires = |text: String| BTreeMap::from([("dg-expires-at".to_owned(), text)]);
    world.put_raw(".deltaglider/tmp/new", expires("9999-01-01T00:00:00Z".to_owned()), vec![0]).await;
    world
        .put_raw(".deltaglider/tmp/old", expires("2000-01-01T00:00:00.000001+00:00Z".to_owned()), vec![0; 9])
        .await;
    world.put_raw(".deltaglider/tmp/mine", BTreeMap::new(), vec![0]).await;
    assert!(now > "2000-01-02T00:00:00Z".parse().unwrap());
    let report = world.engine.purge().await.unwrap();
    assert_eq!(report, PurgeReport { expired: 1, deleted: 1, bytes_freed: 9, failed: Vec::new() });
    assert_eq!(world.keys().await, [".deltaglider/tmp/mine", ".deltaglider/tmp/new"]);
}
