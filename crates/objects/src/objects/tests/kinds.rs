//! Things of another kind where a file belongs.

use super::*;

#[tokio::test]
async fn what_is_no_file_is_damage_that_is_set_aside_and_healed() {
    for form in ["", "packed"] {
        for kind in OTHER_KINDS {
            let world = World::new();
            let (older, newer) = versions();
            world.put("app/1", &older, None).await.unwrap();
            let content = if form.is_empty() {
                older
            } else {
                world.put("app/2", &newer, None).await.unwrap();
                world.pack().await;
                let packed =
                    [older, newer].into_iter().find(|content| world.packed_path_of(content).exists());
                packed.expect("one is packed")
            };
            let path = world.path_of(&content).with_extension(form);
            put_in_place(kind, &path);
            let digest = Digest::of(&content);
            let opened = world.objects.open_verified(blob(digest)).await;
            assert!(matches!(opened, Err(ObjectsError::Corrupt { .. })), "{kind} {form}");
            assert!(world.objects.set_aside(&blob(digest)).await.unwrap(), "{kind} {form}");
            path.symlink_metadata().unwrap_err();
            world.put("app/3", &content, None).await.unwrap();
            assert!(world.get("app/3").await.unwrap() == content, "{kind} {form}: healed");
        }
    }
}

#[tokio::test]
async fn a_blob_whose_files_are_directories_can_be_collected() {
    let world = World::new();
    world.put("a", b"content", None).await.unwrap();
    put_in_place("directory", &world.path_of(b"content"));
    put_in_place("directory", &world.path_of(b"content").with_extension("pieces"));
    world.delete("a").await;
    let later = world.clock.now().saturating_add(Duration::from_secs(1));
    assert_eq!(world.objects.collect(later).await.unwrap(), 1);
    assert!(world.path_of(b"content").is_dir(), "nobody's files are not removed");
}

/// What may stand where a file belongs.
pub(super) const OTHER_KINDS: [&str; 3] = ["FIFO", "directory", "link"];

pub(super) fn put_in_place(kind: &str, path: &std::path::Path) {
    drop(std::fs::remove_file(path));
    match kind {
        "FIFO" => rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap(),
        "directory" => std::fs::create_dir(path).unwrap(),
        "link" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        other => panic!("{other}"),
    }
}
