//! What a launcher does, in a process of its own with one thread.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use casemate_jail::{FileAccess, FileRule, Limit, Orphaned};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags};

use super::Cell;
use super::order::{self, Order, Reply};
use crate::arguments::FIRST_DESCRIPTOR;

/// Past all descriptors of a machine.
const CHANNEL_AT: i32 = 256;
/// Open descriptors of a QEMU.
const DESCRIPTORS_MAX: u64 = 1_024;
/// Threads of its own user, if it has one.
const THREADS_MAX: u64 = 512;
/// Connections that may wait for QEMU, which takes one at a time.
const BACKLOG: i32 = 1;

/// Where programs find what they are made of; QEMU's firmware; and what it may open besides. Those that a host lacks are left out.
const EXECUTED: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];
const READ: [&str; 5] =
    ["/usr/share/qemu", "/usr/share/seabios", "/usr/share/ovmf", "/usr/share/OVMF", "/etc/ld.so.cache"];
const DEVICES: [&str; 1] = ["/dev/null"];
const KVM: &str = "/dev/kvm";

#[derive(Debug, thiserror::Error)]
enum LauncherError {
    #[error("no order came")]
    Order(#[source] io::Error),
    #[error("descriptor {0} is not where it was to be")]
    Place(usize),
    #[error("could not {0}")]
    System(&'static str, #[source] Errno),
    #[error("a wall could not be raised")]
    Jail(#[from] casemate_jail::JailError),
    #[error("could not start `{0}`")]
    Program(String, #[source] io::Error),
}

/// The process behind `casemate __machine`. Call it first thing in `main`: it closes inherited descriptors, and the walls want a
/// process with one thread.
pub fn run_launcher_process() -> ExitCode {
    let channel = match channel() {
        Ok(channel) => channel,
        Err(_) => return ExitCode::FAILURE,
    };
    let Err(error) = launch(channel.as_fd());
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    // Whoever asked may be gone.
    let _ = order::reply(channel.as_fd(), &Reply::Failed(text));
    ExitCode::FAILURE
}

/// The channel to the daemon, which came as standard input. It goes where no descriptor of the machine will be, and ends when this
/// program does.
fn channel() -> Result<OwnedFd, LauncherError> {
    casemate_jail::close_descriptors_from(3)?;
    rustix::io::fcntl_dupfd_cloexec(io::stdin(), CHANNEL_AT).map_err(failed("keep the channel"))
}

fn launch(channel: BorrowedFd<'_>) -> Result<Infallible, LauncherError> {
    let (order, descriptors) = order::receive(channel).map_err(LauncherError::Order)?;
    check_places(&descriptors)?;
    let cell = raise(&order)?;
    for listener in descriptors.iter().take(order.listeners) {
        // Here, so that who connects is told of this process and its user, and not of the daemon that made the socket.
        rustix::net::listen(listener, BACKLOG).map_err(failed("listen"))?;
    }
    order::reply(channel, &Reply::Raised(cell)).map_err(LauncherError::Order)?;
    become_program(&order, &descriptors)
}

/// The numbers are in the command line already.
fn check_places(descriptors: &[OwnedFd]) -> Result<(), LauncherError> {
    for (index, descriptor) in descriptors.iter().enumerate() {
        if usize::try_from(descriptor.as_raw_fd()) != Ok(FIRST_DESCRIPTOR + index) {
            return Err(LauncherError::Place(index));
        }
    }
    Ok(())
}

fn raise(order: &Order) -> Result<Cell, LauncherError> {
    let opened = open_files(order)?;
    let rules: Vec<_> =
        opened.iter().map(|(file, access)| FileRule { at: file.as_fd(), access: *access }).collect();
    casemate_jail::leave_session()?;
    let network_namespace = casemate_jail::leave_namespaces();
    let user = casemate_jail::become_user(order.uid)?;
    let capabilities_dropped = casemate_jail::drop_capabilities()?;
    casemate_jail::seal(Orphaned::Lives)?;
    let mut limits = vec![
        Limit::Descriptors(DESCRIPTORS_MAX),
        Limit::Data(order.data_bytes),
        Limit::FileSize(order.file_bytes),
    ];
    limits.extend(user.map(|_| Limit::Processes(THREADS_MAX)));
    casemate_jail::limit(&limits)?;
    let landlock_abi = casemate_jail::allow_only(&rules)?;
    Ok(Cell { landlock_abi, capabilities_dropped, user, network_namespace })
}

/// Opens what the rules speak of. The program must be there.
fn open_files(order: &Order) -> Result<Vec<(OwnedFd, FileAccess)>, LauncherError> {
    let mut files = vec![(open(&order.program).map_err(failed("find QEMU"))?, FileAccess::Execute)];
    if order.kvm {
        files.push((open(KVM).map_err(failed("find the device of KVM"))?, FileAccess::Device));
    }
    let lists: [(&[&str], FileAccess); 3] =
        [(&EXECUTED, FileAccess::Execute), (&READ, FileAccess::Read), (&DEVICES, FileAccess::Device)];
    for (paths, access) in lists {
        for path in paths {
            match open(path) {
                Ok(file) => files.push((file, access)),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed("open what QEMU is made of")(errno)),
            }
        }
    }
    Ok(files)
}

fn open(path: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

fn become_program(order: &Order, descriptors: &[OwnedFd]) -> Result<Infallible, LauncherError> {
    for descriptor in descriptors {
        rustix::io::fcntl_setfd(descriptor, FdFlags::empty()).map_err(failed("pass a descriptor on"))?;
    }
    let mut program = Command::new(&order.program);
    let error = program.args(&order.arguments).env_clear().stdin(Stdio::null()).exec();
    Err(LauncherError::Program(order.program.clone(), error))
}

fn failed(what: &'static str) -> impl FnOnce(Errno) -> LauncherError {
    move |errno| LauncherError::System(what, errno)
}
