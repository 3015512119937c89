//! A cache with everything around it under the test's control.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use casemate_cache::{
    Cache, CacheClock, CacheConfig, CacheEvent, CacheSecret, EntryKey, Place, Put, Sign, Step, Surroundings,
    Watcher,
};
use casemate_model::{Clock, Digest, Entropy, Timestamp};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const CONTENT: &[u8] = b"the content that everybody relies on";

/// A wall clock that can be set, and an uptime that cannot.
pub(crate) struct Clocks {
    wall: AtomicU64,
    uptime: AtomicU64,
}

impl Clocks {
    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.uptime.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn set_wall_forward(&self, time: Duration) {
        self.wall.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_wall_back(&self, time: Duration) {
        self.wall.fetch_sub(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst)).unwrap()
    }
}

impl CacheClock for Clocks {
    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime.load(Ordering::SeqCst))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

type Strike = Box<dyn FnMut() + Send>;

/// Takes note of events, and lets a test strike between two steps.
#[derive(Default)]
pub(crate) struct Witness {
    events: Mutex<Vec<CacheEvent>>,
    told: Condvar,
    strike: Mutex<Option<(Step, Strike)>>,
    hold: Mutex<Option<(Wanted, Arc<Held>)>>,
}

type Wanted = Box<dyn Fn(&CacheEvent) -> bool + Send>;

/// A thread that stands still, or will.
#[derive(Default)]
pub(crate) struct Held {
    /// Whether it stands, and whether it may go on.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Held {
    pub(crate) fn wait_until_held(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.0).unwrap());
    }

    pub(crate) fn release(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn stand(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }
}

impl Witness {
    /// Does something once, when the cache comes to a step.
    pub(crate) fn strike_at(&self, step: Step, strike: impl FnMut() + Send + 'static) {
        *self.strike.lock().unwrap() = Some((step, Box::new(strike)));
    }

    /// Makes the thread that tells of an event stand still until it is released.
    pub(crate) fn hold_at(&self, wanted: impl Fn(&CacheEvent) -> bool + Send + 'static) -> Arc<Held> {
        let held = Arc::new(Held::default());
        *self.hold.lock().unwrap() = Some((Box::new(wanted), Arc::clone(&held)));
        held
    }

    pub(crate) fn events(&self) -> Vec<CacheEvent> {
        self.events.lock().unwrap().clone()
    }

    /// The signs of tampering seen so far, in order.
    pub(crate) fn signs(&self) -> Vec<Sign> {
        let sign = |event: &CacheEvent| match event {
            CacheEvent::Tampered { sign, .. } => Some(*sign),
            _ => None,
        };
        self.events.lock().unwrap().iter().filter_map(sign).collect()
    }

    /// Waits until an event was told; none if it never is. It takes milliseconds, but an eviction may have to wait for
    /// a disk that other tests keep busy.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&CacheEvent) -> bool) -> Option<CacheEvent> {
        let events = self.events.lock().unwrap();
        let found = |events: &[CacheEvent]| events.iter().find(|event| wanted(event)).cloned();
        let limit = Duration::from_secs(20);
        let waited = self.told.wait_timeout_while(events, limit, |events| found(events).is_none());
        let (events, _) = waited.unwrap();
        found(&events)
    }
}

impl Watcher for Witness {
    fn event(&self, event: &CacheEvent) {
        self.events.lock().unwrap().push(event.clone());
        self.told.notify_all();
        let wanted = self.hold.lock().unwrap().take_if(|(wanted, _)| wanted(event));
        if let Some((_, held)) = wanted {
            held.stand();
        }
    }

    fn step(&self, step: Step) {
        let mut strike = self.strike.lock().unwrap();
        if strike.as_ref().is_some_and(|(at, _)| *at == step) {
            let (_, mut act) = strike.take().unwrap();
            drop(strike);
            act();
        }
    }
}

pub(crate) struct World {
    pub(crate) base: tempfile::TempDir,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) config: CacheConfig,
    pub(crate) uid: u32,
}

impl World {
    fn with(place: impl FnOnce(PathBuf) -> Place, encrypted: bool) -> Self {
        let base = tempfile::tempdir().unwrap();
        let place = place(base.path().join("cache"));
        let secret = Some(CacheSecret::from_bytes([7; 32]));
        let config = CacheConfig { place, encrypted, secret, entry_lifetime: 24 * HOUR, monitored: false };
        let clocks = Clocks { wall: AtomicU64::new(1_767_225_600_000), uptime: AtomicU64::new(5_000_000) };
        Self { base, clocks: Arc::new(clocks), witness: Arc::default(), config, uid: 1000 }
    }

    pub(crate) fn process(encrypted: bool) -> Self {
        Self::with(|base| Place::Process { base, bytes_max: 64 << 20 }, encrypted)
    }

    pub(crate) fn kept(encrypted: bool) -> Self {
        Self::with(|base| Place::Kept { base, bytes_max: 64 << 20 }, encrypted)
    }

    pub(crate) fn memory(encrypted: bool, bytes_max: u64) -> Self {
        Self::with(|_| Place::Memory { bytes_max }, encrypted)
    }

    pub(crate) fn monitored(mut self) -> Self {
        self.config.monitored = true;
        self
    }

    pub(crate) fn open(&self) -> Box<dyn Cache> {
        casemate_cache::open(&self.config, self.surroundings()).unwrap()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            clock: Arc::clone(&self.clocks) as _,
            entropy: Arc::new(SystemEntropy),
            watcher: Arc::clone(&self.witness) as _,
            uid: self.uid,
            pid: 4711,
        }
    }

    /// All files and links of the cache whose names end so, as an attacker finds them.
    pub(crate) fn files(&self, end: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(self.base.path(), &mut found);
        found.retain(|path| path.to_string_lossy().ends_with(end));
        found.sort();
        found
    }

    pub(crate) fn file(&self, end: &str) -> PathBuf {
        let files = self.files(end);
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

pub(crate) fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

pub(crate) fn key_of(prefix: &str, content: &[u8]) -> EntryKey {
    EntryKey::new("https://s3.example", "builds", prefix, Digest::of(content)).unwrap()
}

/// Puts the content under the prefix, which must succeed.
pub(crate) fn put(cache: &dyn Cache, prefix: &str, content: &[u8]) -> EntryKey {
    let key = key_of(prefix, content);
    assert_eq!(cache.put(&key, content).unwrap(), Put::Stored);
    key
}

pub(crate) fn get(cache: &dyn Cache, key: &EntryKey) -> Option<Vec<u8>> {
    cache.get(key).unwrap().map(|sealed| sealed.read_all().unwrap())
}
