//! Guests in real worker processes, and attackers in their jail.
#![allow(clippy::disallowed_methods, reason = "tests look at files and processes from outside")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod escapes;
mod functions;
mod hostile_guests;
mod hostile_workers;
mod lifecycle;
mod node;
