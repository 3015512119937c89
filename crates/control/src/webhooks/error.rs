use casemate_model::{DeliveryId, WebhookId};
use casemate_webhooks::{EventKind, SendError, WEBHOOKS_MAX};

/// Why a use case of webhooks did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// There is no such webhook in the project.
    #[error("there is no webhook {0}")]
    NotFound(WebhookId),
    /// The webhook has no such delivery, or not any more.
    #[error("the webhook has no delivery {0}")]
    DeliveryNotFound(DeliveryId),
    /// The project has as many webhooks as it may have.
    #[error("the project has {WEBHOOKS_MAX} webhooks already")]
    TooMany,
    /// Nothing may be sent to where a webhook would send.
    #[error("nothing can be sent there: {0}")]
    Endpoint(SendError),
    /// A webhook would tell of what its maker cannot read.
    #[error("a webhook cannot tell of {0}, which its maker may not read")]
    ExceedsMaker(EventKind),
    /// Two secrets of a webhook would sign for too long.
    #[error("the former secret of a webhook signs for 30 days more at most")]
    Overlap,
    /// Somebody else changed the webhook at the same time.
    #[error("somebody else has changed the webhook {0} at the same time")]
    Changed(WebhookId),
}
