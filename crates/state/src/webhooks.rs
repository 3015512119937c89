//! Webhooks as people make and change them. What is sent is in the modules below.

mod outbox;
mod rows;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{DeliveryId, Project, StoreError, Timestamp, WebhookId};
use casemate_webhooks::{Created, Delivery, DeliveryState, Edit, WEBHOOKS_MAX, Webhook, Webhooks};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

pub(crate) use rows::{ALL_WEBHOOKS, webhook};

#[async_trait]
impl Webhooks for Store {
    async fn create_webhook(&self, webhook: &Webhook, event: Event) -> Result<Created, StoreError> {
        self.change(Create { webhook: webhook.clone(), event }).await
    }

    async fn webhook(&self, project: &Project, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let action = "read a webhook";
        read_one(self.row(action, &rows::WEBHOOK, values![id, project]).await?, action, webhook)
    }

    async fn webhooks(
        &self,
        project: &Project,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError> {
        let action = "list webhooks";
        let after = after.map_or_else(String::new, |id| id.to_string());
        let values = values![project, after, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &rows::WEBHOOKS, values).await?, action, webhook)
    }

    async fn change_webhook(&self, webhook: &Webhook, event: Event) -> Result<Edit, StoreError> {
        self.change(ChangeWebhook { webhook: webhook.clone(), event }).await
    }

    async fn delete_webhook(
        &self,
        project: &Project,
        id: WebhookId,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(Delete { project: project.clone(), id, event }).await
    }

    async fn add_delivery(&self, delivery: &Delivery, event: Event) -> Result<bool, StoreError> {
        self.change(Add { delivery: delivery.clone(), event }).await
    }

    async fn deliveries(
        &self,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let action = "list deliveries";
        // Past every id, which is the prefix, an underscore and digits and letters.
        let before = before.map_or_else(|| "dlv~".to_owned(), |id| id.to_string());
        let values = values![webhook, before, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &rows::DELIVERIES, values).await?, action, rows::delivery)
    }

    async fn redeliver(
        &self,
        webhook: WebhookId,
        id: DeliveryId,
        now: Timestamp,
        event: Event,
    ) -> Result<Option<Delivery>, StoreError> {
        self.change(Redeliver { webhook, id, now, event }).await
    }
}

struct Create {
    webhook: Webhook,
    event: Event,
}

#[async_trait]
impl Change for Create {
    type Answer = Created;
    const ACTION: &'static str = "make a webhook";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Created, Failure> {
        let webhook = &self.webhook;
        tx.row(&LOCK_COUNT, values![webhook.project]).await?;
        let count: u64 = match tx.row(&COUNT, values![webhook.project]).await? {
            Some(row) => row.only("count of webhooks")?,
            None => 0,
        };
        if count >= u64::from(WEBHOOKS_MAX) {
            return Ok(Created::TooMany);
        }
        if tx.row(&ANY, &[]).await?.is_none() {
            // Nobody was told of what is in the logs so far, and nobody wants it. What is written to another node's log
            // meanwhile comes after the number that is read here.
            tx.execute(&FORGET_CURSORS, &[]).await?;
            tx.execute(&START_CURSORS, &[]).await?;
        }
        let (pepper, generation) = webhook.secret;
        let values = values![
            webhook.id,
            webhook.project,
            webhook.endpoint,
            webhook.events,
            webhook.description,
            pepper,
            generation,
            webhook.created,
        ];
        tx.execute(&INSERT, values).await?;
        tx.record(&self.event).await?;
        Ok(Created::Made)
    }
}

struct ChangeWebhook {
    webhook: Webhook,
    event: Event,
}

#[async_trait]
impl Change for ChangeWebhook {
    type Answer = Edit;
    const ACTION: &'static str = "change a webhook";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Edit, Failure> {
        let webhook = &self.webhook;
        let (former, until) = webhook.former.unzip();
        let (former_pepper, former) = former.unzip();
        let (paused, since) = webhook.paused.unzip();
        let values = values![
            webhook.id,
            webhook.project,
            webhook.revision,
            webhook.endpoint,
            webhook.events,
            webhook.description,
            webhook.secret.0,
            webhook.secret.1,
            former_pepper.map(u64::from),
            former,
            until,
            paused.map(|reason| reason.as_str()),
            since,
            webhook.failing,
        ];
        if tx.execute(&UPDATE, values).await? == 0 {
            let there = tx.row(&rows::WEBHOOK, values![webhook.id, webhook.project]).await?.is_some();
            return Ok(if there { Edit::Changed } else { Edit::Missing });
        }
        tx.record(&self.event).await?;
        Ok(Edit::Done)
    }
}

struct Delete {
    project: Project,
    id: WebhookId,
    event: Event,
}

#[async_trait]
impl Change for Delete {
    type Answer = bool;
    const ACTION: &'static str = "remove a webhook";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE, values![self.id, self.project]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct Add {
    delivery: Delivery,
    event: Event,
}

#[async_trait]
impl Change for Add {
    type Answer = bool;
    const ACTION: &'static str = "add a delivery";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.insert_delivery(&self.delivery).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct Redeliver {
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
    event: Event,
}

#[async_trait]
impl Change for Redeliver {
    type Answer = Option<Delivery>;
    const ACTION: &'static str = "send a delivery again";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Delivery>, Failure> {
        let Some(row) = tx.row(&LOCK_DELIVERY, values![self.id, self.webhook]).await? else {
            return Ok(None);
        };
        let mut delivery = rows::delivery(row)?;
        // One that is under way stays as it is: to send it twice at once helps nobody.
        if tx.execute(&REDELIVER, values![self.id, self.now]).await? > 0 {
            (delivery.state, delivery.attempts) = (DeliveryState::Pending(self.now), 0);
        }
        tx.record(&self.event).await?;
        Ok(Some(delivery))
    }
}

/// A count has no row that could be locked: those who add to one project take turns. SQLite has one writer anyway.
const LOCK_COUNT: Statement = Statement {
    sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310033, hashtext($1)) AS held",
};
const COUNT: Statement = statement!("SELECT COUNT(*) FROM webhooks WHERE project = $1");
const ANY: Statement = statement!("SELECT id FROM webhooks ORDER BY id LIMIT 1");
const FORGET_CURSORS: Statement = statement!("DELETE FROM webhook_cursors");
const START_CURSORS: Statement = statement!(
    "INSERT INTO webhook_cursors (origin, next_sequence) SELECT origin, next_sequence FROM log_heads"
);
const INSERT: Statement = statement!(
    "INSERT INTO webhooks (id, project, url, events, description, pepper, generation, created, dropped, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 1)"
);
const UPDATE: Statement = statement!(
    "UPDATE webhooks SET url = $4, events = $5, description = $6, pepper = $7, generation = $8, former_pepper = $9, \
     former = $10, former_until = $11, paused = $12, paused_since = $13, failing_since = $14, revision = revision + 1 \
     WHERE id = $1 AND project = $2 AND revision = $3"
);
const DELETE: Statement = statement!("DELETE FROM webhooks WHERE id = $1 AND project = $2");
const LOCK_DELIVERY: Statement =
    locking!("SELECT ", rows::delivery_columns!(), " FROM webhook_deliveries WHERE id = $1 AND webhook = $2");
const REDELIVER: Statement = statement!(
    "UPDATE webhook_deliveries SET state = 'pending', due = $2, attempts = 0, leased_by = NULL, ended = NULL \
     WHERE id = $1 AND (leased_by IS NULL OR due <= $2)"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a webhook", &rows::WEBHOOK),
    ("list webhooks", &rows::WEBHOOKS),
    ("count webhooks", &COUNT),
    ("change a webhook", &UPDATE),
    ("remove a webhook", &DELETE),
    ("list deliveries", &rows::DELIVERIES),
    ("find a delivery to change", &LOCK_DELIVERY),
    ("send a delivery again", &REDELIVER),
    ("find webhooks with something due", &outbox::DUE),
    ("take deliveries", &outbox::CLAIM),
    ("note a lease", &outbox::LEASE),
    ("find a delivery that was tried", &outbox::LOCK_ATTEMPT),
    ("note an attempt", &outbox::FINISH),
    ("count what waits for a webhook", &outbox::WAITING),
    ("give leases back", &outbox::RELEASE),
    ("forget old deliveries", &outbox::FORGET_OLD),
    ("forget deliveries of one webhook", &outbox::FORGET_BEYOND),
    ("move a cursor", &outbox::MOVE_CURSOR),
    ("read entries of a log", &outbox::ENTRIES),
];
