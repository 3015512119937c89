use std::io::Write;
use std::path::Path;

use casemate_fs::FsError;

use crate::{mode_of, names_in, scratch};

#[test]
fn scratch_files_are_made_with_their_directories() {
    let (temp, dir) = scratch();
    dir.create_scratch("a/b/file").unwrap().write_all(b"x").unwrap();
    dir.create_scratch("a/b/other").unwrap();
    assert!(matches!(dir.create_scratch("a/b/file"), Err(FsError::AlreadyExists { .. })));
    std::os::unix::fs::symlink("/tmp", temp.path().join("link")).unwrap();
    assert!(matches!(dir.create_scratch("link/file"), Err(FsError::SymlinkRefused { .. })));
    assert_eq!(std::fs::read(temp.path().join("a/b/file")).unwrap(), b"x");
    assert_eq!((mode_of(&temp.path().join("a/b")), mode_of(&temp.path().join("a/b/file"))), (0o700, 0o600));
}

#[test]
fn a_tree_of_links_and_nests_is_removed_and_what_it_points_to_stays() {
    let (temp, dir) = scratch();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("victim"), b"safe").unwrap();
    let run = temp.path().join("run");
    std::fs::create_dir_all(run.join("a/b/c")).unwrap();
    std::fs::create_dir_all(run.join("a/d/e/f")).unwrap();
    for link in ["link", "a/link", "a/b/link"] {
        std::os::unix::fs::symlink(outside.path(), run.join(link)).unwrap();
    }
    for number in 0..3000 {
        std::fs::write(run.join(format!("a/d/e/{number}")), b"").unwrap();
    }
    std::fs::hard_link(outside.path().join("victim"), run.join("a/d/hard")).unwrap();

    assert!(dir.remove_subdir("run").unwrap());
    assert!(!dir.remove_subdir("run").unwrap());
    assert_eq!(names_in(temp.path()), [""; 0]);
    assert_eq!(std::fs::read(outside.path().join("victim")).unwrap(), b"safe");
    std::os::unix::fs::symlink(outside.path(), temp.path().join("run")).unwrap();
    assert!(matches!(dir.remove_subdir("run"), Err(FsError::SymlinkRefused { .. })));
    assert_eq!(names_in(outside.path()), ["victim"]);
}

#[test]
fn a_tree_deeper_than_any_path_or_descriptor_table_is_removed() {
    let (temp, dir) = scratch();
    // Deeper than 1024 open files, and than the 4096 bytes of a path.
    let mut inner =
        rustix::fs::open(temp.path(), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..1500 {
        rustix::fs::mkdirat(&inner, "deep", rustix::fs::Mode::RWXU).unwrap();
        inner =
            rustix::fs::openat(&inner, "deep", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    }
    dir.remove_contents().unwrap();
    assert_eq!(names_in(temp.path()), [""; 0]);
    assert!(Path::new(temp.path()).is_dir());
}
