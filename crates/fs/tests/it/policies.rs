use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use casemate_fs::{FsError, PathPolicy};

use crate::{mode_of, names_in};

/// A directory that no policy refuses, wherever temporary files are kept: `/dev/shm` would be refused.
fn allowed() -> tempfile::TempDir {
    tempfile::tempdir_in("/tmp").unwrap()
}

#[test]
fn system_directories_are_refused_with_the_way_out() {
    let temp = allowed();
    let policy = PathPolicy::new(&[temp.path().to_owned()]).unwrap();
    let denied = [
        "/etc", "/sys", "/proc", "/boot", "/root", "/var", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/dev",
    ];
    for directory in denied {
        for path in [PathBuf::from(directory), Path::new(directory).join("casemate/store")] {
            let expected = format!(
                "`{}` lies in `{directory}`, which belongs to the operating system; choose a directory elsewhere, \
                 such as one in your home or below /srv",
                path.display()
            );
            assert_eq!(policy.open(&path).unwrap_err().to_string(), expected);
            assert_eq!(policy.open_private(&path).unwrap_err().to_string(), expected);
            assert_eq!(PathPolicy::new(&[path]).unwrap_err().to_string(), expected);
        }
    }
    assert!(matches!(policy.open("/".as_ref()), Err(FsError::SystemPath { denied: "/", .. })));
    assert!(matches!(PathPolicy::new(&["/".into()]), Err(FsError::SystemPath { denied: "/", .. })));
}

#[test]
fn links_into_forbidden_places_are_seen_through() {
    let temp = allowed();
    let policy = PathPolicy::new(&[temp.path().to_owned()]).unwrap();
    symlink("/etc", temp.path().join("innocent")).unwrap();
    symlink("/proc/self/root/usr", temp.path().join("magic")).unwrap();
    for (name, real) in [("innocent", "/etc"), ("magic", "/usr")] {
        let path = temp.path().join(name);
        let refused = |error: FsError| match error {
            FsError::SystemPath { path, .. } => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(policy.open(&path).unwrap_err()), Path::new(real));
        let beneath = refused(policy.open_private(&path.join("store")).unwrap_err());
        assert_eq!(beneath, Path::new(real).join("store"));
    }
    let dotted = temp.path().join("../../../../../../etc");
    assert!(matches!(policy.open(&dotted), Err(FsError::SystemPath { .. })));
}

#[test]
fn only_what_lies_in_a_root_is_opened() {
    let temp = allowed();
    let real = temp.path().canonicalize().unwrap();
    for name in ["data/store", "data-other", "outside"] {
        std::fs::create_dir_all(temp.path().join(name)).unwrap();
    }
    symlink("data", temp.path().join("alias")).unwrap();
    symlink("../outside", temp.path().join("data/escape")).unwrap();
    let policy = PathPolicy::new(&[temp.path().join("alias")]).unwrap();

    assert_eq!(policy.open(&temp.path().join("data/store")).unwrap().path(), real.join("data/store"));
    assert_eq!(policy.open(&temp.path().join("alias/store")).unwrap().path(), real.join("data/store"));
    assert_eq!(policy.open(&temp.path().join("data")).unwrap().path(), real.join("data"));
    for outside in ["data-other", "outside", "data/escape", "data/../outside"] {
        match policy.open(&temp.path().join(outside)) {
            Err(FsError::OutsideRoots { roots, .. }) => {
                assert_eq!(roots, real.join("data").display().to_string())
            }
            other => panic!("{outside} gave {other:?}"),
        }
    }
    for outside in ["outside/new", "data/escape/new", "data/../new"] {
        let refused = policy.open_private(&temp.path().join(outside));
        assert!(matches!(refused, Err(FsError::OutsideRoots { .. })), "{outside}");
    }
    let made = policy.open_private(&temp.path().join("alias/new/store")).unwrap();
    assert_eq!(made.path(), real.join("data/new/store"));
    assert_eq!(mode_of(&real.join("data/new/store")), 0o700);
    assert_eq!(names_in(&temp.path().join("outside")), [""; 0]);
}
