//! API keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a new key is to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What the key is for, for people.
    #[schema(example = "ci")]
    pub label: String,
    /// `viewer`, `developer`, `operator`, `auditor`, `admin`, or a role that the project made. The key can do no more than the
    /// caller.
    #[schema(example = "developer")]
    pub role: String,
    /// What the key may be used for, within its role: scopes, each on everything or with a pattern behind it.
    #[schema(example = json!(["objects:write:releases/*", "tasks:write"]))]
    pub scopes: Vec<String>,
    /// When it ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires: Option<String>,
    /// The name of the user whose key it is, which can be a service account. The key ends with the user and can do no more.
    /// If absent, the user who makes it, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Addresses and networks from which it may be used; from everywhere if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["10.0.0.0/8", "2001:db8::/32"]))]
    pub networks: Vec<String>,
    /// How many requests it may send, whatever they are for; besides the limits for everybody. A key that has such a limit
    /// makes none that may send more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<KeyLimit>,
}

/// How many requests a key may send. Costly ones count as several, at most 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLimit {
    /// How many in each second, on average.
    #[schema(minimum = 1, maximum = 1_000_000, example = 10)]
    pub per_second: u32,
    /// How many at once.
    #[schema(minimum = 5, maximum = 1_000_000, example = 50)]
    pub burst: u32,
}

/// How a key's secret is exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the former secret still fits, at most 30 days. The secret for S3 changes at once.
    #[schema(example = 86400)]
    pub overlap_seconds: u64,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its id, which is not secret.
    #[schema(example = "key_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Its role.
    pub role: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ends; null for never.
    #[schema(required = true, format = DateTime)]
    pub expires: Option<String>,
    /// Whether it ends within two weeks.
    pub expires_soon: bool,
    /// The id of the user whose key it is; null for nobody's.
    #[schema(required = true)]
    pub user: Option<String>,
    /// Networks from which it may be used; from everywhere if empty.
    pub networks: Vec<String>,
    /// How many requests it may send, besides the limits for everybody; null for no limit of its own.
    #[schema(required = true)]
    pub limit: Option<KeyLimit>,
    /// When it was used last, to a minute or so; null for never.
    #[schema(required = true, format = DateTime)]
    pub used: Option<String>,
    /// Until when its former secret fits too; null if there is none.
    #[schema(required = true, format = DateTime)]
    pub former_until: Option<String>,
    /// When it was revoked; null if it was not.
    #[schema(required = true, format = DateTime)]
    pub revoked: Option<String>,
}

/// A new key with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    pub key: Key,
    /// What to send as `X-API-Key`. Nobody can show it again.
    pub secret: String,
    /// The secret access key of S3 clients, whose access key id is the key's id. Nobody can show it again.
    pub s3_secret: String,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}
