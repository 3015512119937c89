#![expect(unsafe_code, reason = "close_range, signal dispositions and turns have no safe form")]

use std::time::Duration;

use rustix::process::{DumpableBehavior, Signal};

use super::{JailError, attempt};

/// Closes all descriptors from `first` on.
pub(super) fn close_from(first: u32) -> Result<(), JailError> {
    // SAFETY: this runs first in a process that has just been executed, before it opened anything, so no Rust
    // object owns a descriptor from `first` on, and none can be left dangling.
    let result = unsafe { libc::close_range(first, u32::MAX, 0) };
    if result == 0 {
        return Ok(());
    }
    Err(attempt("close inherited descriptors")(last_error()))
}

/// Leaves the node's session and process group, so that its terminal signals do not reach the process and the
/// process cannot signal the group.
pub(super) fn leave_session() -> Result<(), JailError> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Fails only for a group leader, which has a session of its own already.
    let _ = rustix::process::setsid();
    Ok(())
}

/// How long a guest computes before others on the same processor have their turn; the kernel's own choice is about 3 ms. The
/// shortest that Linux takes is 0.1 ms.
const TURN: Duration = Duration::from_micros(500);

/// Asks for short turns on the processor, so that whoever wakes up waits little for guests that compute. Linux before 6.12
/// passes over it.
pub(super) fn take_short_turns() {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default(),
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: rustix::process::getpriority_process(None).unwrap_or_default(),
        sched_priority: 0,
        sched_runtime: u64::try_from(TURN.as_nanos()).unwrap_or_default(),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads as many bytes from the pointer as `size` says, which is those of the value behind it.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// Makes the process one that cannot gain privileges, cannot be inspected, and does not outlive the node.
///
/// Comes after every change of user: the kernel forgets the death signal and resets dumpability on those.
pub(super) fn seal() -> Result<(), JailError> {
    rustix::thread::set_no_new_privs(true).map_err(attempt("forbid new privileges"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(attempt("forbid core dumps and inspection"))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(attempt("die with the node"))?;
    ignore_file_size_signal()
}

/// Turns the signal for a file over its size limit into a plain error of the write, which the guest sees.
fn ignore_file_size_signal() -> Result<(), JailError> {
    // SAFETY: `SIG_IGN` installs no handler, so there is no code of ours that could run in signal context.
    let previous = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if previous == libc::SIG_ERR {
        return Err(attempt("ignore the file-size signal")(last_error()));
    }
    Ok(())
}

fn last_error() -> rustix::io::Errno {
    let error = std::io::Error::last_os_error();
    rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::INVAL)
}
