//! Connections that a node makes for others: to receivers of webhooks, and to whom functions ask.
//!
//! A host is text that can be read in one way only. Its addresses are looked up once, all of them are checked, and what was
//! checked is what is connected to: a name that leads inside later, or only sometimes, leads nowhere.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod dialer;
mod host;
mod resolve;

pub use dialer::{DialError, Dialer, HEAD_BYTES_MAX, exchange};
pub use host::{Host, HostError};
pub use resolve::{Resolve, SystemResolver};
