//! The promises of the crate, kept against real disks, real races and replayed crashes.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests prepare and inspect files behind the crate's back"
)]

mod crashes;
mod directories;
mod faults;
mod locks;
mod policies;
mod private;
mod races;
mod scratch;
mod sealed_bytes;
mod sockets;
mod staging;
mod user_files;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use casemate_fs::Dir;
use tempfile::TempDir;

/// A directory of the test's own, opened.
fn scratch() -> (TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open(temp.path()).unwrap();
    (temp, dir)
}

fn mode_of(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn names_in(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Tells a thread that runs beside a test to end, also when the test panics.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A directory that belongs to another user, whoever runs the test: root gives one away, others have `/usr`.
fn somebody_elses(temp: &TempDir) -> std::path::PathBuf {
    if !rustix::process::geteuid().is_root() {
        return "/usr".into();
    }
    let path = temp.path().join("theirs");
    std::fs::create_dir(&path).unwrap();
    std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    path
}

/// A user id that is not ours.
const NOBODY: u32 = 65_534;
