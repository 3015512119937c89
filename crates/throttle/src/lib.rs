//! How many requests each caller may send.
//!
//! ```text
//!   request -> (tier, cost)          what is asked for, from the face's table of routes
//!           -> subject               a credential that was verified, else the client's network
//!           -> quota                 of the tier, or an override of the subject's
//!           -> shared buckets        if there are any and their breaker lets through; else
//!           -> local buckets         of the quota, or of this node's share of it
//!           -> verdict
//! ```

mod overrides;
mod shared;
mod subject;
mod throttle;
mod tier;

pub use overrides::{OVERRIDES_MAX, Override, OverrideError, Overrides, SetOverride};
pub use shared::{SharedBuckets, SharedError};
pub use subject::{Subject, SubjectError};
pub use throttle::{Charge, Settings, Throttle};
pub use tier::{Tier, TierError};
