use crate::EntryKey;

/// Something about a cache that somebody may want to know. The log takes it from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheEvent {
    /// Somebody other than this cache changed something in it. What was changed has been evicted.
    Tampered {
        /// The file or directory, relative to the cache's directory.
        place: String,
        /// The entry, if it is known which one: when it was being read.
        key: Option<EntryKey>,
        /// How it showed.
        sign: Sign,
    },
    /// An entry outlived its time, or was made in the future, and was removed.
    Expired {
        /// The file, relative to the cache's directory.
        place: String,
    },
    /// An entry under another key or of another user was met and left alone.
    Foreign {
        /// The file, relative to the cache's directory.
        place: String,
    },
    /// Entries were removed to make room.
    Evicted {
        /// How many.
        entries: usize,
    },
    /// Directories of processes that are gone were removed at the start.
    Swept {
        /// How many.
        directories: usize,
    },
    /// Another process uses the kept cache, so this one has a cache of its own for now.
    KeptInUse,
    /// More happened at once than the kernel keeps; everything was checked anew.
    Rescanned,
    /// Changes cannot be watched, wholly or in part. They still show when an entry is read.
    Unwatched {
        /// Why.
        reason: String,
    },
}

/// How tampering showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The file is gone.
    Missing,
    /// The file, or what is under its name, is not what was committed.
    Altered,
    /// The file is a link, a directory or the like, belongs to someone else, has a second name or is open to others.
    WrongKind,
    /// The record is no record.
    Malformed,
    /// The record's signature is wrong, or it is the record of something else.
    Forged,
    /// A part of the content fails its authentication, or content is missing or left over.
    Broken,
    /// The content does not hash to what it must.
    WrongHash,
    /// Something is there that the cache did not put there.
    Intruder,
    /// A directory is open to others.
    OpenDirectory,
}

/// How urgent an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Part of normal work.
    Notice,
    /// Something does not work as configured.
    Warning,
    /// An attack, or a failing disk.
    Critical,
}

impl CacheEvent {
    /// How urgent it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Tampered { .. } => Severity::Critical,
            Self::KeptInUse | Self::Rescanned | Self::Unwatched { .. } | Self::Foreign { .. } => {
                Severity::Warning
            }
            Self::Expired { .. } | Self::Evicted { .. } | Self::Swept { .. } => Severity::Notice,
        }
    }
}

/// Is told what happens. Called without any lock held, from any thread, the monitor's included; must not block long.
pub trait Watcher: Send + Sync + 'static {
    /// Takes note of an event.
    fn event(&self, event: &CacheEvent);

    /// Is called between two steps of a read or a write, so that a test can do there what an attacker would hope to.
    fn step(&self, step: Step) {
        let _ = step;
    }
}

/// A watcher that is not interested.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unheard;

impl Watcher for Unheard {
    fn event(&self, _event: &CacheEvent) {}
}

/// The moments of a read or a write between which an attacker may strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A read knows that there is an entry.
    Found,
    /// The record was read and verified.
    RecordRead,
    /// The content's file is open and was looked at, nothing was read.
    ContentOpened,
    /// The content was copied and sealed, not hashed.
    ContentCopied,
    /// A write has its files complete, without their names.
    Staged,
}
