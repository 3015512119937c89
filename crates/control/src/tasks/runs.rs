use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use casemate_model::TaskId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// The tasks that run on this node now, and those who wait for the end of one.
pub(crate) struct Runs {
    slots: Arc<Semaphore>,
    slots_max: usize,
    woken: Notify,
    running: Mutex<HashMap<TaskId, CancellationToken>>,
    waiting: Mutex<HashMap<TaskId, Vec<oneshot::Sender<()>>>>,
    handing_back: AtomicBool,
}

/// A place for one run, given back when it is dropped.
pub(crate) struct RunSlot {
    runs: Arc<Runs>,
    task: TaskId,
    /// Cancelled when the run must end now.
    pub(crate) cancel: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Runs {
    pub(crate) fn new(slots_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots_max)),
            slots_max,
            woken: Notify::new(),
            running: Mutex::default(),
            waiting: Mutex::default(),
            handing_back: AtomicBool::new(false),
        }
    }

    /// Lets the dispatcher look for due tasks.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(crate) fn free_slots(&self) -> u32 {
        u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX)
    }

    /// Takes a place for `task`; `None` if all are taken, which the dispatcher's counting rules out.
    pub(crate) fn enter(self: &Arc<Self>, task: TaskId) -> Option<RunSlot> {
        let place = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let cancel = CancellationToken::new();
        lock(&self.running).insert(task, cancel.clone());
        if self.handing_back.load(Ordering::SeqCst) {
            cancel.cancel();
        }
        Some(RunSlot { runs: Arc::clone(self), task, cancel, _place: place })
    }

    /// Ends the run of `task`, if it runs here.
    pub(crate) fn cancel(&self, task: TaskId) {
        if let Some(cancel) = lock(&self.running).get(&task) {
            cancel.cancel();
        }
    }

    /// Ends all runs because the node stops; returns how many there were.
    pub(crate) fn stop_all(&self) -> usize {
        self.handing_back.store(true, Ordering::SeqCst);
        let running = lock(&self.running);
        running.values().for_each(CancellationToken::cancel);
        running.len()
    }

    /// Whether ended runs go back to the queue instead of counting as cancelled.
    pub(crate) fn is_handing_back(&self) -> bool {
        self.handing_back.load(Ordering::SeqCst)
    }

    /// Runs that are under way, and the most there can be.
    pub(crate) fn load(&self) -> (usize, usize) {
        (lock(&self.running).len(), self.slots_max)
    }

    /// Resolves when `task` ends. To miss nothing, call it before looking at the task.
    pub(crate) fn end_of(&self, task: TaskId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        let waiters = waiting.entry(task).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(sender);
        receiver
    }

    pub(crate) fn ended(&self, task: TaskId) {
        for waiter in lock(&self.waiting).remove(&task).unwrap_or_default() {
            // Whoever waited may have gone away.
            let _ = waiter.send(());
        }
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        lock(&self.runs.running).remove(&self.task);
        self.runs.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds the lock")
}
