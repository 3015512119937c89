use std::fmt;
use std::str::FromStr;

use casemate_model::{DeliveryId, Project, Timestamp, WebhookId};
use zeroize::Zeroizing;

use crate::{Endpoint, EventKind, EventKinds};

/// Most webhooks of one project. Each event is looked at for all of them.
pub const WEBHOOKS_MAX: u32 = 50;

/// Most deliveries that wait for one webhook. Events beyond are not sent to it, and counted.
pub const PENDING_MAX: u32 = 10_000;

/// What signs deliveries.
pub type SecretKey = Zeroizing<[u8; 32]>;

/// What a person calls a webhook: up to 128 characters, none of them a control character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

/// Text that is no [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a description has at most 128 characters, none of them a control character")]
pub struct DescriptionError;

/// Where events of a project are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// The project whose events it is told of.
    pub project: Project,
    /// Where it sends to.
    pub endpoint: Endpoint,
    /// What it is told of.
    pub events: EventKinds,
    /// What a person calls it.
    pub description: Description,
    /// The pepper and the number from which its secret follows; nothing of the secret is stored.
    pub secret: (u32, u64),
    /// Those of the secret before it, and until when that signs too.
    pub former: Option<((u32, u64), Timestamp)>,
    /// Why nothing is sent, and since when.
    pub paused: Option<(PauseReason, Timestamp)>,
    /// Since when every attempt has failed.
    pub failing: Option<Timestamp>,
    /// Events that were not kept because too many waited.
    pub dropped: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Grows with each change that somebody makes.
    pub revision: u64,
}

/// Why a webhook sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseReason {
    /// Somebody asked for it.
    Asked,
    /// The receiver answered that it is gone, with 410.
    Gone,
    /// Every attempt failed, for days.
    Failing,
}

/// One event on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, which receivers see as `webhook-id`. It stays the same however often it is sent.
    pub id: DeliveryId,
    /// By which webhook.
    pub webhook: WebhookId,
    /// What happened.
    pub kind: EventKind,
    /// The exact bytes to send.
    pub body: Vec<u8>,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried since it was last asked for.
    pub attempts: u32,
    /// When it came to be.
    pub created: Timestamp,
    /// When it was tried last.
    pub attempted: Option<Timestamp>,
    /// The status of the last answer, if there was one.
    pub status: Option<u16>,
    /// What was wrong the last time.
    pub error: Option<String>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, not before this time.
    Pending(Timestamp),
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl Webhook {
    /// The numbers of the secrets that sign at `now`, the newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = (u32, u64)> {
        let former = self.former.filter(|(_, until)| now < *until).map(|(former, _)| former);
        std::iter::once(self.secret).chain(former)
    }
}

impl Delivery {
    /// A delivery that is due at once.
    pub fn due_now(id: DeliveryId, webhook: WebhookId, message: &crate::Message, now: Timestamp) -> Self {
        Self {
            id,
            webhook,
            kind: message.kind,
            body: message.body.clone(),
            state: DeliveryState::Pending(now),
            attempts: 0,
            created: now,
            attempted: None,
            status: None,
            error: None,
        }
    }
}

impl DeliveryState {
    /// The text form, without the time.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl PauseReason {
    const EVERY: [Self; 3] = [Self::Asked, Self::Gone, Self::Failing];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for PauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Description {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.chars().count() <= 128 && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(DescriptionError) }
    }
}
