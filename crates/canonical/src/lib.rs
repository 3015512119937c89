//! The canonical form of a core module: fuel, stack and their limits as part of the module itself.
//!
//! Two globals are added and exported, which the host sets before anything runs: what is left of the fuel, and of the stack. Every
//! straight stretch of instructions takes its fuel when it begins, every function that calls takes its frame when it is entered
//! and gives it back when it is left, and whoever takes more than is left traps. A start function becomes an export, since it would
//! run before the globals are set. `docs/formats/canonical.md` has the rules.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod body;
mod module;

pub use body::FRAME_BYTES_MAX;
pub use module::{CanonicalError, FUEL, STACK, START, VERSION, canonicalize};
