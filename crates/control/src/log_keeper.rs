use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use casemate_ledger::{
    Checkpoint, Cosignature, Inclusion, Log, LogError, TilePath, TileSource as _, TileStore, TreeHash,
};
use casemate_model::{Digest, Timestamp};
use tokio::sync::watch;

use crate::{Change, Control, ControlError};

/// How long after an entry the checkpoint that covers it is signed, at most, on an idle node.
const BUILD_INTERVAL: Duration = Duration::from_millis(200);

/// Most entries that one checkpoint adds.
const BUILD_BATCH: u32 = 4_096;

/// Checkpoints that witnesses have seen and that are kept: a witness that is slower than others comes to be among them, too.
const COSIGNED_MAX: usize = 16;

/// How long somebody waits for a checkpoint over what was written a moment ago.
const COVER_WAIT: Duration = Duration::from_secs(2);

/// The Merkle log over the audit entries: tiles and signed checkpoints.
///
/// Only the node's own background task appends. That blocks, so it runs off the runtime, and what requests ask most is
/// published beside it.
#[derive(Clone)]
pub struct LogKeeper {
    log: Arc<Mutex<Log<Arc<dyn TileStore>>>>,
    published: Arc<RwLock<Published>>,
    /// The number of entries under the newest checkpoint, for those who wait for more.
    covered: watch::Sender<u64>,
}

/// What the log is known to be.
#[derive(Clone)]
struct Published {
    size: u64,
    checkpoint: Arc<str>,
    /// Checkpoints that witnesses have seen, the newest last.
    cosigned: Vec<Arc<Checkpoint>>,
    /// When this process signed it.
    signed: Option<Timestamp>,
    /// Since when the log could not be made longer.
    failing: Option<Timestamp>,
}

impl LogKeeper {
    /// Keeps `log`.
    pub fn new(log: Log<Arc<dyn TileStore>>) -> Self {
        let published = Published {
            size: log.size(),
            checkpoint: log.checkpoint().to_string().into(),
            cosigned: Vec::new(),
            signed: None,
            failing: None,
        };
        let covered = watch::Sender::new(log.size());
        Self { log: Arc::new(Mutex::new(log)), published: Arc::new(RwLock::new(published)), covered }
    }

    /// The number of entries that the newest checkpoint covers, and when it was signed; `None` before this process
    /// has signed one.
    pub(crate) fn checkpoint_size_and_time(&self) -> Option<(u64, Timestamp)> {
        let published = self.published();
        published.signed.map(|at| (published.size, at))
    }

    /// Since when entries could not be moved into the log.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        self.published().failing
    }

    pub(crate) fn size(&self) -> u64 {
        self.published().size
    }

    pub(crate) fn checkpoint(&self) -> String {
        self.published().checkpoint.to_string()
    }

    fn published(&self) -> Published {
        self.published.read().expect("nothing panics while it holds the lock").clone()
    }

    fn publish(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.write().expect("nothing panics while it holds the lock"));
    }

    fn note_failure(&self, now: Timestamp) {
        self.publish(|published| published.failing = published.failing.or(Some(now)));
    }

    async fn append(&self, entries: Vec<Vec<u8>>, now: Timestamp) -> Result<u64, LogError> {
        let keeper = self.clone();
        off_runtime(move || {
            let mut log = lock(&keeper.log);
            let checkpoint = log.append(&entries)?;
            let (size, text) = (checkpoint.size(), checkpoint.to_string().into());
            keeper.publish(|published| {
                let cosigned = std::mem::take(&mut published.cosigned);
                *published = Published { size, checkpoint: text, cosigned, signed: Some(now), failing: None };
            });
            keeper.covered.send_replace(size);
            Ok(size)
        })
        .await
    }

    /// Waits until a checkpoint covers the entry, for a while.
    pub(crate) async fn wait_for(&self, sequence: u64) {
        let _ = tokio::time::timeout(COVER_WAIT, self.covers(sequence)).await;
    }

    /// Waits until a checkpoint covers the entry.
    pub(crate) async fn covers(&self, sequence: u64) {
        let _ = self.covered.subscribe().wait_for(|size| *size > sequence).await;
    }

    /// Proves that an entry is in the log: of the checkpoints that cover it under the one that most witnesses have seen.
    pub(crate) async fn prove(&self, sequence: u64) -> Result<Inclusion, LogError> {
        let keeper = self.clone();
        let covering = self.published().cosigned.into_iter().filter(|cosigned| sequence < cosigned.size());
        let cosigned = covering.max_by_key(|cosigned| (cosigned.cosignatures().len(), cosigned.size()));
        off_runtime(move || match cosigned {
            Some(cosigned) => lock(&keeper.log).prove_under(sequence, &cosigned),
            None => lock(&keeper.log).prove(sequence),
        })
        .await
    }

    /// Proves that the log only grew from `old` entries to `new` ones.
    pub(crate) async fn prove_growth(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, LogError> {
        let keeper = self.clone();
        off_runtime(move || lock(&keeper.log).prove_growth(old, new)).await
    }

    /// The newest checkpoint.
    pub(crate) async fn newest(&self) -> Result<Checkpoint, LogError> {
        let keeper = self.clone();
        off_runtime(move || Ok(lock(&keeper.log).checkpoint().clone())).await
    }

    /// Publishes a checkpoint that a witness has seen; others may have seen it, too.
    pub(crate) fn publish_cosigned(&self, checkpoint: Checkpoint, cosignature: Cosignature) {
        self.publish(|published| {
            let list = &mut published.cosigned;
            let at = list.partition_point(|known| known.size() < checkpoint.size());
            match list.get_mut(at).filter(|known| known.size() == checkpoint.size()) {
                Some(known) => {
                    let mut cosignatures = known.cosignatures().to_vec();
                    cosignatures.push(cosignature);
                    *known = Arc::new(known.with_cosignatures(cosignatures));
                }
                None => list.insert(at, Arc::new(checkpoint.with_cosignatures(vec![cosignature]))),
            }
            if list.len() > COSIGNED_MAX {
                list.remove(0);
            }
        });
    }

    /// The digest of the log's last entry.
    async fn head(&self) -> Result<Digest, LogError> {
        let keeper = self.clone();
        off_runtime(move || Ok(lock(&keeper.log).head())).await
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
            () = control.closing.cancelled() => true,
            _ = ticks.tick() => false,
        };
        if let Err(error) = control.build_log().await {
            control.parts.log.note_failure(control.now());
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
    /// Refuses a database that is not the one the signed log was made from: an older one that was brought back, or
    /// another node's. To go on would put other entries under numbers that were signed before.
    pub async fn check_log(&self) -> Result<(), ControlError> {
        let signed = self.parts.log.size();
        let Some(last) = signed.checked_sub(1) else {
            return Ok(());
        };
        let entries = self.parts.audit.entries(last, 1).await?;
        let head = self.parts.log.head().await?;
        match entries.first() {
            Some(entry) if Digest::of(entry) == head => Ok(()),
            _ => Err(ControlError::LogOfAnother { signed, entries: self.parts.audit.size().await? }),
        }
    }

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
