use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use casemate_fs::{Dir, FsError};

use crate::{mode_of, scratch, set_mode, somebody_elses};

#[test]
fn an_absent_directory_is_made_with_its_parents() {
    let (temp, _) = scratch();
    let path = temp.path().join("a/b/c");
    let dir = Dir::open_private(&path).unwrap();
    assert_eq!(dir.path(), path);
    for made in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode_of(&temp.path().join(made)), 0o700, "{made}");
    }
    dir.replace("file", b"x").unwrap();
    assert_eq!(Dir::open_private(&path).unwrap().read_bounded("file", 9).unwrap(), b"x");
}

#[test]
fn a_wrong_mode_is_repaired() {
    let (temp, dir) = scratch();
    let path = temp.path().join("state");
    std::fs::create_dir(&path).unwrap();
    for mode in [0o755, 0o777, 0o1700, 0o2750, 0o500, 0o000] {
        set_mode(&path, mode);
        Dir::open_private(&path).unwrap();
        assert_eq!(mode_of(&path), 0o700, "was {mode:o}");
        set_mode(&path, mode);
        dir.private_subdir("state").unwrap();
        assert_eq!(mode_of(&path), 0o700, "was {mode:o}");
    }
}

#[test]
fn another_owner_is_refused_and_nothing_changed() {
    let (temp, _) = scratch();
    let theirs = somebody_elses(&temp);
    let before = mode_of(&theirs);
    let error = Dir::open_private(&theirs).unwrap_err();
    let owner = std::fs::metadata(&theirs).unwrap().uid();
    match error {
        FsError::WrongOwner { path, owner: found, expected } => {
            assert_eq!((path, found, expected), (theirs.clone(), owner, rustix::process::geteuid().as_raw()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(mode_of(&theirs), before);
}

#[test]
fn a_link_or_a_file_in_its_place_is_refused() {
    let (temp, dir) = scratch();
    std::fs::create_dir(temp.path().join("real")).unwrap();
    set_mode(&temp.path().join("real"), 0o755);
    symlink("real", temp.path().join("link")).unwrap();
    symlink("nowhere", temp.path().join("dangling")).unwrap();
    std::fs::write(temp.path().join("file"), b"").unwrap();

    for name in ["link", "dangling"] {
        let path = temp.path().join(name);
        assert!(matches!(Dir::open_private(&path), Err(FsError::SymlinkRefused { .. })), "{name}");
        assert!(matches!(dir.private_subdir(name), Err(FsError::SymlinkRefused { .. })), "{name}");
    }
    assert!(matches!(
        Dir::open_private(&temp.path().join("dangling/x")),
        Err(FsError::SymlinkRefused { .. })
    ));
    let error = dir.private_subdir("file").unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open the directory `{}/file`", temp.path().display()));
    assert_eq!(mode_of(&temp.path().join("real")), 0o755);
    // Links above it are the administrator's business.
    Dir::open_private(&temp.path().join("link/state")).unwrap();
    assert_eq!(mode_of(&temp.path().join("real/state")), 0o700);
}

#[test]
fn a_path_that_names_nothing_is_refused() {
    for path in ["/", "", "..", "/tmp/.."] {
        assert!(Dir::open_private(&PathBuf::from(path)).is_err(), "{path:?}");
    }
}

#[test]
fn private_subdirs_have_single_names() {
    let (_temp, dir) = scratch();
    for name in ["a/b", "..", "", "/tmp"] {
        assert!(matches!(dir.private_subdir(name), Err(FsError::BadRelativePath { .. })), "{name:?}");
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let (temp, dir) = scratch();
    dir.create_new("key", b"secret").unwrap();
    let path = temp.path().join("key");
    assert_eq!(mode_of(&path), 0o600);
    assert_eq!(dir.read_private("key", 100).unwrap(), b"secret");
    set_mode(&path, 0o640);
    let error = dir.read_private("key", 100).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is open to other users (mode 0640); take their rights away with chmod go=",
            path.display()
        )
    );
}
