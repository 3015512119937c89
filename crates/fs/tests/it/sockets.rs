use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};

use casemate_fs::{Dir, FsError, connect_private, peer_uid};
use tempfile::TempDir;

use crate::{Ending, NOBODY, mode_of, names_in, set_mode};

fn private() -> (TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open_private(&temp.path().join("run")).unwrap();
    (temp, dir)
}

fn umask() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("Umask:")).unwrap().to_owned()
}

#[test]
fn a_socket_is_private_from_its_first_instant_and_the_umask_stays() {
    let (_temp, dir) = private();
    let path = dir.path().join("socket");
    let done = AtomicBool::new(false);
    let before = umask();
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                if let Ok(stat) = rustix::fs::lstat(&path) {
                    seen.insert((stat.st_mode & 0o7777, umask()));
                }
            }
            seen
        });
        let ending = Ending(&done);
        for _ in 0..500 {
            drop(dir.listen_private("socket").unwrap());
        }
        drop(ending);
        watcher.join().unwrap()
    });
    assert_eq!(seen, BTreeSet::from([(0o600, before)]));
}

#[test]
fn both_ends_meet_and_know_each_other() {
    let (_temp, dir) = private();
    let listener = dir.listen_private("socket").unwrap();
    let mut client = connect_private(&dir.path().join("socket")).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"hello").unwrap();
    drop(client);
    let us = rustix::process::geteuid().as_raw();
    assert_eq!(peer_uid(&server).unwrap(), us);
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn a_path_longer_than_an_address_works() {
    let (temp, _) = private();
    let long = temp.path().join("x".repeat(200)).join("y".repeat(200));
    let dir = Dir::open_private(&long).unwrap();
    let listener = dir.listen_private("socket").unwrap();
    let _client = connect_private(&long.join("socket")).unwrap();
    listener.accept().unwrap();
}

#[test]
fn only_a_stale_socket_of_ours_makes_way() {
    let (_temp, dir) = private();
    let path = dir.path().join("socket");
    let live = dir.listen_private("socket").unwrap();
    let error = dir.listen_private("socket").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("another process listens on `{}`; stop it, or choose another directory", path.display())
    );
    drop(live);
    assert!(matches!(connect_private(&path), Err(FsError::NobodyListens { .. })));
    drop(dir.listen_private("socket").unwrap());

    std::fs::remove_file(&path).unwrap();
    assert!(connect_private(&path).unwrap_err().is_not_found());
    std::fs::write(&path, b"a file").unwrap();
    assert!(matches!(dir.listen_private("socket"), Err(FsError::NotASocket { .. })));
    assert!(matches!(connect_private(&path), Err(FsError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"a file");

    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(matches!(dir.listen_private("socket"), Err(FsError::NotASocket { .. })));
    assert_eq!(names_in(dir.path()), ["socket"]);
}

#[test]
fn a_listener_with_a_full_queue_still_counts_as_listening() {
    let (_temp, dir) = private();
    let _live = dir.listen_private("socket").unwrap();
    let mut waiting = Vec::new();
    for _ in 0..400 {
        let socket = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::NONBLOCK,
            None,
        )
        .unwrap();
        let address = rustix::net::SocketAddrUnix::new(dir.path().join("socket")).unwrap();
        match rustix::net::connect(&socket, &address) {
            Ok(()) => waiting.push(socket),
            Err(errno) => {
                assert_eq!(errno, rustix::io::Errno::AGAIN);
                assert!(matches!(dir.listen_private("socket"), Err(FsError::SocketInUse { .. })));
                return;
            }
        }
    }
    panic!("the queue never filled");
}

#[test]
fn two_that_start_at_once_cannot_both_listen() {
    let (_temp, dir) = private();
    for _ in 0..1000 {
        // The one of the last round is stale by now.
        let start = std::sync::Barrier::new(4);
        let listeners: Vec<UnixListener> = std::thread::scope(|scope| {
            let starters: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        dir.listen_private("socket").ok()
                    })
                })
                .collect();
            starters.into_iter().filter_map(|starter| starter.join().unwrap()).collect()
        });
        assert_eq!(listeners.len(), 1);
        let _client = UnixStream::connect(dir.path().join("socket")).unwrap();
        listeners[0].accept().unwrap();
    }
}

#[test]
fn an_open_directory_or_socket_is_not_used() {
    let (_temp, dir) = private();
    let path = dir.path().join("socket");
    let _live = dir.listen_private("socket").unwrap();
    set_mode(&path, 0o666);
    assert!(matches!(connect_private(&path), Err(FsError::NotPrivate { mode: 0o666, .. })));
    set_mode(&path, 0o600);
    set_mode(dir.path(), 0o755);
    assert!(matches!(connect_private(&path), Err(FsError::NotPrivate { mode: 0o755, .. })));
    assert!(matches!(dir.listen_private("other"), Err(FsError::NotPrivate { mode: 0o755, .. })));
    assert_eq!(mode_of(&path), 0o600);
}

#[test]
fn somebody_elses_socket_is_neither_used_nor_removed() {
    let (_temp, dir) = private();
    let path = dir.path().join("socket");
    drop(dir.listen_private("socket").unwrap());
    if !rustix::process::geteuid().is_root() {
        // Only root can give a socket away; for others any directory of root's will do.
        assert!(matches!(connect_private("/usr/socket".as_ref()), Err(FsError::WrongOwner { owner: 0, .. })));
        return;
    }
    std::os::unix::fs::chown(&path, Some(NOBODY), None).unwrap();
    assert!(matches!(connect_private(&path), Err(FsError::WrongOwner { owner: NOBODY, .. })));
    assert!(matches!(dir.listen_private("socket"), Err(FsError::WrongOwner { owner: NOBODY, .. })));
    assert_eq!(names_in(dir.path()), ["socket"]);
}
