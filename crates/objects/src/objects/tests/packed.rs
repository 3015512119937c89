//! Content that is packed in the background.

use super::*;

#[tokio::test]
async fn versions_are_packed_as_differences_and_come_back_whole() {
    let world = World::new();
    let (first, second) = versions();
    let text = b"a line that is there often\n".repeat(1_000);
    for (key, content) in [("app/1", &first), ("app/2", &second), ("text", &text)] {
        world.put(key, content, None).await.unwrap();
    }
    assert_eq!((world.pack().await, world.pack().await), (3, 0));
    let (one, two) = (world.packing_of(&first).await, world.packing_of(&second).await);
    let (base, difference) = if one.base.is_some() { (two, one) } else { (one, two) };
    assert_eq!((base.base, base.stored_bytes), (None, base.stored_bytes.max(100_000)), "noise is left whole");
    assert!(difference.stored_bytes < 500 && difference.base.is_some(), "{difference:?}");
    assert!(world.packing_of(&text).await.stored_bytes < 200);
    let (whole, packed) = if one.base.is_some() { (&second, &first) } else { (&first, &second) };
    assert!(world.path_of(whole).exists() && !world.packed_path_of(whole).exists());
    assert!(!world.path_of(packed).exists() && world.packed_path_of(packed).exists());
    for (key, content) in [("app/1", &first), ("app/2", &second), ("text", &text)] {
        assert_eq!(world.get(key).await.unwrap(), *content, "{key}");
    }

    // The base outlives its own object for as long as something is a difference to it.
    world.delete(if one.base.is_some() { "app/2" } else { "app/1" }).await;
    let later = |seconds| world.clock.now().saturating_add(Duration::from_secs(seconds));
    assert_eq!(world.objects.collect(later(1)).await.unwrap(), 0);
    let left = if one.base.is_some() { "app/1" } else { "app/2" };
    assert_eq!(world.get(left).await.unwrap(), *packed);
    world.delete(left).await;
    assert_eq!(world.objects.collect(later(1)).await.unwrap(), 1);
    assert_eq!(world.objects.collect(later(2)).await.unwrap(), 1);
    for content in [&first, &second] {
        assert!(!world.path_of(content).exists() && !world.packed_path_of(content).exists());
    }
}

#[tokio::test]
async fn packing_comes_to_an_end_however_many_versions_there_are() {
    let world = World::new();
    let first = noise(1, 60_000);
    for version in 0..12 {
        let mut content = first.clone();
        content.splice(1_000 * version..1_000 * version + 8, noise(version as u64 + 9, 20));
        world.put(&format!("app/{version}"), &content, None).await.unwrap();
    }
    let damaged = noise(99, 60_000);
    world.put("damaged", &damaged, None).await.unwrap();
    std::fs::write(world.path_of(&damaged), b"something else").unwrap();
    assert_eq!((world.pack().await, world.pack().await), (13, 0), "each is looked at once");
    assert!(matches!(world.get("damaged").await, Err(ObjectsError::Corrupt { .. })));
}

#[tokio::test]
async fn damage_in_a_packed_form_or_in_its_base_is_never_served() {
    let world = World::new();
    let (first, second) = versions();
    world.put("app/1", &first, None).await.unwrap();
    world.put("app/2", &second, None).await.unwrap();
    world.pack().await;
    let is_first_base = world.packing_of(&second).await.base.is_some();
    let (base, packed, key) =
        if is_first_base { (&first, &second, "app/2") } else { (&second, &first, "app/1") };
    let path = world.packed_path_of(packed);
    let sound = std::fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        // Some bits of a frame mean nothing; then what comes back is what was put.
        match world.get(key).await {
            Ok(content) => assert_eq!(content, *packed, "byte {at}"),
            Err(ObjectsError::Corrupt { .. } | ObjectsError::BlobMissing { .. }) => {}
            Err(error) => panic!("byte {at}: {error:?}"),
        }
    }
    std::fs::write(&path, &sound[..sound.len() / 2]).unwrap();
    assert!(world.objects.set_aside(&blob(Digest::of(packed))).await.unwrap());
    assert!(matches!(world.get(key).await, Err(ObjectsError::BlobMissing { .. })));
    world.put(key, packed, None).await.unwrap();
    assert_eq!(world.get(key).await.unwrap(), *packed, "healed");

    world.pack().await;
    let mut bytes = base.clone();
    bytes[7] ^= 1;
    std::fs::write(world.path_of(base), &bytes).unwrap();
    let error = world.get(key).await;
    assert!(
        matches!(&error, Err(ObjectsError::Corrupt { digest }) if *digest == Digest::of(base))
            || error.is_ok(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_crash_between_the_steps_of_packing_loses_nothing() {
    let world = World::new();
    let (first, second) = versions();
    world.put("app/1", &first, None).await.unwrap();
    world.put("app/2", &second, None).await.unwrap();
    // The packed form is there, its row is not: it is made anew, and the whole form goes after that.
    let leftover = world.packed_path_of(&second);
    std::fs::write(&leftover, b"half written, or of another base").unwrap();
    assert_eq!(world.get("app/2").await.unwrap(), second, "the whole form counts");
    world.pack().await;
    for (key, content) in [("app/1", &first), ("app/2", &second)] {
        assert_eq!(world.get(key).await.unwrap(), *content);
    }
    // A catalog that went back in time knows nothing of packing, and the whole form is gone.
    let world = World { catalog: Arc::default(), ..world };
    let directory = Dir::open_private(&world.scratch.path().join("objects")).unwrap();
    let settings = settings(1);
    let objects = Objects::open(&directory, world.catalog.clone(), settings).unwrap();
    let world = World { objects, ..world };
    world.put("app/1", &first, None).await.unwrap();
    world.put("app/2", &second, None).await.unwrap();
    world.pack().await;
    for (key, content) in [("app/1", &first), ("app/2", &second)] {
        assert_eq!(world.get(key).await.unwrap(), *content);
    }
}
