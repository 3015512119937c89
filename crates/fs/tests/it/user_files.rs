use std::io::{Read, Write};
use std::os::unix::fs::symlink;

use casemate_fs::{
    FsError, create_user_file, make_user_dir, open_user_dir, read_config_file, read_user_file,
};
use rustix::fs::{CWD, FileType, Mode};

use crate::{mode_of, names_in, scratch, set_mode};

#[test]
fn a_config_file_is_read_through_links_and_within_its_bound() {
    let (temp, _) = scratch();
    let path = temp.path().join("config");
    std::fs::write(temp.path().join("real"), b"text").unwrap();
    symlink("real", &path).unwrap();
    assert_eq!(read_config_file(&path, 4).unwrap(), b"text");
    assert!(matches!(read_config_file(&path, 3), Err(FsError::TooLarge { bytes_max: 3, .. })));
    assert!(matches!(read_config_file(temp.path(), 3), Err(FsError::NotAFile { found: "directory", .. })));
    assert!(matches!(
        read_config_file("/dev/zero".as_ref(), 3),
        Err(FsError::NotAFile { found: "device", .. })
    ));
    assert!(read_config_file(&temp.path().join("absent"), 3).unwrap_err().is_not_found());
}

#[test]
fn a_user_may_read_from_a_pipe_but_not_a_directory() {
    let (temp, _) = scratch();
    let fifo = temp.path().join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let text = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut output = create_user_file(&fifo).unwrap();
            output.write_all(b"through the pipe").unwrap();
            output.commit().unwrap();
        });
        let mut text = String::new();
        read_user_file(&fifo).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(text, "through the pipe");
    assert!(matches!(read_user_file(temp.path()), Err(FsError::NotAFile { .. })));
    assert!(matches!(create_user_file(temp.path()), Err(FsError::NotAFile { .. })));
}

#[test]
fn an_output_file_appears_at_the_commit_and_whole() {
    let (temp, _) = scratch();
    let path = temp.path().join("output");
    let mut output = create_user_file(&path).unwrap();
    output.write_all(b"result").unwrap();
    assert!(!path.exists());
    output.commit().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"result");
    std::fs::write(temp.path().join("plain"), b"").unwrap();
    assert_eq!(mode_of(&path), mode_of(&temp.path().join("plain")), "the user's umask decides");

    let mut dropped = create_user_file(&path).unwrap();
    dropped.write_all(b"half").unwrap();
    drop(dropped);
    assert_eq!(std::fs::read(&path).unwrap(), b"result");
    assert_eq!(names_in(temp.path()), ["output", "plain"]);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_the_links_to_it() {
    let (temp, _) = scratch();
    let (real, link) = (temp.path().join("real"), temp.path().join("link"));
    std::fs::write(&real, b"old").unwrap();
    set_mode(&real, 0o640);
    symlink("real", &link).unwrap();
    let mut output = create_user_file(&link).unwrap();
    output.write_all(b"new").unwrap();
    output.commit().unwrap();
    assert_eq!(std::fs::read(&real).unwrap(), b"new");
    assert_eq!(mode_of(&real), 0o640);
    assert!(link.is_symlink());
}

#[test]
fn user_directories_are_made_and_opened_through_links() {
    let (temp, _) = scratch();
    symlink("real", temp.path().join("link")).unwrap();
    assert!(open_user_dir(&temp.path().join("link")).unwrap_err().is_not_found());
    make_user_dir(&temp.path().join("real/out")).unwrap().create_new("file", b"x").unwrap();
    let dir = open_user_dir(&temp.path().join("link")).unwrap();
    assert_eq!(dir.read_bounded("out/file", 1).unwrap(), b"x");
}
