#![expect(unsafe_code, reason = "close_range and signal dispositions have no safe form")]

use rustix::process::{DumpableBehavior, Signal};

use crate::JailError;
use crate::error::attempt;

/// Closes all descriptors from `first` on. Must come first in the process.
pub fn close_descriptors_from(first: u32) -> Result<(), JailError> {
    // SAFETY: this runs first in a process that has just been executed, before it opened anything, so no Rust
    // object owns a descriptor from `first` on, and none can be left dangling.
    let result = unsafe { libc::close_range(first, u32::MAX, 0) };
    if result == 0 {
        return Ok(());
    }
    Err(attempt("close inherited descriptors")(last_error()))
}

/// Leaves the parent's session and process group, so that the signals of its terminal do not reach the process and the process
/// cannot signal the group; and makes what it creates private.
pub fn leave_session() -> Result<(), JailError> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Fails only for a group leader, which has a session of its own already.
    let _ = rustix::process::setsid();
    Ok(())
}

/// What becomes of a process whose parent has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphaned {
    /// It is killed.
    Dies,
    /// It goes on.
    Lives,
}

/// Makes the process one that cannot gain privileges and cannot be inspected, and says what becomes of it without its parent.
///
/// Comes after every change of user: the kernel forgets the death signal and resets dumpability on those.
pub fn seal(orphaned: Orphaned) -> Result<(), JailError> {
    rustix::thread::set_no_new_privs(true).map_err(attempt("forbid new privileges"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(attempt("forbid core dumps and inspection"))?;
    if orphaned == Orphaned::Dies {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(attempt("die with the parent"))?;
    }
    ignore_file_size_signal()
}

/// Turns the signal for a file over its size limit into a plain error of the write, which whoever is inside sees.
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
