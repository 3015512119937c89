use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use casemate_fs::FsError;

use crate::{Ending, mode_of, names_in, scratch};

#[test]
fn what_is_written_appears_whole_private_and_without_leftovers() {
    let (temp, dir) = scratch();
    dir.private_subdir("sub").unwrap();
    dir.replace("a", b"one").unwrap();
    dir.replace("a", b"two").unwrap();
    dir.replace("sub/b", b"three").unwrap();
    dir.create_new("sub/c", b"").unwrap();
    assert!(
        matches!(dir.create_new("a", b"other"), Err(FsError::AlreadyExists { path }) if path.ends_with("a"))
    );

    assert_eq!(std::fs::read(temp.path().join("a")).unwrap(), b"two");
    assert_eq!(std::fs::read(temp.path().join("sub/b")).unwrap(), b"three");
    assert_eq!(names_in(temp.path()), ["a", "sub"]);
    assert_eq!(names_in(&temp.path().join("sub")), ["b", "c"]);
    for file in ["a", "sub/b", "sub/c"] {
        assert_eq!(mode_of(&temp.path().join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_staged_file_is_written_in_pieces_and_committed_once() {
    let (temp, dir) = scratch();
    let mut staged = dir.stage().unwrap();
    staged.write_all(b"one ").unwrap();
    staged.append(b"two").unwrap();
    assert!(staged.commit_new("a").unwrap());
    let mut second = dir.stage().unwrap();
    second.append(b"three").unwrap();
    assert!(!second.commit_new("a").unwrap(), "the name is taken");
    drop(dir.stage().unwrap());

    assert_eq!(std::fs::read(temp.path().join("a")).unwrap(), b"one two");
    assert_eq!(names_in(temp.path()), ["a"]);
}

#[test]
fn links_in_the_targets_place_are_replaced_and_not_followed() {
    let (temp, dir) = scratch();
    std::fs::write(temp.path().join("victim"), b"safe").unwrap();
    std::os::unix::fs::symlink("victim", temp.path().join("a")).unwrap();
    assert!(matches!(dir.create_new("a", b"x"), Err(FsError::AlreadyExists { .. })));
    dir.replace("a", b"new").unwrap();
    assert_eq!(std::fs::read(temp.path().join("victim")).unwrap(), b"safe");
    assert_eq!(dir.read_bounded("a", 9).unwrap(), b"new");
}

#[test]
fn names_are_moved_and_removed() {
    let (temp, dir) = scratch();
    dir.private_subdir("sub").unwrap();
    dir.replace("a", b"x").unwrap();
    dir.rename("a", "sub/b").unwrap();
    assert_eq!(names_in(temp.path()), ["sub"]);
    assert!(dir.remove_file("sub/b").unwrap());
    assert!(!dir.remove_file("sub/b").unwrap());
    assert!(dir.rename("a", "c").unwrap_err().is_not_found());
    assert!(dir.remove_file("sub").is_err(), "a directory is not a file");
}

#[test]
fn writers_of_one_name_never_mix_and_never_fail() {
    let (temp, dir) = scratch();
    let start = Barrier::new(9);
    let content = |writer: u8| vec![writer; 64 << 10];
    dir.replace("a", &content(0)).unwrap();
    std::thread::scope(|scope| {
        for writer in 1..=8 {
            let (dir, start) = (dir.clone(), &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..8 {
                    dir.replace("a", &content(writer)).unwrap();
                }
            });
        }
        start.wait();
        for _ in 0..200 {
            let seen = dir.read_bounded("a", 1 << 20).unwrap();
            assert_eq!(seen, content(seen[0]), "one writer's content, whole");
        }
    });
    assert_eq!(names_in(temp.path()), ["a"]);
}

#[test]
fn of_many_makers_of_one_name_one_wins() {
    let (_temp, dir) = scratch();
    let start = Barrier::new(8);
    let winners: Vec<u8> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|maker| {
                let (dir, start) = (dir.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    dir.create_new("a", &[maker; 100]).is_ok().then_some(maker)
                })
            })
            .collect();
        makers.into_iter().filter_map(|maker| maker.join().unwrap()).collect()
    });
    assert_eq!(winners.len(), 1);
    assert_eq!(dir.read_bounded("a", 1000).unwrap(), [winners[0]; 100]);
}

#[test]
fn a_sweep_takes_leftovers_and_spares_the_living() {
    let (temp, dir) = scratch();
    let mut living = dir.stage().unwrap();
    std::fs::write(temp.path().join(".casemate-staged-0123456789abcdef"), b"half").unwrap();
    std::fs::create_dir(temp.path().join(".casemate-staged-directory")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", temp.path().join(".casemate-staged-link")).unwrap();
    dir.replace("kept", b"x").unwrap();

    assert_eq!(dir.sweep_staged().unwrap(), 1);
    assert_eq!(dir.sweep_staged().unwrap(), 0);
    living.append(b"alive").unwrap();
    living.commit_replace("living").unwrap();
    assert_eq!(
        names_in(temp.path()),
        [".casemate-staged-directory", ".casemate-staged-link", "kept", "living"]
    );
}

#[test]
fn sweeping_all_the_time_disturbs_no_writer() {
    let (temp, dir) = scratch();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                dir.sweep_staged().unwrap();
            }
        });
        let _ending = Ending(&done);
        for _ in 0..5000 {
            let staged = dir.stage().unwrap();
            assert_eq!(names_in(temp.path()).len(), 1, "what is staged is there");
            drop(staged);
        }
        for round in 0..50_u32 {
            dir.replace("a", &round.to_be_bytes()).unwrap();
        }
    });
    assert_eq!(dir.read_bounded("a", 4).unwrap(), 49_u32.to_be_bytes());
    assert_eq!(names_in(temp.path()), ["a"]);
}
