//! The one place where a cache is put together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casemate_fs::SealedBytes;

use crate::cache::{Cache, CacheUsage, NoCache, Put};
use crate::event::CacheEvent;
use crate::home::{self, Home};
use crate::index::Index;
use crate::monitor::Monitor;
use crate::record::Method;
use crate::secret::Keys;
use crate::store::files::FileStore;
use crate::store::memory::MemoryStore;
use crate::vault::Vault;
use crate::{CacheError, CacheSecret, EntryKey, Surroundings};

/// What cache is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Where it lies.
    pub place: Place,
    /// Whether contents are encrypted. Records are always signed, and hold no names.
    pub encrypted: bool,
    /// The key, for a cache that is kept; without one it is made anew for each process.
    pub secret: Option<CacheSecret>,
    /// How long an entry may be used.
    pub entry_lifetime: Duration,
    /// Whether the directories are watched. Memory needs no watching.
    pub monitored: bool,
}

/// Where a cache lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// There is none.
    Nowhere,
    /// In the memory of this process.
    Memory {
        /// How much it may hold.
        bytes_max: u64,
    },
    /// In a directory of this process, which ends with it.
    Process {
        /// The directory that caches lie in.
        base: PathBuf,
        /// How much it may hold.
        bytes_max: u64,
    },
    /// In a directory for this key, which the next process goes on with. One process uses it at a time; others get
    /// one of their own meanwhile.
    Kept {
        /// The directory that caches lie in.
        base: PathBuf,
        /// How much it may hold.
        bytes_max: u64,
    },
}

/// Opens the cache that is wanted.
pub fn open(config: &CacheConfig, around: Surroundings) -> Result<Box<dyn Cache>, CacheError> {
    match &config.place {
        Place::Nowhere => Ok(Box::new(NoCache)),
        Place::Memory { bytes_max } => {
            let secret = CacheSecret::ephemeral(&*around.entropy);
            Ok(Box::new(vault(config, Arc::new(MemoryStore::default()), &secret, *bytes_max, around)))
        }
        Place::Process { base, bytes_max } => open_process(config, base, *bytes_max, around),
        Place::Kept { base, bytes_max } => {
            let secret = config.secret.as_ref().ok_or(CacheError::KeptWithoutKey)?;
            said_of_sweep(home::sweep_dead(base)?, &around);
            let Some(home) = Home::kept(base, Keys::derive(secret).id)? else {
                around.watcher.event(&CacheEvent::KeptInUse);
                return open_process(config, base, *bytes_max, around);
            };
            in_directory(config, home, secret, *bytes_max, around)
        }
    }
}

fn open_process(
    config: &CacheConfig,
    base: &Path,
    bytes_max: u64,
    around: Surroundings,
) -> Result<Box<dyn Cache>, CacheError> {
    let (home, directories) = Home::for_process(base, &*around.entropy)?;
    said_of_sweep(directories, &around);
    // Its own key even where one was supplied: what this process leaves behind shall be worth nothing.
    let secret = CacheSecret::ephemeral(&*around.entropy);
    in_directory(config, home, &secret, bytes_max, around)
}

fn said_of_sweep(directories: usize, around: &Surroundings) {
    if directories > 0 {
        around.watcher.event(&CacheEvent::Swept { directories });
    }
}

fn in_directory(
    config: &CacheConfig,
    home: Home,
    secret: &CacheSecret,
    bytes_max: u64,
    around: Surroundings,
) -> Result<Box<dyn Cache>, CacheError> {
    let durable = matches!(config.place, Place::Kept { .. });
    let watcher = Arc::clone(&around.watcher);
    let files = Arc::new(FileStore::open(home.root.clone(), durable, config.monitored, watcher)?);
    let vault = Arc::new(vault(config, Arc::clone(&files) as _, secret, bytes_max, around));
    vault.adopt(&files)?;
    let monitor = match files.watch() {
        Some(watch) => Some(Monitor::start(watch.clone(), Arc::clone(&vault), Arc::clone(&files))?),
        None => None,
    };
    Ok(Box::new(InDirectory { _monitor: monitor, vault, _home: home }))
}

fn vault(
    config: &CacheConfig,
    store: Arc<dyn crate::store::Store>,
    secret: &CacheSecret,
    bytes_max: u64,
    around: Surroundings,
) -> Vault {
    Vault {
        store,
        keys: Keys::derive(secret),
        method: if config.encrypted { Method::Frames } else { Method::Plain },
        entry_lifetime: config.entry_lifetime,
        around,
        index: Mutex::new(Index::new(bytes_max)),
    }
}

/// A cache with its directory. Dropped in this order: first nobody watches, then the directory goes.
struct InDirectory {
    _monitor: Option<Monitor>,
    vault: Arc<Vault>,
    _home: Home,
}

impl Cache for InDirectory {
    fn put(&self, key: &EntryKey, content: &[u8]) -> Result<Put, CacheError> {
        self.vault.put(key, content)
    }

    fn get(&self, key: &EntryKey) -> Result<Option<SealedBytes>, CacheError> {
        self.vault.get(key)
    }

    fn forget(&self, key: &EntryKey) -> Result<bool, CacheError> {
        self.vault.forget(key)
    }

    fn usage(&self) -> CacheUsage {
        self.vault.usage()
    }
}
