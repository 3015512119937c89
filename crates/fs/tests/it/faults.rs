//! Every step of every operation fails once, alone or with all that follow.

use casemate_fs::test_support::{Fault, Recorder};
use casemate_fs::{Dir, FsError};

use crate::{names_in, scratch};

type Operation = fn(&Dir) -> Result<(), FsError>;

const OPERATIONS: [(&str, Operation); 6] = [
    ("replace", |dir| dir.replace("a", b"new")),
    ("replace beneath", |dir| dir.replace("sub/a", b"new")),
    ("create", |dir| dir.create_new("b", b"new")),
    ("rename", |dir| dir.rename("a", "b")),
    ("remove", |dir| dir.remove_file("a").map(drop)),
    ("make a directory", |dir| dir.private_subdir("made").map(drop)),
];

fn prepared() -> (tempfile::TempDir, Dir) {
    let (temp, dir) = scratch();
    std::fs::create_dir(temp.path().join("sub")).unwrap();
    std::fs::write(temp.path().join("a"), b"old").unwrap();
    std::fs::write(temp.path().join("sub/a"), b"old").unwrap();
    (temp, dir)
}

fn steps_of(operation: Operation) -> usize {
    let (_temp, dir) = prepared();
    let (dir, recorder) = Recorder::attach(&dir);
    operation(&dir).unwrap();
    recorder.steps()
}

#[test]
fn a_failed_step_is_reported_and_leaves_the_target_whole() {
    for (label, operation) in OPERATIONS {
        let total = steps_of(operation);
        assert!(total >= 2, "{label} has a change and a sync");
        for step in 0..total {
            for (fault, lasting) in
                [(Fault::Io, false), (Fault::Io, true), (Fault::NoSpace, false), (Fault::NoSpace, true)]
            {
                check(label, operation, (step, fault, lasting));
            }
        }
    }
}

fn check(label: &str, operation: Operation, (step, fault, lasting): (usize, Fault, bool)) {
    let label = format!("{label}, step {step}, {fault:?}, lasting: {lasting}");
    let (temp, dir) = prepared();
    let (dir, recorder) = Recorder::attach(&dir);
    recorder.fail_at(step, fault, lasting);
    match operation(&dir) {
        Err(FsError::NoSpace { .. }) => assert_eq!(fault, Fault::NoSpace, "{label}"),
        Err(FsError::Io { source, .. }) => {
            assert_eq!((fault, source.raw_os_error()), (Fault::Io, Some(5)), "{label}");
        }
        Err(other) => panic!("{label}: {other:?}"),
        // Taking the temporary name away after a link is tried again, and then left to the sweep.
        Ok(()) => {
            assert!(label.starts_with("create, step 4") && !lasting, "{label}: a failure was swallowed")
        }
    }
    recorder.heal();
    assert!(dir.sweep_staged().unwrap() <= 1, "{label}");
    let names: Vec<_> = names_in(temp.path()).into_iter().filter(|name| name != "made").collect();
    assert!(names.iter().all(|name| ["a", "b", "sub"].contains(&name.as_str())), "{label}: {names:?}");
    for path in ["a", "b", "sub/a"] {
        if let Ok(content) = dir.read_bounded(path, 100) {
            assert!(content == b"old" || content == b"new", "{label}: {path} has {content:?}");
        }
    }
    assert!(names.iter().any(|name| name == "a" || name == "b") || label.starts_with("remove"), "{label}");
    assert!(temp.path().join("sub/a").exists(), "{label}");
}

#[test]
fn a_directory_whose_sync_failed_is_not_taken_for_durable() {
    let (temp, dir) = scratch();
    let (dir, recorder) = Recorder::attach(&dir);
    recorder.fail_at(1, Fault::Io, false);
    let error = dir.private_subdir("made").unwrap_err();
    assert_eq!(error.to_string(), format!("cannot sync the directory `{}`", temp.path().display()));
    assert!(!temp.path().join("made").exists(), "the next attempt starts anew");
}

#[test]
fn a_full_disk_is_named_with_the_way_out() {
    let (temp, dir) = scratch();
    let (dir, recorder) = Recorder::attach(&dir);
    recorder.fail_at(1, Fault::NoSpace, true);
    let mut staged = dir.stage().unwrap();
    let error = std::io::Write::write_all(&mut staged, b"content").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot write `{}/.casemate-staged-", temp.path().display())),
        "{text}"
    );
    assert!(text.ends_with("no space is left; free some, or move the directory to a larger disk"), "{text}");
}
