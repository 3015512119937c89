//! Telling others what happened, by the [Standard Webhooks](https://www.standardwebhooks.com) specification.
//!
//! ```text
//!   audit entry (in the transaction of its change) ──> message ──> a delivery for each webhook that wants it
//!                                                                      │ claimed under a lease
//!      delivered <── 2xx ── attempt: sign, resolve, check, connect, post <── due again, later each time
//!                             │ 410, or nothing but failures for days
//!                             └──> the webhook is paused
//! ```
//!
//! The entries of the log are the outbox: each is there if and only if its change is, and they are numbered without gaps
//! in the order of their commits. Deliveries are at least once; a receiver tells a repetition by its `webhook-id`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod endpoint;
mod events;
mod lanes;
mod message;
mod ports;
mod records;
mod retries;
mod sender;
mod signature;

pub use endpoint::{Endpoint, EndpointError};
pub use events::{EventKind, EventKinds, EventKindsError};
pub use lanes::{Lane, Lanes};
pub use message::Message;
pub use ports::{
    Attempted, Behind, Claim, Created, Edit, Finished, Outbox, PauseEvent, Spread, WebhookPause, Webhooks,
};
pub use records::{
    Delivery, DeliveryState, Description, DescriptionError, PENDING_MAX, PauseReason, SecretKey,
    WEBHOOKS_MAX, Webhook,
};
pub use retries::{FAILING_MAX, Next, next, retry_after};
pub use sender::{Answer, SendError, Sender};
pub use signature::{SECRET_PREFIX, secret_text, sign};
