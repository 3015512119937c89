use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use casemate_model::TaskId;
use casemate_tasks::Held;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// The tasks that run on this node now, and those who wait for the end of one.
pub(crate) struct Runs {
    slots: Arc<Semaphore>,
    slots_max: usize,
    woken: Notify,
    claimable: Notify,
    any_ended: Notify,
    running: Mutex<HashMap<Held, CancellationToken>>,
    waiting: Mutex<HashMap<TaskId, Vec<oneshot::Sender<()>>>>,
    handing_back: AtomicBool,
}

/// A place for one run, given back when it is dropped.
pub(crate) struct RunSlot {
    runs: Arc<Runs>,
    held: Held,
    /// Cancelled when the run must end now.
    pub(crate) cancel: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// Somebody who waits for the end of a task. Dropped, it leaves nothing behind.
pub(crate) struct EndOf {
    runs: Arc<Runs>,
    task: TaskId,
    ended: oneshot::Receiver<()>,
}

impl EndOf {
    /// Resolves when the task ends.
    pub(crate) async fn wait(&mut self) {
        // The sender goes with its map entry, and that only when the task ends.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for EndOf {
    fn drop(&mut self) {
        self.ended.close();
        let mut waiting = lock(&self.runs.waiting);
        if let Some(waiters) = waiting.get_mut(&self.task) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                waiting.remove(&self.task);
            }
        }
    }
}

impl Runs {
    pub(crate) fn new(slots_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots_max)),
            slots_max,
            woken: Notify::new(),
            claimable: Notify::new(),
            any_ended: Notify::new(),
            running: Mutex::default(),
            waiting: Mutex::default(),
            handing_back: AtomicBool::new(false),
        }
    }

    /// Lets the dispatcher, and nodes that wait, look for due tasks.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
        self.claimable.notify_waiters();
    }

    /// Resolves when tasks may be due.
    pub(crate) fn claimable(&self) -> tokio::sync::futures::Notified<'_> {
        self.claimable.notified()
    }

    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(crate) fn free_slots(&self) -> u32 {
        u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX)
    }

    /// Takes a place for a leased task; `None` if all are taken, which the dispatcher's counting rules out.
    pub(crate) fn enter(self: &Arc<Self>, held: Held) -> Option<RunSlot> {
        let place = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let cancel = CancellationToken::new();
        lock(&self.running).insert(held, cancel.clone());
        if self.handing_back.load(Ordering::SeqCst) {
            cancel.cancel();
        }
        Some(RunSlot { runs: Arc::clone(self), held, cancel, _place: place })
    }

    /// Ends the runs of `task` that are under way here.
    pub(crate) fn cancel(&self, task: TaskId) {
        let running = lock(&self.running);
        running.iter().filter(|(held, _)| held.task == task).for_each(|(_, cancel)| cancel.cancel());
    }

    /// Ends one run, if it is under way.
    pub(crate) fn cancel_run(&self, held: Held) {
        if let Some(cancel) = lock(&self.running).get(&held) {
            cancel.cancel();
        }
    }

    /// The leases that somebody works under here.
    pub(crate) fn held(&self) -> Vec<Held> {
        lock(&self.running).keys().copied().collect()
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

    /// Waits for the end of `task`. To miss nothing, call it before looking at the task.
    pub(crate) fn end_of(self: &Arc<Self>, task: TaskId) -> EndOf {
        let (sender, ended) = oneshot::channel();
        lock(&self.waiting).entry(task).or_default().push(sender);
        EndOf { runs: Arc::clone(self), task, ended }
    }

    /// Resolves when a task has ended here since it was asked the last time.
    pub(crate) async fn task_ended(&self) {
        self.any_ended.notified().await;
    }

    pub(crate) fn ended(&self, task: TaskId) {
        self.any_ended.notify_one();
        for waiter in lock(&self.waiting).remove(&task).unwrap_or_default() {
            // Whoever waited may have gone away.
            let _ = waiter.send(());
        }
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        lock(&self.runs.running).remove(&self.held);
        // A free slot of this server is none of a node's.
        self.runs.woken.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds the lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TaskId {
        let entropy = casemate_model::test_support::CountingEntropy::default();
        let now = casemate_model::Timestamp::from_millis(u64::from(number)).expect("early");
        TaskId::generate(now, &entropy)
    }

    #[tokio::test]
    async fn who_waits_learns_of_the_end_and_leaves_nothing_behind() {
        let runs = Arc::new(Runs::new(1));
        let (mut first, second) = (runs.end_of(id(1)), runs.end_of(id(1)));
        let other = runs.end_of(id(2));
        drop(second);
        runs.ended(id(1));
        first.wait().await;
        assert_eq!(lock(&runs.waiting).len(), 1, "the other task's");
        drop((first, other));
        assert_eq!(lock(&runs.waiting).len(), 0);
    }

    #[test]
    fn a_run_that_lost_its_lease_does_not_take_its_successor_along() {
        let runs = Arc::new(Runs::new(2));
        let old = Held { task: id(1), fence: 1 };
        let new = Held { fence: 2, ..old };
        let lost = runs.enter(old).expect("a place");
        let present = runs.enter(new).expect("another place");
        runs.cancel_run(old);
        assert!(lost.cancel.is_cancelled() && !present.cancel.is_cancelled());
        drop(lost);
        assert_eq!(runs.held(), [new]);
        runs.cancel(id(1));
        assert!(present.cancel.is_cancelled());
    }
}
