use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use casemate_fs::{Dir, FsError};

use crate::{mode_of, scratch};

#[test]
fn a_second_lock_is_refused_and_names_the_first() {
    let (temp, dir) = scratch();
    let held = dir.lock("casemate serve\non port 1").unwrap();
    assert_eq!(mode_of(&temp.path().join("lock")), 0o600);
    let error = Dir::open(temp.path()).unwrap().lock("another").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is in use by process {} (casemate serveon port 1); stop that process, or choose another directory",
            temp.path().display(),
            std::process::id()
        )
    );
    drop(held);
    let _held = dir.lock("another").unwrap();
    match dir.lock("a third").unwrap_err() {
        FsError::Locked { owner, .. } => {
            assert_eq!(owner, format!("process {} (another)", std::process::id()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lock_ends_with_its_process_however_that_ends() {
    let (temp, dir) = scratch();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locks::a_child_holds_a_lock", "--nocapture"])
        .env(CHILD_DIRECTORY, temp.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("locked")), "the child got the lock");
    match dir.lock("the parent").unwrap_err() {
        FsError::Locked { owner, .. } => assert_eq!(owner, format!("process {} (the child)", child.id())),
        other => panic!("{other:?}"),
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let _held = dir.lock("the parent").unwrap();
}

/// The other process of the test above; on its own it has nothing to do.
#[test]
fn a_child_holds_a_lock() {
    let Some(directory) = std::env::var_os(CHILD_DIRECTORY) else { return };
    let _held = Dir::open(directory.as_ref()).unwrap().lock("the child").unwrap();
    std::io::stdout().write_all(b"\nlocked\n").unwrap();
    // Until it is killed, or the parent is gone.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

const CHILD_DIRECTORY: &str = "CASEMATE_FS_TEST_LOCK_DIRECTORY";

#[test]
fn a_lock_file_that_is_no_file_is_refused() {
    let (temp, dir) = scratch();
    std::os::unix::fs::symlink("/etc/passwd", temp.path().join("lock")).unwrap();
    assert!(matches!(dir.lock("us"), Err(FsError::SymlinkRefused { .. })));
}
