//! Tests of the jail with the attacker already inside: native code, run behind the same walls as a worker.
//!
//! Each probe runs in a process of its own, because some are killed. A probe tries one thing and reports what the
//! kernel said. It is denied when the kernel refused it (or hid it: a file outside does not exist), not when it
//! merely failed: an error such as EINVAL means that the attempt got through to the code behind the wall.
#![expect(clippy::disallowed_methods, reason = "it does what an escaped guest would do")]

mod calls;
mod files;
mod hostile;
mod processes;
mod system;

use std::ffi::{CString, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};

use crate::jail;
use crate::wire::message::Setup;
use crate::worker::{bounds, report, start_threads};
use casemate_model::RunLimits;

pub use hostile::run_hostile_worker_process;

/// What probes aim at.
pub(crate) struct Target {
    /// A directory outside the grant, with a file `secret` that everybody may read.
    outside: CString,
    /// The node, or who stands in for it.
    parent: usize,
}

/// One attempt. Negative results are error numbers.
pub(crate) type Attempt = fn(&Target) -> i64;

/// Error numbers by which the kernel refuses, or hides what is asked for.
const DENIALS: [i32; 5] = [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::ENOENT, libc::EXDEV];

fn all() -> impl Iterator<Item = &'static (&'static str, Attempt)> {
    files::PROBES.iter().chain(processes::PROBES).chain(system::PROBES)
}

/// The names of all probes.
pub fn names() -> Vec<&'static str> {
    all().map(|(name, _)| *name).collect()
}

/// The probes that must succeed without the jail, whatever user runs them: they show that a probe can succeed, so
/// that its denial means something. The others would harm the host, or need rights that a test may not have.
pub fn controls() -> Vec<&'static str> {
    vec![
        "read-outside",
        "write-outside",
        "create-outside",
        "list-outside",
        "stat-outside",
        "rename-out",
        "link-out",
        "symlink-follow",
        "read-etc-passwd",
        "climb-out",
        "read-own-environ",
        "make-fifo",
        "socket-inet",
        "socket-unix",
        "socket-netlink",
        "socket-pair",
        "fork",
        "signal-parent",
        "open-parent-pidfd",
        "memory-file",
        "shared-memory",
        "watch-files",
        "own-affinity",
    ]
}

/// The process behind a probe: `__probe NAME jailed|open SCRATCH OUTSIDE`. Prints `SUCCEEDED`, `denied(ERRNO)` or
/// `reached(ERRNO)`.
#[expect(clippy::print_stdout, reason = "the test reads it")]
pub fn run_probe_process() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(2).collect();
    let [name, mode, scratch, outside] = arguments.as_slice() else {
        return ExitCode::from(2);
    };
    let Some((_, attempt)) = all().find(|(known, _)| name == known) else {
        return ExitCode::from(2);
    };
    let outside = CString::new(outside.clone().into_vec()).expect("arguments hold no NUL");
    let parent = rustix::process::getppid().map_or(1, |pid| pid.as_raw_nonzero().get());
    let target = Target { outside, parent: usize::try_from(parent).expect("process ids are positive") };
    if mode == "jailed" {
        if let Err(error) = enter_jail(scratch) {
            return report(Err(error));
        }
    } else if std::env::set_current_dir(scratch).is_err() {
        return ExitCode::from(2);
    }
    let result = attempt(&target);
    let errno = i32::try_from(result.saturating_neg()).unwrap_or(0);
    match result {
        0.. => println!("SUCCEEDED"),
        _ if DENIALS.contains(&errno) => println!("denied({errno})"),
        _ => println!("reached({errno})"),
    }
    ExitCode::SUCCESS
}

/// Raises exactly the walls of a worker, in a worker's order.
fn enter_jail(scratch: &OsString) -> Result<(), crate::worker::WorkerError> {
    jail::close_inherited_descriptors()?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let scratch = rustix::fs::open(scratch, flags, Mode::empty())?;
    let ceiling = RunLimits::CEILING;
    let setup = Setup {
        uid: 65_534,
        memory_bytes_max: ceiling.memory_bytes,
        table_elements_max: ceiling.table_elements,
        output_bytes_max: ceiling.output_bytes,
        compiler: None,
    };
    let walls = jail::enter(Some(scratch.as_fd()), setup.uid, &bounds(&setup))?;
    let (runtime, _ticker, _walls) = start_threads(walls)?;
    // The worker's threads stay, as they do in a worker.
    std::mem::forget(runtime);
    std::mem::forget(scratch);
    Ok(())
}
