use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{DeliveryId, Project, StoreError, Timestamp, WebhookId};

use crate::{Delivery, DeliveryState, PauseReason, Webhook};

/// Where webhooks are kept.
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// Makes a webhook. It is told of what is recorded from then on.
    async fn create_webhook(&self, webhook: &Webhook, event: Event) -> Result<Created, StoreError>;

    /// Finds a webhook of a project.
    async fn webhook(&self, project: &Project, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// Webhooks of a project after `after`, in the order of their ids.
    async fn webhooks(
        &self,
        project: &Project,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError>;

    /// Changes what somebody may change of a webhook.
    async fn change_webhook(&self, webhook: &Webhook, event: Event) -> Result<Edit, StoreError>;

    /// Removes a webhook and its deliveries; false if there is none.
    async fn delete_webhook(
        &self,
        project: &Project,
        id: WebhookId,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Adds a delivery that somebody asked for; false if there is no such webhook.
    async fn add_delivery(&self, delivery: &Delivery, event: Event) -> Result<bool, StoreError>;

    /// Deliveries of a webhook with ids below `before`, the newest first.
    async fn deliveries(
        &self,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Makes a delivery due now, with all its attempts before it; `None` if there is none.
    async fn redeliver(
        &self,
        webhook: WebhookId,
        id: DeliveryId,
        now: Timestamp,
        event: Event,
    ) -> Result<Option<Delivery>, StoreError>;
}

/// The log as an outbox, and the queue of deliveries. Nodes that share a store share both.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Logs with entries that no webhook was told of yet; none as long as there is no webhook.
    async fn behind(&self) -> Result<Vec<Behind>, StoreError>;

    /// Canonical bytes of the entries `from`, `from + 1`, … of any node's log.
    async fn entries_of(&self, origin: &str, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Notes in one transaction that entries of a log from `from` up to `to` were looked at, and what follows from them.
    /// `None` if another node has been here, and then nothing was changed.
    async fn spread(
        &self,
        origin: &str,
        (from, to): (u64, u64),
        deliveries: Vec<Delivery>,
    ) -> Result<Option<Spread>, StoreError>;

    /// Webhooks after `after` that are not paused and have something due, in the order of their ids.
    async fn due(
        &self,
        now: Timestamp,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError>;

    /// Takes deliveries that are due, the oldest first. Until the lease ends nobody else takes them, and then they are due
    /// again, unless they were finished.
    async fn claim(&self, claim: Claim) -> Result<Vec<Delivery>, StoreError>;

    /// Notes what came of an attempt, if it was the newest one of its delivery.
    async fn finish(&self, attempted: Attempted) -> Result<Finished, StoreError>;

    /// Makes due again what a former run of this node had under way.
    async fn release(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Forgets deliveries that ended before `before`, and those beyond a number for each webhook. Returns how many, and how
    /// many wait to be sent.
    async fn prune(&self, before: Timestamp) -> Result<(u64, u64), StoreError>;
}

/// What came of making a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Made,
    /// The project has as many as it may have.
    TooMany,
}

/// What came of changing a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It is as was asked for.
    Done,
    /// There is none.
    Missing,
    /// Somebody changed it since it was read.
    Changed,
}

/// A log with news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Whose log.
    pub origin: String,
    /// Whether it is this node's own.
    pub own: bool,
    /// The first entry that was not looked at.
    pub next: u64,
    /// The number of its entries.
    pub size: u64,
}

/// What came of looking at entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Deliveries that wait now.
    pub kept: u64,
    /// Deliveries that were not kept, because too many wait for their webhook.
    pub dropped: u64,
}

/// Which deliveries to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub webhook: WebhookId,
    /// The time.
    pub now: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
    /// Most of them.
    pub limit: u32,
}

/// An attempt that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its webhook.
    pub webhook: WebhookId,
    /// The webhook's revision that it was made with. What came of it says nothing of one that was changed since.
    pub revision: u64,
    /// Which attempt it was; an older one changes nothing.
    pub attempts: u32,
    /// When it ended.
    pub at: Timestamp,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What was wrong.
    pub error: Option<String>,
    /// Where the delivery stands now.
    pub state: DeliveryState,
    /// Why the webhook is to be paused, and the entry that says so.
    pub pause: Option<WebhookPause>,
}

/// A pause that the node decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookPause {
    /// Why.
    pub reason: PauseReason,
    /// The entry, which is written only if the webhook was not paused before.
    pub event: PauseEvent,
}

/// The entry of a pause.
pub type PauseEvent = Box<Event>;

/// What noting an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Whether the attempt was the newest one of its delivery.
    pub counted: bool,
    /// Whether the webhook is paused because of it.
    pub paused: bool,
}
