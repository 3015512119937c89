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
    // In memory the base is as it was; on the disk it is not.
    match world.get(key).await {
        Ok(content) => assert_eq!(content, *packed),
        Err(error) => {
            assert!(matches!(error, ObjectsError::Corrupt { digest } if digest == Digest::of(base)))
        }
    }
    let again = world.started_again();
    let error = again.get(key).await.unwrap_err();
    assert!(matches!(error, ObjectsError::Corrupt { digest } if digest == Digest::of(base)), "{error:?}");
}

impl World {
    /// The same store, opened anew: nothing is remembered.
    fn started_again(self) -> Self {
        let directory = Dir::open_private(&self.scratch.path().join("objects")).unwrap();
        let settings = Settings { object_bytes_max: 64 << 20, ..settings(1) };
        let objects = Objects::open(&directory, self.catalog.clone(), settings).unwrap();
        Self { objects, ..self }
    }
}

#[tokio::test]
async fn what_is_in_memory_of_a_base_is_no_reason_to_remove_a_whole_copy() {
    for noticed in [false, true] {
        let world = World::new();
        let (first, second) = versions();
        let mut third = second.clone();
        third.splice(10_000..10_010, noise(3, 30));
        for (key, content) in [("app/1", &first), ("app/2", &second)] {
            world.put(key, content, None).await.unwrap();
            world.pack().await;
        }
        let base = world.packing_of(&second).await.base.unwrap();
        assert_eq!(base, Digest::of(&first));
        // The base rots on the disk, where nobody looks, or where somebody does; in memory it is as it was.
        std::fs::write(world.path_of(&first), b"rotten").unwrap();
        if noticed {
            assert!(world.objects.set_aside(&blob(base)).await.unwrap());
        }
        world.put("app/3", &third, None).await.unwrap();
        world.pack().await;
        assert!(world.path_of(&third).exists(), "the only copy that can be read stays");
        world.objects.collect_second_forms().await.unwrap();
        let again = world.started_again();
        assert!(again.get("app/3").await.unwrap() == third);
    }
}

#[tokio::test]
async fn what_cannot_be_packed_holds_nobody_else_up() {
    let world = World::new();
    let (first, second) = versions();
    for (key, content) in [("app/1", &first), ("app/2", &second)] {
        world.put(key, content, None).await.unwrap();
        world.pack().await;
    }
    // A difference to what is gone, put back in line.
    std::fs::remove_file(world.path_of(&first)).unwrap();
    world.catalog.look_again(&blob(Digest::of(&second)));
    let world = world.started_again();
    let text = b"a line that is there often\n".repeat(1_000);
    world.put("text", &text, None).await.unwrap();
    for _ in 0..3 {
        world.objects.pack(world.clock.now(), 1).await.unwrap();
    }
    assert!(world.packing_of(&text).await.stored_bytes < 200);
}
