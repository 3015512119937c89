//! Measures every kind of cache, beside files as DeltaGlider 5 kept them: a copy on put, a hash on get.
//!
//! ```console
//! cargo run --release -p casemate-cache --example bench
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it has its own files and clocks, prints, and ends at the first error"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use casemate_cache::{
    Cache, CacheClock, CacheConfig, CacheSecret, EntryKey, Place, Put, Surroundings, Unheard,
};
use casemate_model::{Clock, Digest, Entropy, Timestamp};

const ROUNDS: usize = 1000;
const TIME_MAX: Duration = Duration::from_millis(1500);
const SIZES: [(&str, usize); 5] =
    [("1 KB", 1 << 10), ("64 KB", 64 << 10), ("1 MB", 1 << 20), ("16 MB", 16 << 20), ("64 MB", 64 << 20)];
const BYTES_MAX: u64 = 512 << 20;

fn main() {
    println!("| cache | size | rounds | put p50 ms | put p99 ms | get p50 ms | get p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for (size_name, size) in SIZES {
        let base = tempfile::tempdir().unwrap();
        for (name, subject) in subjects(base.path()) {
            measure(name, size_name, size, &*subject);
        }
    }
}

/// Something that keeps content.
trait Subject {
    fn put(&self, key: &EntryKey, content: &[u8]);
    /// False if it is not held.
    fn get(&self, key: &EntryKey) -> bool;
}

fn subjects(base: &Path) -> Vec<(&'static str, Box<dyn Subject>)> {
    let process = || Place::Process { base: base.join("cache"), bytes_max: BYTES_MAX };
    let kept = || Place::Kept { base: base.join("cache"), bytes_max: BYTES_MAX };
    let files = base.join("files");
    std::fs::create_dir(&files).unwrap();
    vec![
        ("files (v5)", Box::new(Files(files))),
        ("memory", opened(Place::Memory { bytes_max: BYTES_MAX }, false, false)),
        ("memory, encrypted", opened(Place::Memory { bytes_max: BYTES_MAX }, true, false)),
        ("process, signed", opened(process(), false, false)),
        ("process, signed, encrypted", opened(process(), true, false)),
        ("process, signed, encrypted, watched", opened(process(), true, true)),
        ("kept (synced), signed, encrypted, watched", opened(kept(), true, true)),
    ]
}

fn measure(name: &str, size_name: &str, size: usize, subject: &dyn Subject) {
    let mut content = vec![0x5a; size];
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for round in 0..ROUNDS {
        if started.elapsed() > TIME_MAX && round >= 3 {
            break;
        }
        content[..8].copy_from_slice(&(round as u64).to_be_bytes());
        let prefix = format!("{size}/{round}");
        let key = EntryKey::new("https://s3.example", "bench", &prefix, Digest::of(&content)).unwrap();
        let put = Instant::now();
        subject.put(&key, &content);
        puts.push(put.elapsed());
        let get = Instant::now();
        assert!(subject.get(&key));
        gets.push(get.elapsed());
    }
    let rounds = puts.len();
    let [put50, put99] = percentiles(puts);
    let [get50, get99] = percentiles(gets);
    println!("| {name} | {size_name} | {rounds} | {put50:.3} | {put99:.3} | {get50:.3} | {get99:.3} |");
}

fn percentiles(mut times: Vec<Duration>) -> [f64; 2] {
    times.sort();
    [50, 99].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0)
}

struct Files(std::path::PathBuf);

impl Subject for Files {
    fn put(&self, key: &EntryKey, content: &[u8]) {
        assert_eq!(Digest::of(content), key.digest());
        let name = self.0.join(key.digest().to_hex());
        let aside = name.with_extension("tmp");
        std::fs::write(&aside, content).unwrap();
        std::fs::rename(aside, name).unwrap();
    }

    fn get(&self, key: &EntryKey) -> bool {
        let content = std::fs::read(self.0.join(key.digest().to_hex())).unwrap();
        Digest::of(&content) == key.digest()
    }
}

struct Opened(Box<dyn Cache>);

impl Subject for Opened {
    fn put(&self, key: &EntryKey, content: &[u8]) {
        assert_eq!(self.0.put(key, content).unwrap(), Put::Stored);
    }

    fn get(&self, key: &EntryKey) -> bool {
        self.0.get(key).unwrap().is_some()
    }
}

fn opened(place: Place, encrypted: bool, monitored: bool) -> Box<dyn Subject> {
    let secret = Some(CacheSecret::from_bytes([7; 32]));
    let entry_lifetime = Duration::from_secs(86_400);
    let config = CacheConfig { place, encrypted, secret, entry_lifetime, monitored };
    let around = Surroundings {
        clock: Arc::new(SystemClock(Instant::now())),
        entropy: Arc::new(SystemEntropy),
        watcher: Arc::new(Unheard),
        uid: rustix::process::geteuid().as_raw(),
        pid: std::process::id(),
    };
    Box::new(Opened(casemate_cache::open(&config, around).unwrap()))
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::EPOCH.saturating_add(since)
    }
}

impl CacheClock for SystemClock {
    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}
