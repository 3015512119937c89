//! The binary as its users meet it. Few of these: most promises are tested where they are kept.
#![allow(clippy::disallowed_methods, reason = "tests look at files and processes from outside")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod binary;
mod bodies;
mod buckets;
mod config;
mod determinism;
mod dns;
mod edge;
mod encryption;
mod errors;
mod events;
mod factors;
mod fsck;
mod functions;
mod grants;
mod headers;
mod help;
mod hostile;
mod idempotency;
mod journey;
mod liars;
mod limits;
mod metrics;
mod mutual;
mod names;
mod newcomer;
mod nodes;
mod peppers;
mod plans;
mod proofs;
mod readiness;
mod relays;
mod s3;
mod s3_cache;
mod s3_checks;
mod s3_copies;
mod scale;
mod schedules;
mod shares;
mod tls;
mod users;
mod versions;
mod weaknesses;
mod webhooks;
