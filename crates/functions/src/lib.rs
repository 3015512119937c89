//! Functions: components of the world `wasi:http/proxy` that answer requests under a name.
//!
//! ```text
//!   deploy ──> version 1, 2, 3 …   (module, environment, hosts, limits; none ever changes)
//!                    │
//!                  route: 3=90 4=10 ──> a request is answered by one of them, by chance
//!                    │
//!                rollback: another route
//! ```
//!
//! A name belongs to the project that deployed to it first, on the whole node.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod hosts;
mod name;
mod ports;
mod records;
mod route;
mod values;

pub use hosts::{HostRule, HostRuleError, HostRules};
pub use name::{FunctionName, FunctionNameError};
pub use ports::{Deployed, FunctionValues, Functions, Routed};
pub use records::{
    Access, CONCURRENCY_MAX, FUNCTIONS_MAX, Function, GRANTABLE, HOSTS_MAX, RATE_MAX, Settings, VERSIONS_MAX,
    Version,
};
pub use route::{Route, RouteError};
pub use values::{
    VALUE_BYTES_MAX, VALUES_BYTES_MAX, VALUES_MAX, ValueBefore, ValueChanged, ValueInfo, ValueKey,
    ValueKeyError, ValuePage,
};
