//! One thread swaps a part of a path for a link out of the directory, another uses the path. It may fail, it may
//! never get out.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use casemate_fs::{Dir, FsError};
use rustix::fs::{CWD, RenameFlags};
use tempfile::TempDir;

use crate::Ending;

/// ```text
/// outside/file            "outside"
/// inside/part/file        "inside"
/// inside/link  ->  outside
/// ```
fn arena() -> (TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    for (dir, content) in [("outside", "outside"), ("inside/part", "inside")] {
        std::fs::create_dir_all(temp.path().join(dir)).unwrap();
        std::fs::write(temp.path().join(dir).join("file"), content).unwrap();
    }
    std::os::unix::fs::symlink(temp.path().join("outside"), temp.path().join("inside/link")).unwrap();
    let dir = Dir::open(&temp.path().join("inside")).unwrap();
    (temp, dir)
}

/// Swaps `inside/part` and `inside/link` until `act` has seen both the directory and the link often enough.
fn race(inside: &Path, mut act: impl FnMut() -> Result<(), FsError>) {
    let done = AtomicBool::new(false);
    let (mut reached, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (part, link) = (inside.join("part"), inside.join("link"));
                rustix::fs::renameat_with(CWD, part, CWD, link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _ending = Ending(&done);
        while reached < ENOUGH || refused < ENOUGH {
            match act() {
                Ok(()) => reached += 1,
                Err(FsError::SymlinkRefused { .. }) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    });
}

const ENOUGH: usize = 300;

#[test]
fn reading_never_leaves_the_directory() {
    let (temp, dir) = arena();
    race(&temp.path().join("inside"), || {
        assert_eq!(dir.read_bounded("part/file", 100)?, b"inside");
        Ok(())
    });
}

#[test]
fn a_directory_opened_beneath_is_never_the_links_target() {
    let (temp, dir) = arena();
    race(&temp.path().join("inside"), || {
        assert_eq!(dir.subdir("part")?.read_bounded("file", 100)?, b"inside");
        Ok(())
    });
}

#[test]
fn a_private_directory_is_never_the_links_target() {
    let (temp, dir) = arena();
    let outside = temp.path().join("outside");
    crate::set_mode(&outside, 0o755);
    race(&temp.path().join("inside"), || {
        assert_eq!(dir.private_subdir("part")?.read_bounded("file", 100)?, b"inside");
        Ok(())
    });
    assert_eq!(crate::mode_of(&outside), 0o755);
}

#[test]
fn writing_never_leaves_the_directory() {
    let (temp, dir) = arena();
    race(&temp.path().join("inside"), || {
        match dir.create_scratch("part/new") {
            Ok(_) | Err(FsError::AlreadyExists { .. }) => {}
            Err(other) => return Err(other),
        }
        dir.remove_file("part/new").map(drop)
    });
    assert_eq!(crate::names_in(&temp.path().join("outside")), ["file"]);
    assert_eq!(std::fs::read(temp.path().join("outside/file")).unwrap(), b"outside");
}

#[test]
fn replacing_never_leaves_the_directory() {
    let (temp, dir) = arena();
    let outside = temp.path().join("outside/file");
    let mut rounds = 0;
    race(&temp.path().join("inside"), || {
        rounds += 1;
        // A replace costs two syncs; most rounds only look, so that the race still has many.
        if rounds % 16 == 0 {
            dir.replace("part/file", b"inside")
        } else {
            dir.open_file("part/file").map(drop)
        }
    });
    assert_eq!(std::fs::read(outside).unwrap(), b"outside");
}

#[test]
fn emptying_never_leaves_the_directory() {
    let (temp, _) = arena();
    let victim = temp.path().join("outside/file");
    for round in 0..40 {
        let top = temp.path().join(format!("top{round}"));
        let pairs: Vec<_> =
            (0..50).map(|n| (top.join(format!("part{n}")), top.join(format!("link{n}")))).collect();
        for (part, link) in &pairs {
            std::fs::create_dir_all(part.join("deep")).unwrap();
            std::fs::write(part.join("deep/file"), b"x").unwrap();
            std::os::unix::fs::symlink(temp.path().join("outside"), link).unwrap();
        }
        let dir = Dir::open(&top).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for (part, link) in &pairs {
                        // Fails when one of the two is gone already.
                        let _ = rustix::fs::renameat_with(CWD, part, CWD, link, RenameFlags::EXCHANGE);
                    }
                }
            });
            let _ending = Ending(&done);
            // It may stumble over a swap; there are only so many.
            while dir.remove_contents().is_err() {}
        });
        assert_eq!(std::fs::read(&victim).unwrap(), b"outside");
        assert_eq!(crate::names_in(&top), [""; 0]);
    }
}
