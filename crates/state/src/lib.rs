//! Every store port for SQLite and PostgreSQL, the tiles of the log, and limits that nodes count together in Redis.
//!
//! ```text
//!   Credentials · Users · Catalog · Registry · Queue · Schedules · Relays · Proofs · Functions · Overrides · Webhooks · Outbox · AuditLog   the ports, each in its own module
//!        │ changes                       │ reads
//!      writer ── one transaction for      readers ── a few connections
//!        │       what waits together      │
//!       sql  ── each statement once, for both engines
//! ```
//!
//! A change and its audit entry are in one transaction, so neither is there without the other. What was answered
//! survives a power loss. A change that cannot be begun in time does not happen, and is answered so.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod audit;
mod backup;
mod blobs;
mod catalog;
mod change;
mod check;
mod credentials;
mod engine;
mod error;
mod failure;
mod figures;
mod functions;
mod idempotency;
mod migrations;
mod nodes;
mod options;
mod overrides;
mod peers;
mod peppers;
mod proofs;
mod queue;
mod registry;
mod relays;
mod schedules;
mod shared_limits;
mod sql;
mod store;
#[cfg(feature = "test-support")]
pub mod test_support;
mod tiles;
mod transport;
mod users;
mod webhooks;
mod writer;

pub use backup::restore_sqlite;
pub use check::{Finding, Report};
pub use engine::postgres_transport;
pub use error::StateError;
pub use figures::Figures;
pub use options::{PostgresOptions, SqliteOptions, StoreLimits};
pub use peppers::{KnownPepper, Leaning};
pub use shared_limits::{RedisAddressError, RedisBuckets, redis_transport};
pub use sql::Dialect;
pub use store::Store;
pub use tiles::TileFiles;
pub use transport::Transport;
