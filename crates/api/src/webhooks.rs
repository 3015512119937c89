//! Webhooks: where a project's events are sent to.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a new webhook is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where it sends to: `https`, without user name, password and fragment, on port 443, 80 or from 1024 on.
    #[schema(example = "https://example.org/hooks")]
    pub url: String,
    /// What it is told of: events (`object.stored`), groups of them (`task.*`), or `*` for all there are today. The caller must be
    /// allowed to read the same.
    #[schema(example = json!(["object.stored", "task.ended"]))]
    pub events: Vec<String>,
    /// What it is for, for people; at most 128 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What is to be changed of a webhook. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWebhook {
    /// Where it sends to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it is told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How a webhook's secret is exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhook {
    /// How long deliveries are signed with the former secret too, at most 30 days.
    #[schema(example = 86400)]
    pub overlap_seconds: u64,
}

/// A webhook without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    #[schema(example = "whk_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// What it is told of.
    pub events: Vec<String>,
    /// What it is for.
    pub description: String,
    /// Why nothing is sent; null if it sends.
    #[schema(required = true)]
    pub paused: Option<PauseReason>,
    /// Since when nothing is sent.
    #[schema(required = true, format = DateTime)]
    pub paused_since: Option<String>,
    /// Since when every attempt has failed; null if the last one did not.
    #[schema(required = true, format = DateTime)]
    pub failing_since: Option<String>,
    /// Events that it was not told of because too many waited.
    pub dropped: u64,
    /// Until when deliveries are signed with its former secret too; null if they are not.
    #[schema(required = true, format = DateTime)]
    pub former_until: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
}

/// Why a webhook sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked for it.
    Asked,
    /// The receiver answered 410.
    Gone,
    /// Every attempt failed for three days.
    Failing,
}

/// A webhook with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// What its receiver checks signatures with. Nobody can show it again.
    #[schema(example = "whsec_…")]
    pub secret: String,
}

/// One event on its way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id, which the receiver sees as `webhook-id`.
    #[schema(example = "dlv_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// What happened.
    #[schema(example = "object.stored")]
    pub event: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; null if it is over. While an attempt is under way, when it would be tried if nothing is heard of it.
    #[schema(required = true, format = DateTime)]
    pub due: Option<String>,
    /// When it was tried last; null for never.
    #[schema(required = true, format = DateTime)]
    pub attempted: Option<String>,
    /// The status of the last answer; null if there was none.
    #[schema(required = true)]
    pub status: Option<u16>,
    /// What was wrong the last time; null if nothing was.
    #[schema(required = true)]
    pub error: Option<String>,
    /// When it came to be.
    #[schema(format = DateTime)]
    pub created: String,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be sent.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl fmt::Debug for CreatedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedWebhook").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}
