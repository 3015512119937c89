//! The contract: routes, operations and the committed document belong together.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read the committed document")]

mod contract;
