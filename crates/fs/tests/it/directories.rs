use std::os::unix::fs::symlink;

use casemate_fs::{Dir, DirEntry, EntryKind, FsError};
use rustix::fs::{CWD, FileType, Mode};

use crate::scratch;

#[test]
fn a_file_beneath_is_read_whole_and_within_its_bound() {
    let (temp, dir) = scratch();
    std::fs::create_dir_all(temp.path().join("a/b")).unwrap();
    std::fs::write(temp.path().join("a/b/c"), b"content").unwrap();

    assert_eq!(dir.read_bounded("a/b/c", 7).unwrap(), b"content");
    assert_eq!(dir.subdir("a/b").unwrap().read_bounded("c", 1000).unwrap(), b"content");
    let error = dir.read_bounded("a/b/c", 6).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}/a/b/c` is larger than the 6 bytes allowed for it", temp.path().display())
    );
    let error = dir.read_bounded("a/x", 6).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), format!("cannot open `{}/a/x`", temp.path().display()));
}

#[test]
fn links_are_refused_wherever_they_stand_in_a_path() {
    let (temp, dir) = scratch();
    std::fs::create_dir(temp.path().join("real")).unwrap();
    std::fs::write(temp.path().join("real/file"), b"x").unwrap();
    symlink("real", temp.path().join("link")).unwrap();
    symlink("file", temp.path().join("real/alias")).unwrap();
    symlink("/etc/passwd", temp.path().join("passwd")).unwrap();

    for path in ["link/file", "real/alias", "passwd"] {
        assert!(matches!(dir.open_file(path), Err(FsError::SymlinkRefused { .. })), "{path}");
    }
    assert!(matches!(dir.subdir("link"), Err(FsError::SymlinkRefused { .. })));
    assert!(matches!(dir.replace("link/file", b"y"), Err(FsError::SymlinkRefused { .. })));
    assert!(matches!(dir.remove_file("link/file"), Err(FsError::SymlinkRefused { .. })));
    for path in ["link", "link/", "link/."] {
        assert!(matches!(Dir::open(&temp.path().join(path)), Err(FsError::SymlinkRefused { .. })), "{path}");
    }
    assert_eq!(std::fs::read(temp.path().join("real/file")).unwrap(), b"x");
}

#[test]
fn only_regular_files_are_opened_and_nothing_waits() {
    let (temp, dir) = scratch();
    rustix::fs::mknodat(CWD, temp.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    std::fs::create_dir(temp.path().join("dir")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(temp.path().join("socket")).unwrap();

    let found = |dir: &Dir, name: &str| match dir.open_file(name) {
        Err(FsError::NotAFile { found, .. }) => found,
        other => panic!("{name} gave {other:?}"),
    };
    assert_eq!(found(&dir, "fifo"), "FIFO");
    assert_eq!(found(&dir, "dir"), "directory");
    assert_eq!(found(&dir, "socket"), "socket or device");
    assert_eq!(found(&Dir::open("/dev".as_ref()).unwrap(), "null"), "device");
}

#[test]
fn entries_are_sorted_and_say_what_they_are() {
    let (temp, dir) = scratch();
    std::fs::write(temp.path().join("b"), b"12345").unwrap();
    std::fs::create_dir(temp.path().join("c")).unwrap();
    symlink("b", temp.path().join("a")).unwrap();
    let entry = |name: &str, kind, len| DirEntry { name: name.to_owned(), kind, len };
    let expected = [
        entry("a", EntryKind::Symlink, 0),
        entry("b", EntryKind::File, 5),
        entry("c", EntryKind::Directory, 0),
    ];
    assert_eq!(dir.entries().unwrap(), expected);
    assert_eq!(dir.entries().unwrap(), expected, "listing twice starts anew");
}

#[test]
fn names_that_are_not_utf8_are_named_in_the_error() {
    use std::os::unix::ffi::OsStrExt;
    let (temp, dir) = scratch();
    std::fs::write(temp.path().join(std::ffi::OsStr::from_bytes(b"a\xff")), b"").unwrap();
    assert!(matches!(dir.entries(), Err(FsError::NotUtf8 { .. })));
    dir.remove_contents().unwrap();
    assert_eq!(dir.entries().unwrap(), []);
}

#[test]
fn free_space_is_measured() {
    let (_temp, dir) = scratch();
    assert!(dir.free_bytes().unwrap() > 1 << 20);
}

#[test]
fn the_handle_stays_when_the_name_goes() {
    let (temp, _) = scratch();
    let path = temp.path().join("first");
    std::fs::create_dir(&path).unwrap();
    let dir = Dir::open(&path).unwrap();
    std::fs::rename(&path, temp.path().join("second")).unwrap();
    dir.replace("file", b"x").unwrap();
    assert_eq!(std::fs::read(temp.path().join("second/file")).unwrap(), b"x");
}
