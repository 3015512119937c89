use std::os::fd::AsFd;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use casemate_fs::{Dir, FsError};
use tokio::sync::mpsc;

use crate::error::SandboxError;
use crate::pool::Idle;
use crate::process::Process;
use crate::sandbox::Shared;
use crate::spawner::{Role, Spawner};
use crate::walls::Walls;
use crate::wire::message::Setup;

/// What the keeper is asked to do.
pub(crate) enum Order {
    /// A worker is done for: see it dead, then remove what it left.
    Retire(Box<Body>),
    /// There may be too few fresh workers.
    Refill,
}

/// A worker process with its scratch directory. Dropped, it is killed at once and handed to the keeper.
pub(crate) struct Worker {
    body: Option<Box<Body>>,
    orders: mpsc::UnboundedSender<Order>,
}

/// The parts of a [`Worker`].
pub(crate) struct Body {
    process: Process,
    scratch: String,
}

impl Worker {
    /// The process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.body.as_mut().expect("only drop takes the body").process
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut body) = self.body.take() {
            body.process.kill();
            // Without a keeper the sandbox is gone; the next start sweeps the directory.
            let _ = self.orders.send(Order::Retire(body));
        }
    }
}

/// Makes workers.
pub(crate) struct Nursery {
    spawner: Spawner,
    setup: Setup,
    scratch: Dir,
    orders: mpsc::UnboundedSender<Order>,
    started: AtomicU64,
}

impl Nursery {
    pub(crate) fn new(
        spawner: Spawner,
        setup: Setup,
        scratch: Dir,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        Self { spawner, setup, scratch, orders, started: AtomicU64::new(0) }
    }

    /// What starts processes.
    pub(crate) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// What processes are told.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How many workers have been started.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Asks for fresh workers, if they are too few.
    pub(crate) fn order_refill(&self) {
        let _ = self.orders.send(Order::Refill);
    }

    /// Starts one worker with an empty scratch directory of its own.
    pub(crate) async fn start(&self) -> Result<(Worker, Walls), SandboxError> {
        let name = format!("w{}", self.started.fetch_add(1, Ordering::Relaxed));
        let scratch = {
            let (parent, name, uid) = (self.scratch.clone(), name.clone(), self.setup.uid);
            off_runtime(move || make_scratch(&parent, &name, uid)).await?
        };
        let started = Process::start(&self.spawner, Role::Worker, &self.setup, Some(scratch.as_fd())).await;
        let (process, walls) = match started {
            Ok(started) => started,
            Err(error) => {
                remove_scratch(self.scratch.clone(), name).await;
                return Err(error);
            }
        };
        let body = Box::new(Body { process, scratch: name });
        Ok((Worker { body: Some(body), orders: self.orders.clone() }, walls))
    }
}

fn make_scratch(parent: &Dir, name: &str, uid: u32) -> Result<Dir, FsError> {
    let scratch = parent.private_subdir(name)?;
    if rustix::process::geteuid().is_root() {
        // The worker leaves root for this user. If the host maps none such, it stays what it is, and so does this.
        let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(uid));
        let _ = rustix::fs::fchown(&scratch, Some(user), Some(group));
    }
    Ok(scratch)
}

async fn off_runtime<T, F>(work: F) -> Result<T, SandboxError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, FsError> + Send + 'static,
{
    let joined = tokio::task::spawn_blocking(work).await;
    joined
        .map_err(SandboxError::directory("work"))?
        .map_err(SandboxError::directory("make a scratch directory"))
}

async fn remove_scratch(parent: Dir, name: String) {
    let removed = tokio::task::spawn_blocking(move || parent.remove_subdir(&name)).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(error = &error as &dyn std::error::Error, "a scratch directory was not removed");
    }
}

/// Carries out orders one after the other, until nobody is left to give any.
pub(crate) async fn keep(shared: Weak<Shared>, scratch: Dir, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Retire(mut body) => {
                body.process.ended().await;
                remove_scratch(scratch.clone(), body.scratch).await;
            }
            Order::Refill => {
                let Some(shared) = shared.upgrade() else {
                    continue;
                };
                if !shared.wants_fresh_worker() {
                    continue;
                }
                match shared.nursery().start().await {
                    Ok((worker, _)) => shared.put(Idle::fresh(worker)),
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "no worker could be started"
                        );
                    }
                }
            }
        }
    }
}
