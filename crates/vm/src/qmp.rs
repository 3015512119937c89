//! QEMU's control channel: JSON, a message a line, one who asks.
//!
//! Source: "QEMU Machine Protocol Specification" of QEMU's interoperability documents. The client is our own: the schema that
//! others generate theirs from is under a licence that this product may not link.

mod client;
mod message;

pub use client::{Qmp, QmpError};
pub use message::{QmpEvent, QmpEventKind};
