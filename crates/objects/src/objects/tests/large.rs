//! Content that is checked piece by piece, and packed in segments.

use super::kinds::{OTHER_KINDS, put_in_place};
use super::*;

const PIECE: usize = 256 << 10;
const LARGE: usize = 20 << 20;

fn world() -> World {
    World::with(Settings { object_bytes_max: 64 << 20, ..settings(1) })
}

/// Two versions of something large, the second longer by what stands at its front, and with a change in its middle.
fn large_versions() -> (Vec<u8>, Vec<u8>) {
    let first = noise(1, LARGE);
    let mut second = noise(2, 100_000);
    second.extend_from_slice(&first);
    second[LARGE / 2] ^= 1;
    (first, second)
}

impl World {
    fn pieces_path_of(&self, content: &[u8]) -> std::path::PathBuf {
        self.path_of(content).with_extension("pieces")
    }

    async fn range(&self, content: &[u8], range: std::ops::Range<usize>) -> Result<Vec<u8>, ObjectsError> {
        let blob = self.objects.open_verified(blob(Digest::of(content))).await?;
        let mut read = Vec::new();
        blob.read_range(range.start as u64..range.end as u64, |piece| {
            read.extend_from_slice(&piece);
            Ok(())
        })?;
        Ok(read)
    }

    /// Puts two large versions and packs them; the second is then a difference to the first.
    async fn packed_versions(&self) -> (Vec<u8>, Vec<u8>) {
        let (first, second) = large_versions();
        self.put("image/1", &first, None).await.unwrap();
        self.pack().await;
        self.put("image/2", &second, None).await.unwrap();
        self.pack().await;
        let packing = self.packing_of(&second).await;
        assert_eq!(packing.base, Some(Digest::of(&first)));
        assert!(packing.stored_bytes < 400_000, "{packing:?}");
        assert!(self.packed_path_of(&second).exists() && !self.path_of(&second).exists());
        (first, second)
    }
}

#[tokio::test]
async fn large_versions_are_packed_in_segments_and_come_back_whole_and_in_ranges() {
    let world = world();
    let (first, second) = world.packed_versions().await;
    assert!(world.path_of(&first).exists(), "noise is left whole");
    for (key, content) in [("image/1", &first), ("image/2", &second)] {
        assert!(world.get(key).await.unwrap() == *content, "{key}");
        let length = content.len();
        for range in [0..1, PIECE - 1..PIECE + 1, length / 2 - 3..length / 2 + 5_000_000, length - 1..length]
        {
            let found = world.range(content, range.clone()).await.unwrap();
            assert!(found == content[range.clone()], "{key} {range:?}");
        }
        world.range(content, length - 1..length + 1).await.unwrap_err();
    }
    let text = b"a line that is there often\n".repeat(1_000_000);
    world.put("text", &text, None).await.unwrap();
    world.pack().await;
    let packing = world.packing_of(&text).await;
    assert!(packing.base.is_none() && packing.stored_bytes < 100_000, "{packing:?}");
    assert!(world.get("text").await.unwrap() == text);
}

#[tokio::test]
async fn a_lost_or_foreign_table_of_pieces_is_made_again() {
    let world = world();
    let content = noise(1, LARGE);
    world.put("image", &content, None).await.unwrap();
    let path = world.pieces_path_of(&content);
    let sound = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(world.get("image").await.unwrap() == content);
    assert_eq!(std::fs::read(&path).unwrap(), sound);
    for foreign in [&sound[..sound.len() / 2], b"", &[0; 10_000]] {
        std::fs::write(&path, foreign).unwrap();
        assert!(world.range(&content, 5..10).await.unwrap() == content[5..10]);
        assert_eq!(std::fs::read(&path).unwrap(), sound);
    }
}

#[tokio::test]
async fn a_table_of_pieces_that_is_no_file_is_made_again() {
    for kind in OTHER_KINDS {
        let world = world();
        let content = noise(1, LARGE);
        world.put("image", &content, None).await.unwrap();
        let path = world.pieces_path_of(&content);
        let sound = std::fs::read(&path).unwrap();
        put_in_place(kind, &path);
        assert!(world.range(&content, 5..10).await.unwrap() == content[5..10], "{kind}");
        // A directory is not replaced, and the content is served without a table.
        assert_eq!(std::fs::read(&path).ok(), (kind != "directory").then_some(sound), "{kind}");
    }
}

/// An attacker who can write the files but not the node's key: content and a table that fits it.
#[tokio::test]
async fn a_forged_table_does_not_make_forged_content_true() {
    let world = world();
    let (content, forged) = (noise(1, LARGE), noise(2, LARGE));
    world.put("image", &content, None).await.unwrap();
    let other = World::with(Settings {
        piece_key: PieceKey::new([2; 32]),
        object_bytes_max: 64 << 20,
        ..settings(1)
    });
    other.put("forged", &forged, None).await.unwrap();
    let mut table = std::fs::read(other.pieces_path_of(&forged)).unwrap();
    table[16..48].copy_from_slice(Digest::of(&content).as_bytes());
    std::fs::write(world.pieces_path_of(&content), &table).unwrap();
    std::fs::write(world.path_of(&content), &forged).unwrap();
    assert!(matches!(world.get("image").await, Err(ObjectsError::Corrupt { .. })));
}

#[tokio::test]
async fn no_damaged_piece_of_large_content_is_served_and_the_others_are() {
    let world = world();
    let (first, second) = world.packed_versions().await;
    let path = world.path_of(&first);
    let mut bytes = first.clone();
    let at = LARGE / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damaged = |error: &Result<Vec<u8>, ObjectsError>| matches!(error, Err(ObjectsError::Corrupt { digest }) if *digest == Digest::of(&first));
    assert!(world.range(&first, 0..1000).await.unwrap() == first[..1000]);
    assert!(damaged(&world.range(&first, at..at + 1).await));
    assert!(damaged(&world.get("image/1").await));
    // What leans on the damaged piece is not served either, and the blame is the base's.
    assert!(damaged(&world.get("image/2").await));
    assert!(!world.objects.set_aside(&blob(Digest::of(&second))).await.unwrap());
    assert!(world.objects.set_aside(&blob(Digest::of(&first))).await.unwrap());
    assert!(matches!(world.get("image/1").await, Err(ObjectsError::BlobMissing { .. })));
    world.put("image/1", &first, None).await.unwrap();
    for (key, content) in [("image/1", &first), ("image/2", &second)] {
        assert!(world.get(key).await.unwrap() == *content, "{key} is healed");
    }
}

#[tokio::test]
async fn damage_in_a_segmented_form_is_never_served() {
    let world = world();
    let (_, second) = world.packed_versions().await;
    let path = world.packed_path_of(&second);
    let sound = std::fs::read(&path).unwrap();
    let header_and_index = (0..100).chain(sound.len() - 60..sound.len());
    for at in header_and_index.chain((0..sound.len()).step_by(sound.len() / 60)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        match world.get("image/2").await {
            Ok(content) => assert!(content == second, "byte {at}"),
            Err(ObjectsError::Corrupt { .. } | ObjectsError::BlobMissing { .. }) => {}
            Err(error) => panic!("byte {at}: {error:?}"),
        }
    }
    for cut in [0, 7, 56, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&path, &sound[..cut]).unwrap();
        assert!(matches!(world.get("image/2").await, Err(ObjectsError::Corrupt { .. })), "cut at {cut}");
    }
    assert!(world.objects.set_aside(&blob(Digest::of(&second))).await.unwrap());
    assert!(!path.exists() && !world.pieces_path_of(&second).exists());
    world.put("image/2", &second, None).await.unwrap();
    assert!(world.get("image/2").await.unwrap() == second, "healed");
}
