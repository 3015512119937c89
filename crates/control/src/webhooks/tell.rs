//! Makes deliveries of what the log says, and hands out what is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use casemate_ledger::Entry;
use casemate_model::{DeliveryId, Project, Timestamp, WebhookId};
use casemate_webhooks::{Behind, Claim, Delivery, EventKind, Lane, Lanes, Message, WEBHOOKS_MAX, Webhook};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::sweep::note;
use crate::{Control, ControlError};

/// How often it is looked what is due, and what other nodes' logs say, when nothing happens here.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// How often deliveries that ended long ago are forgotten, and how long they are kept.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Entries that are looked at together.
const ENTRIES_BATCH: u32 = 256;

/// Webhooks that are looked at together.
const WEBHOOKS_BATCH: u32 = 64;

/// How long a delivery is one's own. An attempt takes a quarter of it at most, which leaves time to write down how it ended.
const LEASE: Duration = Duration::from_secs(60);

/// How much the clocks of two nodes may differ without an event being missed by a webhook that was made just before.
const SKEW: Duration = Duration::from_secs(5);

/// What telling needs to remember between two looks.
#[derive(Default)]
pub(crate) struct Teller {
    lanes: Mutex<Lanes>,
    /// Told when something may be due.
    woken: Arc<Notify>,
}

impl Teller {
    /// Says that something may be due.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Forgets what a webhook's receiver did, because somebody changed or resumed it.
    pub(crate) fn begin_anew(&self, webhook: WebhookId) {
        self.lanes().reset(webhook);
        self.wake();
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Whatever panicked with it left counts that are at most too high by one.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, webhook: &Webhook, now: Timestamp) -> Vec<Lane> {
        self.lanes().enter(webhook.id, &webhook.project, now)
    }
}

/// Tells webhooks of what happens until the node stops. What is under way then is due again when the node is back.
pub(crate) async fn tell(control: Control) {
    let mut feed = control.feed.follow(None).live;
    let mut ticks = tokio::time::interval(TICK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut prunes = tokio::time::interval(PRUNE_INTERVAL);
    prunes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    note(control.parts.outbox.release(control.now()).await.map(drop).map_err(ControlError::from));
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = ticks.tick() => {}
            () = control.teller.woken.notified() => {}
            // Whatever was announced is in the log. That some announcements were missed changes nothing.
            _ = feed.recv() => while feed.try_recv().is_ok() {},
            _ = prunes.tick() => {
                note(control.prune_deliveries().await);
                continue;
            }
        }
        note(control.spread_events().await);
        note(control.send_due().await);
    }
}

impl Control {
    /// Makes deliveries of all entries that nobody looked at, of every node's log.
    async fn spread_events(&self) -> Result<(), ControlError> {
        let mut behind = self.parts.outbox.behind().await?;
        // Its own first: other nodes look after theirs, unless they are down.
        behind.sort_by_key(|behind| !behind.own);
        for log in behind {
            self.spread_log(log).await?;
        }
        Ok(())
    }

    async fn spread_log(&self, log: Behind) -> Result<(), ControlError> {
        let mut next = log.next;
        while next < log.size && !self.stopping.is_cancelled() {
            let entries = self.parts.outbox.entries_of(&log.origin, next, ENTRIES_BATCH).await?;
            if entries.is_empty() {
                return Ok(());
            }
            let to = next + entries.len() as u64;
            let deliveries = self.deliveries_of(&entries).await?;
            let Some(spread) = self.parts.outbox.spread(&log.origin, (next, to), deliveries).await? else {
                return Ok(());
            };
            metrics::counter!("casemate_webhook_events_dropped_total").increment(spread.dropped);
            next = to;
        }
        Ok(())
    }

    /// The deliveries that follow from entries, in their order.
    async fn deliveries_of(&self, entries: &[Vec<u8>]) -> Result<Vec<Delivery>, ControlError> {
        let mut wanted: Vec<(WebhookId, Message)> = Vec::new();
        let mut known: Vec<(Project, Vec<Webhook>)> = Vec::new();
        for bytes in entries {
            // An entry that cannot be read is the log keeper's to report; it must not keep those behind it.
            let Ok(entry) = Entry::decode(bytes) else { continue };
            for message in Message::all_of(&entry.event) {
                let project = &message.project;
                if !known.iter().any(|(of, _)| of == project) {
                    let webhooks = self.parts.webhooks.webhooks(project, None, WEBHOOKS_MAX).await?;
                    known.push((project.clone(), webhooks));
                }
                let webhooks =
                    known.iter().filter(|(of, _)| of == project).flat_map(|(_, webhooks)| webhooks);
                for webhook in webhooks.filter(|webhook| is_told(webhook, &message, &entry)) {
                    wanted.push((webhook.id, message.clone()));
                }
            }
        }
        let now = self.now();
        let mut ids: Vec<_> = wanted.iter().map(|_| DeliveryId::generate(now, self.entropy())).collect();
        // Within a millisecond ids have no order of their own; sorted, they have that of the entries.
        ids.sort_unstable();
        let deliveries = ids.into_iter().zip(&wanted);
        Ok(deliveries.map(|(id, (webhook, message))| Delivery::due_now(id, *webhook, message, now)).collect())
    }

    /// Starts attempts of what is due, as far as there are places.
    async fn send_due(&self) -> Result<(), ControlError> {
        let mut after = None;
        loop {
            let now = self.now();
            let webhooks = self.parts.outbox.due(now, after, WEBHOOKS_BATCH).await?;
            for webhook in &webhooks {
                self.send_due_of(webhook, now).await?;
            }
            after = webhooks.last().map(|webhook| webhook.id);
            if webhooks.len() < WEBHOOKS_BATCH as usize || self.stopping.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn send_due_of(&self, webhook: &Webhook, now: Timestamp) -> Result<(), ControlError> {
        let mut lanes = self.teller.enter(webhook, now).into_iter();
        let limit = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
        if limit == 0 {
            return Ok(());
        }
        let claim = Claim { webhook: webhook.id, now, until: now.saturating_add(LEASE), limit };
        let claimed = self.parts.outbox.claim(claim).await;
        for delivery in claimed.as_ref().map(Vec::as_slice).unwrap_or_default() {
            let lane = lanes.next().expect("no more were claimed than there are places");
            self.background.spawn(super::deliver::deliver(
                self.clone(),
                webhook.clone(),
                delivery.clone(),
                lane,
            ));
        }
        for lane in lanes {
            self.teller.lanes().leave(lane, None, None, now);
        }
        Ok(claimed.map(drop)?)
    }

    async fn prune_deliveries(&self) -> Result<(), ControlError> {
        let (_, pending) = self.parts.outbox.prune(self.now().saturating_sub(KEPT_FOR)).await?;
        metrics::gauge!("casemate_webhook_pending").set(precise(pending));
        Ok(())
    }
}

/// Whether a webhook is told of an event: it wants it, was there, and is not what the event is about.
fn is_told(webhook: &Webhook, message: &Message, entry: &Entry) -> bool {
    let own = message.kind == EventKind::WebhookPaused
        && entry.event.resource == super::resource(webhook.id).to_string();
    webhook.events.want(message.kind) && message.time.saturating_add(SKEW) >= webhook.created && !own
}

/// A count as a gauge wants it.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 deliveries")]
fn precise(count: u64) -> f64 {
    count as f64
}
