use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The program that is executed for worker and compiler processes. It must call
/// [`run_worker_process`](crate::run_worker_process) or [`run_compiler_process`](crate::run_compiler_process)
/// when its first argument says so.
#[derive(Clone, Debug, Default)]
pub enum WorkerProgram {
    /// The running program itself, even if its file has been replaced meanwhile.
    #[default]
    ThisExecutable,
    /// Another program.
    Path(PathBuf),
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Worker,
    Compiler,
}

impl Role {
    /// The first argument, by which the program knows its role.
    const fn argument(self) -> &'static str {
        match self {
            Self::Worker => "__worker",
            Self::Compiler => "__compiler",
        }
    }
}

/// Starts processes from one thread that lives as long as the sandbox.
///
/// The kernel kills a process "with its parent" when the parent's *thread* ends, and threads of an asynchronous
/// runtime come and go.
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    role: Role,
    channel: OwnedFd,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. Must be called within the runtime that will wait for the processes.
    pub(crate) fn start(program: WorkerProgram) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let runtime = Handle::current();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _runtime = runtime.enter();
            serve(&program, &received);
        })?;
        Ok(Self { orders })
    }

    /// Starts a process whose standard input is `channel`.
    pub(crate) async fn spawn(&self, role: Role, channel: OwnedFd) -> io::Result<Child> {
        let (reply, replied) = oneshot::channel();
        let gone = || io::Error::other("the spawner thread has ended");
        self.orders.send(Order { role, channel, reply }).map_err(|_| gone())?;
        replied.await.map_err(|_| gone())?
    }
}

fn serve(program: &WorkerProgram, orders: &mpsc::Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        let child = spawn(program, order.role, order.channel);
        // Whoever ordered it may have given up; the child dies with this value then.
        let _ = order.reply.send(child);
    }
}

fn spawn(program: &WorkerProgram, role: Role, channel: OwnedFd) -> io::Result<Child> {
    let mut command = match program {
        WorkerProgram::ThisExecutable => Command::new("/proc/self/exe"),
        WorkerProgram::Path(path) => Command::new(path),
    };
    command
        .arg(role.argument())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(channel))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}
