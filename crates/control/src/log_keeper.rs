use std::sync::{Arc, Mutex};
use std::time::Duration;

use casemate_ledger::{Inclusion, Log, LogError, TilePath, TileSource as _, TileStore};
use casemate_model::Timestamp;

use crate::{Change, Control, ControlError};

/// How long after an entry the checkpoint that covers it is signed, at most, on an idle node.
const BUILD_INTERVAL: Duration = Duration::from_millis(200);

/// Most entries that one checkpoint adds.
const BUILD_BATCH: u32 = 4_096;

/// The Merkle log over the audit entries: tiles and signed checkpoints.
///
/// Only the node's own background task appends; requests prove from what is signed. All of it blocks, so it runs off the runtime.
#[derive(Clone)]
pub struct LogKeeper {
    log: Arc<Mutex<Log<Arc<dyn TileStore>>>>,
    /// When the newest checkpoint was signed by this process.
    signed: Arc<Mutex<Option<Timestamp>>>,
}

impl LogKeeper {
    /// Keeps `log`.
    pub fn new(log: Log<Arc<dyn TileStore>>) -> Self {
        Self { log: Arc::new(Mutex::new(log)), signed: Arc::default() }
    }

    /// The number of entries that the newest checkpoint covers, and when it was signed; `None` before this process
    /// has signed one.
    pub(crate) fn checkpoint_size_and_time(&self) -> Option<(u64, Timestamp)> {
        let signed = *lock(&self.signed);
        signed.map(|at| (lock(&self.log).size(), at))
    }

    fn size(&self) -> u64 {
        lock(&self.log).size()
    }

    async fn append(&self, entries: Vec<Vec<u8>>, now: Timestamp) -> Result<u64, LogError> {
        let keeper = self.clone();
        off_runtime(move || {
            let mut log = lock(&keeper.log);
            let size = log.append(&entries)?.size();
            *lock(&keeper.signed) = Some(now);
            Ok(size)
        })
        .await
    }

    pub(crate) async fn prove(&self, sequence: u64) -> Result<Inclusion, LogError> {
        let keeper = self.clone();
        off_runtime(move || lock(&keeper.log).prove(sequence)).await
    }

    pub(crate) fn checkpoint(&self) -> String {
        lock(&self.log).checkpoint().to_string()
    }

    pub(crate) async fn file(&self, path: TilePath) -> Result<Option<Vec<u8>>, LogError> {
        let keeper = self.clone();
        off_runtime(move || {
            let store = Arc::clone(lock(&keeper.log).store());
            Ok(store.read(path)?)
        })
        .await
    }
}

/// Moves audit entries into the log as they come.
pub(crate) async fn keep(control: Control) {
    let mut ticks = tokio::time::interval(BUILD_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let stopping = tokio::select! {
            () = control.stopping.cancelled() => true,
            _ = ticks.tick() => false,
        };
        if let Err(error) = control.build_log().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "audit entries could not be moved into the log"
            );
        }
        if stopping {
            return;
        }
    }
}

impl Control {
    /// Appends all entries that the log lacks.
    async fn build_log(&self) -> Result<(), ControlError> {
        loop {
            let entries = self.parts.audit.entries(self.parts.log.size(), BUILD_BATCH).await?;
            let count = entries.len();
            if count == 0 {
                return Ok(());
            }
            let size = self.parts.log.append(entries, self.now()).await?;
            metrics::gauge!("casemate_log_size").set(precise(size));
            self.feed.publish(None, Change::Log { size });
            if count < BUILD_BATCH as usize {
                return Ok(());
            }
        }
    }
}

/// A count as a gauge wants it.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 entries")]
fn precise(count: u64) -> f64 {
    count as f64
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds the lock")
}

async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
