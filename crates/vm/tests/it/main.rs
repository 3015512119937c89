//! QEMU itself, with a guest of our own, under TCG.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod escapes;
mod images;
mod machine;
mod qmp;
mod starting;
