//! The log as an outbox, and the queue of deliveries.
//!
//! Entries of one log are committed in the order of their numbers, because its head is locked for each, so a number that
//! was passed hides nothing that is committed later.

use async_trait::async_trait;
use casemate_model::{StoreError, Timestamp, WebhookId};
use casemate_webhooks::{
    Attempted, Behind, Claim, Delivery, DeliveryState, Finished, Outbox, Spread, Webhook,
};

use super::rows;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, locking, skipping_locked, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

/// Logs that are looked at together.
const LOGS_MAX: u32 = 64;

/// Deliveries of one webhook that are kept after they have ended.
const ENDED_MAX: u32 = 1_000;

/// Most rows that one transaction removes, so that others need not wait for long.
const FORGET_BATCH: u32 = 1_000;

#[async_trait]
impl Outbox for Store {
    async fn behind(&self) -> Result<Vec<Behind>, StoreError> {
        let action = "read how far webhooks are";
        read_all(self.rows(action, &BEHIND, values![LOGS_MAX]).await?, action, |row| {
            let mut columns = row.read("cursor");
            let (origin, next, size): (String, _, _) = (columns.next()?, columns.next()?, columns.next()?);
            Ok(Behind { own: origin == self.origin(), origin, next, size })
        })
    }

    async fn entries_of(&self, origin: &str, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let action = "read entries for webhooks";
        let rows = self.rows(action, &ENTRIES, values![origin, from, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, |row| row.only("audit entry"))
    }

    async fn spread(
        &self,
        origin: &str,
        (from, to): (u64, u64),
        deliveries: Vec<Delivery>,
    ) -> Result<Option<Spread>, StoreError> {
        self.change(SpreadOut { origin: origin.to_owned(), from, to, deliveries }).await
    }

    async fn due(
        &self,
        now: Timestamp,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError> {
        let action = "find webhooks with something due";
        let after = after.map_or_else(String::new, |id| id.to_string());
        let values = values![now, after, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &DUE, values).await?, action, rows::webhook)
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        self.change(TakeDue { claim, holder: self.origin().to_owned() }).await
    }

    async fn finish(&self, attempted: Attempted) -> Result<Finished, StoreError> {
        self.change(Finish { attempted }).await
    }

    async fn release(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.change(Release { holder: self.origin().to_owned(), now }).await
    }

    async fn prune(&self, before: Timestamp) -> Result<(u64, u64), StoreError> {
        let mut removed = 0;
        loop {
            let some = self.change(ForgetOld { before }).await?;
            removed += some;
            if some < u64::from(FORGET_BATCH) {
                break;
            }
        }
        let action = "list webhooks to tidy up";
        let mut after = String::new();
        loop {
            let rows = self.rows(action, &rows::ALL_WEBHOOKS, values![after, PAGE_MAX]).await?;
            let webhooks = read_all(rows, action, rows::webhook)?;
            for webhook in &webhooks {
                let first = read_one(
                    self.row(action, &FIRST_BEYOND, values![webhook.id, ENDED_MAX]).await?,
                    action,
                    |row| row.only::<String>("delivery"),
                )?;
                if let Some(first) = first {
                    removed += self.change(ForgetBeyond { webhook: webhook.id, first }).await?;
                }
            }
            let Some(last) = webhooks.last() else { break };
            after = last.id.to_string();
        }
        let pending = read_one(self.row(action, &PENDING, &[]).await?, action, |row| row.only("count"))?;
        Ok((removed, pending.unwrap_or(0)))
    }
}

struct SpreadOut {
    origin: String,
    from: u64,
    to: u64,
    deliveries: Vec<Delivery>,
}

#[async_trait]
impl Change for SpreadOut {
    type Answer = Option<Spread>;
    const ACTION: &'static str = "make deliveries of events";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Spread>, Failure> {
        if tx.execute(&MOVE_CURSOR, values![self.origin, self.from, self.to]).await? == 0 {
            return Ok(None);
        }
        let most = tx.limits().webhook_pending_max;
        let mut webhooks: Vec<WebhookId> = self.deliveries.iter().map(|delivery| delivery.webhook).collect();
        // In one order everywhere, so that two nodes never wait for each other's rows.
        webhooks.sort_unstable();
        webhooks.dedup();
        let mut spread = Spread::default();
        for webhook in webhooks {
            let waiting = match tx.row(&WAITING, values![webhook]).await? {
                Some(row) => row.only("count of deliveries")?,
                None => 0,
            };
            let mut free = most.saturating_sub(waiting);
            let mut dropped = 0_u64;
            for delivery in self.deliveries.iter().filter(|delivery| delivery.webhook == webhook) {
                if free == 0 {
                    dropped += 1;
                    continue;
                }
                let added = tx.insert_delivery(delivery).await?;
                (free, spread.kept) = (free - added, spread.kept + added);
            }
            if dropped > 0 {
                tx.execute(&COUNT_DROPPED, values![webhook, dropped]).await?;
            }
            spread.dropped += dropped;
        }
        Ok(Some(spread))
    }
}

struct TakeDue {
    claim: Claim,
    holder: String,
}

#[async_trait]
impl Change for TakeDue {
    type Answer = Vec<Delivery>;
    const ACTION: &'static str = "take deliveries";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<Delivery>, Failure> {
        let Claim { webhook, now, until, limit } = self.claim;
        let mut taken = Vec::new();
        for row in tx.rows(&CLAIM, values![webhook, now, limit]).await? {
            let mut delivery = rows::delivery(row)?;
            tx.execute(&LEASE, values![delivery.id, until, self.holder]).await?;
            delivery.attempts += 1;
            delivery.state = DeliveryState::Pending(until);
            taken.push(delivery);
        }
        Ok(taken)
    }
}

struct Finish {
    attempted: Attempted,
}

#[async_trait]
impl Change for Finish {
    type Answer = Finished;
    const ACTION: &'static str = "note an attempt of a delivery";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Finished, Failure> {
        let done = &self.attempted;
        let unchanged = Finished { counted: false, paused: false };
        // Before its deliveries, as who removes it does, so that the two never wait for each other.
        if tx.row(&LOCK_WEBHOOK, values![done.webhook]).await?.is_none() {
            return Ok(unchanged);
        }
        let newest = tx.row(&LOCK_ATTEMPT, values![done.delivery, done.webhook]).await?;
        let newest: Option<u32> = newest.map(|row| row.only("delivery")).transpose()?;
        if newest != Some(done.attempts) {
            return Ok(unchanged);
        }
        let (due, ended) = match done.state {
            DeliveryState::Pending(due) => (Some(due), None),
            DeliveryState::Delivered | DeliveryState::Failed => (None, Some(done.at)),
        };
        let status = done.status.map(u64::from);
        let values =
            values![done.delivery, done.state.as_str(), due, ended, done.at, status, done.error.clone()];
        tx.execute(&FINISH, values).await?;
        if done.state == DeliveryState::Delivered {
            tx.execute(&WORKS, values![done.webhook, done.revision]).await?;
        } else {
            tx.execute(&FAILS, values![done.webhook, done.revision, done.at]).await?;
        }
        let mut paused = false;
        if let Some(pause) = &done.pause {
            let values = values![done.webhook, done.revision, pause.reason.as_str(), done.at];
            paused = tx.execute(&PAUSE, values).await? > 0;
            if paused {
                tx.record(&pause.event).await?;
            }
        }
        Ok(Finished { counted: true, paused })
    }
}

struct Release {
    holder: String,
    now: Timestamp,
}

#[async_trait]
impl Change for Release {
    type Answer = u64;
    const ACTION: &'static str = "give leases of deliveries back";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        tx.execute(&RELEASE, values![self.holder, self.now]).await
    }
}

struct ForgetOld {
    before: Timestamp,
}

#[async_trait]
impl Change for ForgetOld {
    type Answer = u64;
    const ACTION: &'static str = "forget old deliveries";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        tx.execute(&FORGET_OLD, values![self.before, FORGET_BATCH]).await
    }
}

struct ForgetBeyond {
    webhook: WebhookId,
    /// The newest of those that are too many.
    first: String,
}

#[async_trait]
impl Change for ForgetBeyond {
    type Answer = u64;
    const ACTION: &'static str = "forget deliveries of a webhook";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        tx.execute(&FORGET_BEYOND, values![self.webhook, self.first]).await
    }
}

const BEHIND: Statement = statement!(
    "SELECT h.origin, COALESCE(c.next_sequence, 0), h.next_sequence FROM log_heads h \
     LEFT JOIN webhook_cursors c ON c.origin = h.origin \
     WHERE h.next_sequence > COALESCE(c.next_sequence, 0) AND EXISTS (SELECT 1 FROM webhooks) \
     ORDER BY h.origin LIMIT $1"
);
pub(super) const ENTRIES: Statement = statement!(
    "SELECT bytes FROM log_entries WHERE origin = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3"
);
pub(super) const MOVE_CURSOR: Statement = statement!(
    "INSERT INTO webhook_cursors (origin, next_sequence) VALUES ($1, $3) ON CONFLICT (origin) \
     DO UPDATE SET next_sequence = $3 WHERE webhook_cursors.next_sequence = $2"
);
pub(super) const WAITING: Statement =
    statement!("SELECT COUNT(*) FROM webhook_deliveries WHERE webhook = $1 AND due IS NOT NULL");
const COUNT_DROPPED: Statement = statement!("UPDATE webhooks SET dropped = dropped + $2 WHERE id = $1");
pub(super) const DUE: Statement = statement!(
    "SELECT ",
    rows::webhook_columns!("w."),
    " FROM webhooks w WHERE w.paused IS NULL AND w.id > $2 AND EXISTS \
     (SELECT 1 FROM webhook_deliveries d WHERE d.webhook = w.id AND d.due <= $1) ORDER BY w.id LIMIT $3"
);
pub(super) const CLAIM: Statement = skipping_locked!(
    "SELECT ",
    rows::delivery_columns!(),
    " FROM webhook_deliveries WHERE webhook = $1 AND due <= $2 ORDER BY due, id LIMIT $3"
);
pub(super) const LEASE: Statement = statement!(
    "UPDATE webhook_deliveries SET due = $2, leased_by = $3, attempts = attempts + 1 WHERE id = $1"
);
const LOCK_WEBHOOK: Statement = locking!("SELECT id FROM webhooks WHERE id = $1");
pub(super) const LOCK_ATTEMPT: Statement = locking!(
    "SELECT attempts FROM webhook_deliveries WHERE id = $1 AND webhook = $2 AND leased_by IS NOT NULL"
);
pub(super) const FINISH: Statement = statement!(
    "UPDATE webhook_deliveries SET state = $2, due = $3, ended = $4, attempted = $5, status = $6, error = $7, \
     leased_by = NULL WHERE id = $1"
);
const WORKS: Statement = statement!(
    "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND revision = $2 AND failing_since IS NOT NULL"
);
const FAILS: Statement = statement!(
    "UPDATE webhooks SET failing_since = $3 WHERE id = $1 AND revision = $2 AND failing_since IS NULL"
);
const PAUSE: Statement = statement!(
    "UPDATE webhooks SET paused = $3, paused_since = $4, revision = revision + 1 \
     WHERE id = $1 AND revision = $2 AND paused IS NULL"
);
pub(super) const RELEASE: Statement =
    statement!("UPDATE webhook_deliveries SET due = $2, leased_by = NULL WHERE leased_by = $1");
pub(super) const FORGET_OLD: Statement = statement!(
    "DELETE FROM webhook_deliveries WHERE id IN \
     (SELECT id FROM webhook_deliveries WHERE ended < $1 ORDER BY ended, id LIMIT $2)"
);
const FIRST_BEYOND: Statement = statement!(
    "SELECT id FROM webhook_deliveries WHERE webhook = $1 AND ended IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET $2"
);
pub(super) const FORGET_BEYOND: Statement =
    statement!("DELETE FROM webhook_deliveries WHERE webhook = $1 AND id <= $2 AND ended IS NOT NULL");
const PENDING: Statement = statement!("SELECT COUNT(*) FROM webhook_deliveries WHERE due IS NOT NULL");
