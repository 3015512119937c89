//! Limits as state machines: they take `now`, return a verdict, and touch nothing else.

mod concurrency;
mod json_budget;
mod token_bucket;

pub use concurrency::{Gate, Slot};
pub use json_budget::{JsonBudget, JsonFault, JsonPlace, JsonRefused, JsonScanner};
pub use token_bucket::{Quota, TokenBuckets, Verdict};
