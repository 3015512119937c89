//! One suite for both engines, and what only one of them can show.
#![allow(clippy::disallowed_methods, reason = "tests look at files and processes from outside")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod clock;
mod conformance;
mod context;
mod crash;
mod damage;
mod group_commit;
mod migrations;
mod names;
mod plans;
mod shared_limits;
mod tiles;
mod webhooks;
