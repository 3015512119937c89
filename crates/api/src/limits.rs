//! Limits of requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The limits in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// What everybody may send, by tier.
    pub tiers: Vec<TierLimit>,
    /// Exceptions, by tier and subject.
    pub overrides: Vec<LimitOverride>,
    /// Whether requests over a limit are only counted, not refused.
    pub dry_run: bool,
    /// Whether nodes count together.
    pub shared: bool,
}

/// What everybody may send in one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierLimit {
    /// The tier: `auth`, `names`, `tasks`, `objects`, `s3` or `general`.
    pub tier: String,
    /// Tokens each second.
    pub per_second: u32,
    /// Most tokens at once.
    pub burst: u32,
}

/// An exception for one subject in one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitOverride {
    /// The tier.
    #[schema(example = "objects")]
    pub tier: String,
    /// For whom: `key:…`, `session:…`, `user:…`, or the address of a network.
    #[schema(example = "203.0.113.7")]
    pub subject: String,
    /// Tokens each second.
    pub per_second: u32,
    /// Most tokens at once.
    pub burst: u32,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires: String,
    /// When it was set.
    #[schema(format = DateTime)]
    pub created: String,
}

/// What a subject may send instead of what everybody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLimit {
    /// Tokens each second, at least 1.
    pub per_second: u32,
    /// Most tokens at once, at least what the tier's costliest request costs.
    pub burst: u32,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires: String,
}
