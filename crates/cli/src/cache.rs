//! The zero-trust cache of this process: put together by what flags, environment and file say, opened when something
//! is first kept or looked for, and gone when the process ends, by itself or by a signal.

mod options;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

use casemate_cache::{
    Cache, CacheConfig, CacheError, CacheEvent, CacheUsage, EntryKey, Put, Severity, Surroundings, Watcher,
};
use casemate_fs::SealedBytes;

use crate::output::Output;
use crate::report::chain;
use crate::world::{SystemClock, SystemEntropy};

pub(crate) use options::CacheOptions;
pub(crate) use words::{event_words, place_words};

/// The one cache of a process. Without it everything works, only slower, so that a cache that cannot be opened is
/// told and done without.
pub(crate) struct ProcessCache {
    config: CacheConfig,
    output: Output,
    state: RwLock<State>,
}

enum State {
    Unopened,
    Open(Box<dyn Cache>),
    Closed,
}

impl ProcessCache {
    /// Prepares the cache. Nothing is made yet.
    pub(crate) fn new(config: CacheConfig, output: Output) -> Arc<Self> {
        Arc::new(Self { config, output, state: RwLock::new(State::Unopened) })
    }

    /// Closes the cache and takes its directory along, once whoever uses it is done.
    pub(crate) fn close(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }

    fn with<T>(
        &self,
        without: T,
        act: impl FnOnce(&dyn Cache) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        self.open();
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(cache) => act(&**cache),
            State::Unopened | State::Closed => Ok(without),
        }
    }

    fn open(&self) {
        if !matches!(*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Unopened) {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Unopened) {
            return;
        }
        *state = match casemate_cache::open(&self.config, surroundings(self.output)) {
            Ok(cache) => State::Open(cache),
            Err(error) => {
                self.output.note(&format!("going on without a cache: {}", chain(&error)));
                State::Closed
            }
        };
    }
}

impl Cache for ProcessCache {
    fn put(&self, key: &EntryKey, content: &[u8]) -> Result<Put, CacheError> {
        self.with(Put::NotKept, |cache| cache.put(key, content))
    }

    fn get(&self, key: &EntryKey) -> Result<Option<SealedBytes>, CacheError> {
        self.with(None, |cache| cache.get(key))
    }

    fn forget(&self, key: &EntryKey) -> Result<bool, CacheError> {
        self.with(false, |cache| cache.forget(key))
    }

    fn usage(&self) -> CacheUsage {
        self.with(CacheUsage::default(), |cache| Ok(cache.usage())).unwrap_or_default()
    }
}

/// What a cache needs of the world, in this process.
pub(crate) fn surroundings(output: Output) -> Surroundings {
    Surroundings {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        watcher: Arc::new(Alarm(output)),
        uid: rustix::process::geteuid().as_raw(),
        pid: std::process::id(),
    }
}

/// Logs every event, and tells the person what is more than normal work.
struct Alarm(Output);

impl Watcher for Alarm {
    fn event(&self, event: &CacheEvent) {
        let text = event_words(event);
        match event.severity() {
            Severity::Notice => tracing::info!(target: "casemate::cache", "{text}"),
            Severity::Warning => {
                tracing::warn!(target: "casemate::cache", "{text}");
                self.0.note(&format!("warning: {text}"));
            }
            Severity::Critical => {
                tracing::error!(target: "casemate::cache", "{text}");
                self.0.note(&format!("alarm: {text}"));
            }
        }
    }
}
