//! What takes space and is of no use, and uploads that are under way.

use bytes::Bytes;
use casemate_model::{Clock, Digest};

use super::*;
use crate::{Packing, UploadLeftovers};

#[tokio::test]
async fn second_forms_are_found_and_go_also_while_the_node_runs() {
    for form in [Form::Whole, Form::Packed] {
        for by_node in [false, true] {
            let (world, base, packed, key) = World::packed().await;
            let (content, path, bytes) = match form {
                Form::Whole => (&packed, world.path_of(&packed), packed.clone()),
                Form::Packed => {
                    let small = std::fs::read(world.packed_path_of(&packed)).unwrap();
                    (&base, world.packed_path_of(&base), small)
                }
            };
            std::fs::write(&path, &bytes).unwrap();
            let digest = Digest::of(content);
            if form == Form::Whole {
                world
                    .finds(&[Fault::SecondForm { blob: blob(digest), form, bytes: bytes.len() as u64 }])
                    .await;
            }
            if by_node {
                assert_eq!(world.objects.collect_second_forms().await.unwrap(), 1);
                assert_eq!(world.objects.collect_second_forms().await.unwrap(), 0);
            } else {
                world.mends(&[]).await;
            }
            assert_eq!((path.exists(), world.get(key).await.unwrap()), (false, packed), "{form}");
        }
    }
}

#[tokio::test]
async fn a_difference_beside_its_whole_form_may_have_lost_its_base() {
    let (world, base, packed, key) = World::packed().await;
    world.put(key, &packed, None).await.unwrap();
    world.pack().await;
    std::fs::write(world.path_of(&packed), &packed).unwrap();
    std::fs::remove_file(world.path_of(&base)).unwrap();
    assert_eq!(world.get(key).await.unwrap(), packed);
    let report = world.fsck(Repair::FilesAndOrphans).await;
    let kinds: Vec<_> =
        report.findings.iter().map(|finding| (finding.fault.kind(), finding.mending)).collect();
    assert_eq!(kinds, [("missing", Mending::None), ("second_form", Mending::Removed)]);
    assert_eq!(world.get(key).await.unwrap(), packed);
    assert_eq!(world.packing_of(&packed).await, Packing { stored_bytes: packed.len() as u64, base: None });
}

#[tokio::test]
async fn orphans_are_found_and_go_only_where_the_catalog_can_be_believed() {
    let world = World::new();
    world.put("a", b"known", None).await.unwrap();
    let hold = world.objects.hold().await;
    world.objects.put_blob(&hold, &Project::default_project(), Bytes::from_static(b"orphan")).await.unwrap();
    drop(hold);
    world.finds(&[Fault::Orphan { blob: blob(Digest::of(b"orphan")), bytes: 6 }]).await;
    assert_eq!(world.fsck(Repair::Files).await.findings[0].mending, Mending::None);
    assert!(world.path_of(b"orphan").exists());
    assert_eq!(world.mends(&[]).await, [Mending::Removed]);
    assert!(!world.path_of(b"orphan").exists());
    assert_eq!(world.get("a").await.unwrap(), b"known");
}

#[tokio::test]
async fn an_orphan_that_some_file_needs_stays() {
    let (world, base, packed, key) = World::packed().await;
    let digest = Digest::of(&packed);
    let sound = world.packing_of(&packed).await;
    let base_key = if key == "app/1" { "app/2" } else { "app/1" };
    // The row forgets the base, and then the base's own row goes.
    world
        .catalog
        .note_packing(&blob(digest), Packing { base: None, ..sound }, world.clock.now())
        .await
        .unwrap();
    world.delete(base_key).await;
    world.catalog.forget(&blob(Digest::of(&base)));
    world.mends(&["wrong_base", "orphan"]).await;
    assert_eq!(world.get(key).await.unwrap(), packed);
}

#[tokio::test]
async fn half_written_files_and_strangers_are_found() {
    let world = World::new();
    world.put("a", b"known", None).await.unwrap();
    let objects = world.objects_path();
    let staged = ".casemate-staged-0123456789abcdef";
    std::fs::write(objects.join("content/default").join(staged), b"half").unwrap();
    std::fs::write(objects.join("uploads").join(staged), b"half").unwrap();
    std::fs::write(objects.join("notes.txt"), b"mine").unwrap();
    std::fs::create_dir(objects.join("content/default/zz")).unwrap();
    std::fs::create_dir(objects.join("content/No Project")).unwrap();
    // A blob in a place where nobody looks for it.
    let elsewhere = world.path_of(b"known").parent().unwrap().join(Digest::of(b"other").to_hex());
    std::fs::write(&elsewhere, b"other").unwrap();
    let stranger = |path: String| Fault::Stranger { path };
    let elsewhere_path =
        elsewhere.strip_prefix(objects.join("content/default")).unwrap().display().to_string();
    world
        .finds(&[
            stranger("content/No Project".to_owned()),
            stranger(format!("content/default/{elsewhere_path}")),
            stranger("content/default/zz".to_owned()),
            stranger("notes.txt".to_owned()),
            Fault::HalfWritten { path: format!("content/default/{staged}") },
            Fault::HalfWritten { path: format!("uploads/{staged}") },
        ])
        .await;
    world.mends(&["stranger"; 4]).await;
    assert!(elsewhere.exists(), "what is not known is not removed");
}

#[tokio::test]
async fn leftovers_of_uploads_are_found_and_go() {
    for by_node in [false, true] {
        let world = World::new();
        let (open, ended) = (world.begin(0).await, world.begin(1).await);
        world.put_part(open, 1, b"kept").await;
        world.put_part(ended, 1, b"left").await;
        let row = world.catalog.upload(ended).await.unwrap().unwrap();
        world.catalog.end_upload(&row, None).await.unwrap();
        std::fs::write(world.uploads_path(open).join("1-0-older"), b"an older part 1").unwrap();
        let file = "1-0-older".to_owned();
        world
            .finds(&[Fault::EndedPart { upload: open, file }, Fault::EndedUpload { upload: ended, files: 1 }])
            .await;
        if by_node {
            let mut seen = UploadLeftovers::default();
            assert_eq!(world.objects.collect_upload_leftovers(&mut seen).await.unwrap(), 0, "just come");
            assert_eq!(world.objects.collect_upload_leftovers(&mut seen).await.unwrap(), 2);
            assert_eq!(world.objects.collect_upload_leftovers(&mut seen).await.unwrap(), 0);
            world.finds(&[]).await;
        } else {
            assert_eq!(world.mends(&[]).await, [Mending::Removed; 2]);
        }
        assert!(!world.uploads_path(ended).exists());
        assert_eq!(std::fs::read_dir(world.uploads_path(open)).unwrap().count(), 1, "the part stays");
    }
}

#[tokio::test]
async fn parts_that_are_missing_or_damaged_are_found() {
    let world = World::new();
    let upload = world.begin(0).await;
    let mut files = Vec::new();
    for (number, content) in [(1, &b"missing"[..]), (2, b"damaged"), (3, b"cut"), (4, b"sound")] {
        files.push(world.uploads_path(upload).join(world.put_part(upload, number, content).await.file));
    }
    std::fs::remove_file(&files[0]).unwrap();
    flip(&files[1]);
    std::fs::write(&files[2], b"cu").unwrap();
    let damaged = |number| Fault::PartDamaged { upload, number };
    let faults = [damaged(2), damaged(3), Fault::PartMissing { upload, number: 1 }];
    world.finds(&faults).await;
    world.mends(&["part_damaged", "part_damaged", "part_missing"]).await;
}
