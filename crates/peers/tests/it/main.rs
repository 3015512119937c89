//! Nodes that find each other on loopback.
#![allow(clippy::unwrap_used, reason = "tests")]

mod shelf;
mod spreading;
mod strangers;
mod world;
