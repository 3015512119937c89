use std::sync::Arc;
use std::time::Duration;

use casemate_fs::Dir;
use casemate_model::Clock;
use secrecy::SecretString;

/// How to open a store in an SQLite file.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The private directory that the file `casemate.db` lies in. The caller holds its lock.
    pub directory: Dir,
    /// For the time at which a migration was applied.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: StoreLimits,
}

/// How to open a store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/database`; it may hold a password, so it is not printed.
    pub url: SecretString,
    /// Names this node's log among those of other nodes that share the database.
    pub origin: String,
    /// For the time at which a migration was applied.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: StoreLimits,
}

/// What a store keeps within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Most tasks of a project that are not over.
    pub open_tasks_max: u64,
    /// How long a change may wait before it is begun; later it does not happen.
    pub change_wait_max: Duration,
    /// How long a read may take.
    pub read_wait_max: Duration,
    /// Most deliveries that wait for one webhook.
    pub webhook_pending_max: u64,
    /// Connections for reading.
    pub readers: u32,
}

impl StoreLimits {
    /// What a node uses unless configured otherwise.
    pub const DEFAULT: Self = Self {
        open_tasks_max: 100_000,
        change_wait_max: Duration::from_secs(2),
        read_wait_max: Duration::from_secs(5),
        webhook_pending_max: casemate_webhooks::PENDING_MAX as u64,
        readers: 4,
    };
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
