//! From a command line to a running QEMU in its cell.
//!
//! ```text
//! daemon      starts itself anew as a launcher, sends one order with descriptors, and reads one reply
//! launcher    listens, raises its walls, replies, and becomes QEMU: the process, and so its number, stay the same
//! ```
//!
//! QEMU is no child that dies with its parent: a daemon that is gone leaves its machines running, and the next one finds them.

mod cell;
mod order;
mod process;

pub use cell::Cell;
pub use process::run_launcher_process;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};

pub(crate) use order::Order;
use order::Reply;

/// How long raising the walls may take on a busy host.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How much of a dying QEMU's standard error is read.
const LAST_WORDS_BYTES: u64 = 4_096;

/// The program that becomes QEMU. It must call [`run_launcher_process`] when its first argument is `__machine`.
#[derive(Clone, Debug, Default)]
pub enum LauncherProgram {
    /// The running program itself, even if its file has been replaced meanwhile.
    #[default]
    ThisExecutable,
    /// Another program.
    Path(PathBuf),
}

/// A machine's process was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The launcher could not be started, or not be spoken to.
    #[error("the process of the machine could not be started")]
    Spawn(#[source] io::Error),
    /// The launcher has said why.
    #[error("the cell of the machine could not be made: {0}")]
    Cell(String),
    /// It has said nothing.
    #[error("the process of the machine ended before it began: {0}")]
    Silent(String),
}

/// A process that has become QEMU.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The process. It is not killed with this value.
    pub(crate) child: Child,
    /// What stands around it.
    pub(crate) cell: Cell,
    /// What it says when it cannot go on.
    pub(crate) stderr: Option<ChildStderr>,
}

/// Starts QEMU as the order says, with the descriptors in their order.
pub(crate) async fn launch(
    program: &LauncherProgram,
    order: &Order,
    descriptors: &[OwnedFd],
) -> Result<Launched, LaunchError> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|errno| LaunchError::Spawn(errno.into()))?;
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    // It fits into the socket's buffer, so it is sent before anybody reads.
    order::send(&ours, order, &borrowed).map_err(LaunchError::Spawn)?;
    let mut child = spawn(program, theirs).map_err(LaunchError::Spawn)?;
    let stderr = child.stderr.take();
    let mut launched = Launched { child, cell: Cell::default(), stderr };
    match tokio::time::timeout(READY_WITHIN, replies(ours)).await {
        Ok(Ok(cell)) => {
            launched.cell = cell;
            Ok(launched)
        }
        Ok(Err(error)) => Err(bury(launched, error).await),
        Err(_) => Err(bury(launched, None).await),
    }
}

/// Reads until the launcher has become QEMU, which closes its end.
async fn replies(channel: OwnedFd) -> Result<Cell, Option<String>> {
    // It is a socket of packets, and waits like any other.
    let channel = StdUnixStream::from(channel);
    channel.set_nonblocking(true).map_err(|_| None)?;
    let channel = UnixStream::from_std(channel).map_err(|_| None)?;
    let mut raised = None;
    loop {
        let reply = channel.async_io(tokio::io::Interest::READABLE, || order::read_reply(channel.as_fd()));
        match reply.await {
            Ok(Some(Reply::Raised(cell))) => raised = Some(cell),
            Ok(Some(Reply::Failed(reason))) => return Err(Some(reason)),
            Ok(None) => return raised.ok_or(None),
            Err(_) => return Err(None),
        }
    }
}

async fn bury(mut launched: Launched, reason: Option<String>) -> LaunchError {
    // It may have ended already, which is what is wanted.
    let _ = launched.child.start_kill();
    let status = launched.child.wait().await;
    if let Some(reason) = reason {
        return LaunchError::Cell(reason);
    }
    let words = last_words(launched.stderr).await;
    LaunchError::Silent(match status {
        Ok(status) => format!("{status} {words}").trim().to_owned(),
        Err(_) => words,
    })
}

/// What a process wrote to its standard error before it ended.
pub(crate) async fn last_words(stderr: Option<ChildStderr>) -> String {
    let Some(stderr) = stderr else { return String::new() };
    let mut words = Vec::new();
    let mut stderr = stderr.take(LAST_WORDS_BYTES);
    let read = stderr.read_to_end(&mut words);
    let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
    String::from_utf8_lossy(&words).trim().to_owned()
}

fn spawn(program: &LauncherProgram, channel: OwnedFd) -> io::Result<Child> {
    let mut command = match program {
        LauncherProgram::ThisExecutable => Command::new("/proc/self/exe"),
        LauncherProgram::Path(path) => Command::new(path),
    };
    command
        .arg("__machine")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(channel))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(false)
        .spawn()
}
