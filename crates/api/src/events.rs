//! What `/events` sends while things happen. Each event has its kind as the SSE `event`, one of these as its `data`,
//! and an id that a client sends back as `Last-Event-ID` to miss nothing. An event `reset` without data says that
//! something was missed, so that what is shown must be read anew.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::names::NameChange;
use crate::tasks::TaskState;

/// A task changed its state; kind `task`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskEvent {
    /// The task.
    pub id: String,
    /// Its state now.
    pub state: TaskState,
    /// Since when.
    #[schema(format = DateTime)]
    pub updated: String,
}

/// An object was stored or deleted; kind `object`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectEvent {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// What happened to it.
    pub change: ObjectChange,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectChange {
    /// It was stored, perhaps in place of a former one.
    Stored,
    /// It was deleted.
    Deleted,
}

/// A name changed; kind `name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameEvent {
    /// The name.
    pub name: String,
    /// What happened to it; absent when its time is over, and nobody but its holder can use it until that renews it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<NameChange>,
}

/// The node paused a webhook, because its receiver does not work; kind `webhook`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookEvent {
    /// The webhook.
    pub id: String,
}

/// The log has a new signed checkpoint; kind `log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEvent {
    /// The entries that it covers.
    pub size: u64,
}
