//! The kernel's way and the walk, held to the same table and the same race.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags};

use super::*;

type Opener = fn(BorrowedFd<'_>, &Relative<'_>, OFlags) -> Result<OwnedFd>;

const OPENERS: [(&str, Opener); 3] = [("kernel", open_by_kernel), ("walk", open_by_walk), ("either", open)];

fn read(opener: Opener, dir: BorrowedFd<'_>, path: &str) -> Result<String> {
    let fd = opener(dir, &Relative::parse(path).unwrap(), OFlags::RDONLY)?;
    let mut text = String::new();
    std::fs::File::from(fd).read_to_string(&mut text).unwrap();
    Ok(text)
}

#[test]
fn both_ways_agree_on_every_case() {
    let temp = tempfile::tempdir().unwrap();
    let at = |path: &str| temp.path().join(path);
    std::fs::create_dir_all(at("a/b")).unwrap();
    std::fs::write(at("a/b/file"), "text").unwrap();
    std::fs::write(at("file"), "top").unwrap();
    symlink("a", at("link")).unwrap();
    symlink("/etc/passwd", at("a/absolute")).unwrap();
    symlink("file", at("a/b/alias")).unwrap();
    symlink("/proc/self/root", at("magic")).unwrap();
    let dir = std::fs::File::open(temp.path()).unwrap();

    for (way, opener) in OPENERS {
        let cases = [
            ("file", Ok("top".to_owned())),
            ("a/b/file", Ok("text".to_owned())),
            ("a/b/absent", Err(Errno::NOENT)),
            ("absent/file", Err(Errno::NOENT)),
            ("file/below", Err(Errno::NOTDIR)),
            ("link/b/file", Err(Errno::LOOP)),
            ("a/absolute", Err(Errno::LOOP)),
            ("a/b/alias", Err(Errno::LOOP)),
            ("magic/etc/passwd", Err(Errno::LOOP)),
        ];
        for (path, expected) in cases {
            assert_eq!(read(opener, dir.as_fd(), path), expected, "{way}: {path}");
        }
        let link = opener(dir.as_fd(), &Relative::parse("link").unwrap(), OFlags::RDONLY | OFlags::DIRECTORY);
        assert_eq!(link.map(drop), Err(Errno::LOOP), "{way}");
        let fd = opener(dir.as_fd(), &Relative::parse("file").unwrap(), OFlags::RDONLY).unwrap();
        assert!(rustix::io::fcntl_getfd(&fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC), "{way}");
    }
}

#[test]
fn a_swapped_part_never_leads_out() {
    for (way, opener) in OPENERS {
        let temp = tempfile::tempdir().unwrap();
        for (path, text) in [("outside/b", "outside"), ("inside/a/b", "inside")] {
            std::fs::create_dir_all(temp.path().join(path)).unwrap();
            std::fs::write(temp.path().join(path).join("file"), text).unwrap();
        }
        let (part, link) = (temp.path().join("inside/a"), temp.path().join("inside/link"));
        symlink(temp.path().join("outside"), &link).unwrap();
        let dir = std::fs::File::open(temp.path().join("inside")).unwrap();
        let done = AtomicBool::new(false);
        let results = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(CWD, &part, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            // Bounded, so that an opener that never gives one of the two answers fails instead of going on.
            let mut results = Vec::new();
            for _ in 0..ATTEMPTS_MAX {
                results.push(read(opener, dir.as_fd(), "a/b/file"));
                let inside = results.iter().filter(|result| result.is_ok()).count();
                if inside >= ENOUGH && results.len() - inside >= ENOUGH {
                    break;
                }
            }
            done.store(true, Ordering::Relaxed);
            results
        });
        for result in results {
            assert!(result == Ok("inside".to_owned()) || result == Err(Errno::LOOP), "{way}: {result:?}");
        }
    }
}

const ENOUGH: usize = 200;
const ATTEMPTS_MAX: usize = 20_000;
