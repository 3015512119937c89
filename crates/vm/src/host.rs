use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitStatus;

use casemate_fs::{Dir, FsError, PipeEnd, peer_process};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr};
use tokio::sync::mpsc;

use crate::arguments::{Arguments, Channels, Engine, OpenDisk, OpenKernel, Parts, TRANSLATED_MIB};
use crate::launch::{self, Cell, LaunchError, LauncherProgram, Order};
use crate::process::Process;
use crate::qmp::{Qmp, QmpError, QmpEvent};
use crate::spec::MachineSpec;

/// What machines are started with on this host.
#[derive(Clone, Debug)]
pub struct Host {
    /// The program that becomes QEMU.
    pub launcher: LauncherProgram,
    /// QEMU's own program, an absolute path.
    pub qemu: PathBuf,
}

/// A machine that is to run.
pub struct Start {
    /// What it is made of.
    pub spec: MachineSpec,
    /// Its directory, which is private and its own.
    pub dir: Dir,
    /// What QEMU is to call it: a UUID, by which it is known again.
    pub uuid: String,
    /// The user that its QEMU becomes, if the daemon may do that.
    pub uid: u32,
    /// What runs its processors.
    pub engine: Engine,
    /// The kernel, if it has one.
    pub kernel: Option<OpenKernel>,
    /// Its disks, in the order of the description.
    pub disks: Vec<OpenDisk>,
}

/// A machine that was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its directory could not be made ready.
    #[error("the directory of the machine could not be made ready")]
    Directory(#[from] FsError),
    /// Its kernel cannot be handed on.
    #[error("the kernel of the machine cannot be handed to QEMU")]
    Kernel(#[source] io::Error),
    /// Its process could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// QEMU ended at once.
    #[error("QEMU has ended at once: {0}")]
    Ended(String),
    /// QEMU does not speak.
    #[error("QEMU does not speak")]
    Silent(#[from] QmpError),
    /// The kernel of the host does not do what is needed.
    #[error("the process of the machine cannot be watched")]
    Watch(#[source] io::Error),
}

/// A QEMU that runs. It goes on without this value.
#[derive(Debug)]
pub struct Running {
    qmp: Qmp,
    events: mpsc::Receiver<QmpEvent>,
    process: Process,
    child: Option<Child>,
    stderr: Option<ChildStderr>,
    cell: Option<Cell>,
}

impl Host {
    /// Starts a machine.
    pub async fn start(&self, start: Start) -> Result<Running, StartError> {
        let dir = start.dir.clone();
        let order = prepared(self, start).await?;
        let launched = launch::launch(&self.launcher, &order.0, &order.1).await?;
        drop(order);
        let uid = launched.cell.user;
        let connected = connect(dir, uid).await;
        let (stream, process) = match connected {
            Ok(connected) => connected,
            Err(StartError::Directory(_) | StartError::Silent(_)) => {
                return Err(StartError::Ended(launch::last_words(launched.stderr).await));
            }
            Err(error) => return Err(error),
        };
        let (qmp, events) = match Qmp::connect(stream).await {
            Ok(connected) => connected,
            // It listens before it is QEMU, greets early, and ends if it does not like what it is told.
            Err(QmpError::Stranger(_) | QmpError::Gone) => {
                return Err(StartError::Ended(launch::last_words(launched.stderr).await));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Running {
            qmp,
            events,
            process,
            child: Some(launched.child),
            stderr: launched.stderr,
            cell: Some(launched.cell),
        })
    }
}

impl Running {
    /// Finds a machine that runs without us, by its directory and the user of its QEMU, as [`Cell::user`] had it; nothing if it
    /// does not run.
    pub async fn adopt(dir: Dir, user: Option<u32>) -> Result<Option<Self>, StartError> {
        let (stream, process) = match connect(dir, user).await {
            Ok(connected) => connected,
            Err(StartError::Directory(FsError::NobodyListens { .. })) => return Ok(None),
            Err(StartError::Directory(error)) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (qmp, events) = Qmp::connect(stream).await?;
        Ok(Some(Self { qmp, events, process, child: None, stderr: None, cell: None }))
    }

    /// Who asks it.
    pub const fn qmp(&self) -> &Qmp {
        &self.qmp
    }

    /// What stands around it, if it was started here.
    pub const fn cell(&self) -> Option<&Cell> {
        self.cell.as_ref()
    }

    /// The next thing that happens in it; nothing once QEMU does not speak any more.
    pub async fn event(&mut self) -> Option<QmpEvent> {
        self.events.recv().await
    }

    /// Kills it. By its descriptor, so never anybody else that has its number by now.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Waits for its end. How it ended is known only of one that was started here; and what it said.
    pub async fn ended(&mut self) -> (Option<ExitStatus>, String) {
        if let Some(child) = &mut self.child {
            let status = child.wait().await.ok();
            return (status, launch::last_words(self.stderr.take()).await);
        }
        self.process.ended().await;
        (None, String::new())
    }
}

/// Makes the directory ready, and says what is to be started.
async fn prepared(host: &Host, start: Start) -> Result<(Order, Vec<OwnedFd>), StartError> {
    let qemu = host.qemu.to_string_lossy().into_owned();
    let preparing = move || order(qemu, start);
    tokio::task::spawn_blocking(preparing).await.expect("preparing does not panic")
}

fn order(qemu: String, start: Start) -> Result<(Order, Vec<OwnedFd>), StartError> {
    let Start { spec, dir, uuid, uid, engine, kernel, disks } = start;
    let file_bytes = disks.iter().map(OpenDisk::file_bytes_max).max().unwrap_or(0);
    let parts = Parts { channels: channels(&dir)?, kernel, disks, engine, uuid };
    let arguments = Arguments::of(&spec, parts).map_err(StartError::Kernel)?;
    let order = Order {
        program: qemu,
        arguments: arguments.list,
        uid,
        listeners: 1,
        kvm: engine == Engine::Kvm,
        data_bytes: spec.memory.as_u64() + (TRANSLATED_MIB << 20) + OVERHEAD_BYTES,
        file_bytes,
    };
    Ok((order, arguments.descriptors))
}

/// Memory of a QEMU beside its guest's and what it translates.
const OVERHEAD_BYTES: u64 = 512 << 20;

fn channels(dir: &Dir) -> Result<Channels, FsError> {
    let control = dir.bind_private(CONTROL)?;
    for name in [SERIAL_OUT, SERIAL_IN] {
        dir.make_pipe(name)?;
    }
    // Held open first, as a pipe that nobody reads cannot be opened for writing.
    let held = [SERIAL_OUT, SERIAL_IN].map(|name| dir.open_pipe(name, PipeEnd::Both).map(OwnedFd::from));
    let [out, into] = held;
    Ok(Channels {
        control,
        serial_out: dir.open_pipe(SERIAL_OUT, PipeEnd::Write)?.into(),
        serial_in: dir.open_pipe(SERIAL_IN, PipeEnd::Read)?.into(),
        held: vec![out?, into?],
    })
}

/// Names in a machine's directory.
const CONTROL: &str = "control";
/// What the guest's first serial port says.
pub const SERIAL_OUT: &str = "serial.out";
/// What it is told.
pub const SERIAL_IN: &str = "serial.in";

async fn connect(dir: Dir, user: Option<u32>) -> Result<(UnixStream, Process), StartError> {
    // QEMU listens anew when it has become another user.
    let user = user.unwrap_or_else(|| rustix::process::geteuid().as_raw());
    let connecting = move || dir.connect_private(CONTROL, user);
    let stream = tokio::task::spawn_blocking(connecting).await.expect("connecting does not panic")?;
    let gone = || io::Error::other("it is gone, or the kernel is older than 6.5");
    let process = peer_process(stream.as_fd())?.ok_or_else(|| StartError::Watch(gone()))?;
    stream.set_nonblocking(true).map_err(StartError::Watch)?;
    let stream = UnixStream::from_std(stream).map_err(StartError::Watch)?;
    let process = Process::watch(process).map_err(StartError::Watch)?;
    Ok((stream, process))
}
