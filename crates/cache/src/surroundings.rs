use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casemate_model::{Clock, Entropy};

use crate::Watcher;

/// A clock that also tells how long the machine runs, which nobody can set.
pub trait CacheClock: Clock {
    /// Time since some fixed moment, never going back; time asleep should count (`CLOCK_BOOTTIME`).
    fn uptime(&self) -> Duration;
}

/// What a cache needs from the world around it.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn CacheClock>,
    /// Randomness for keys and names.
    pub entropy: Arc<dyn Entropy>,
    /// Who is told what happens.
    pub watcher: Arc<dyn Watcher>,
    /// The user id that entries are signed with and must have.
    pub uid: u32,
    /// The process id that entries are signed with.
    pub pid: u32,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("uid", &self.uid).field("pid", &self.pid).finish_non_exhaustive()
    }
}
