//! Limits as state machines: they take `now`, return a verdict, and touch nothing else.

mod breaker;
mod concurrency;
mod json_budget;
mod places;
mod quota;
#[cfg(feature = "test-support")]
pub mod test_support;
mod token_bucket;

pub use breaker::{Breaker, BreakerSettings, BreakerState, Pass};
pub use concurrency::{Gate, Slot};
pub use json_budget::{JsonBudget, JsonFault, JsonPlace, JsonRefused, JsonScanner};
pub use places::{Place, Places};
pub use quota::{Quota, Verdict};
pub use token_bucket::TokenBuckets;
