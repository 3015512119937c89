use casemate_ledger::{AuditLog, Entry};
use casemate_model::{DeliveryId, Timestamp, WebhookId};
use casemate_webhooks::{
    Attempted, Claim, Created, Delivery, DeliveryState, Edit, EventKind, Finished, Message, Outbox,
    PauseReason, Spread, WEBHOOKS_MAX, Webhook, WebhookPause, Webhooks,
};

use crate::context::{Context, LIMITS};

impl Context {
    fn a_webhook(&self) -> Webhook {
        Webhook {
            id: WebhookId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            endpoint: "https://example.org/hooks?a=b".parse().unwrap(),
            events: "object.* task.ended".parse().unwrap(),
            description: "the build bot".parse().unwrap(),
            secret: (1, 1),
            former: None,
            paused: None,
            failing: None,
            dropped: 0,
            created: self.now(),
            revision: 1,
        }
    }

    async fn make_webhook(&self) -> Webhook {
        let webhook = self.a_webhook();
        let made = self.store.create_webhook(&webhook, self.event("webhooks.create")).await.unwrap();
        assert_eq!(made, Created::Made);
        webhook
    }

    fn a_delivery(&self, webhook: &Webhook) -> Delivery {
        let message = Message::test(webhook.id, self.project.clone(), self.now());
        Delivery::due_now(DeliveryId::generate(self.now(), &self.entropy), webhook.id, &message, self.now())
    }

    async fn add_deliveries(&self, webhook: &Webhook, count: usize) -> Vec<Delivery> {
        let mut added: Vec<_> = (0..count).map(|_| self.a_delivery(webhook)).collect();
        added.sort_by_key(|delivery| delivery.id);
        for delivery in &added {
            assert!(self.store.add_delivery(delivery, self.event("webhooks.test")).await.unwrap());
        }
        added
    }

    async fn take(&self, webhook: &Webhook, limit: u32) -> Vec<Delivery> {
        let (now, until) = (self.now(), self.later(60));
        self.store.claim(Claim { webhook: webhook.id, now, until, limit }).await.unwrap()
    }

    fn attempt(&self, delivery: &Delivery, state: DeliveryState) -> Attempted {
        let delivered = state == DeliveryState::Delivered;
        Attempted {
            delivery: delivery.id,
            webhook: delivery.webhook,
            revision: 1,
            attempts: delivery.attempts,
            at: self.now(),
            status: Some(if delivered { 200 } else { 500 }),
            error: (!delivered).then(|| "the receiver answered 500".to_owned()),
            state,
            pause: None,
        }
    }

    async fn stored_webhook(&self, webhook: &Webhook) -> Webhook {
        self.store.webhook(&self.project, webhook.id).await.unwrap().unwrap()
    }
}

pub(super) async fn webhooks_are_made_changed_and_removed(context: &Context) {
    let mut webhook = context.make_webhook().await;
    assert_eq!(context.stored_webhook(&webhook).await, webhook);
    let elsewhere = "elsewhere".parse().unwrap();
    assert_eq!(context.store.webhook(&elsewhere, webhook.id).await.unwrap(), None, "of another project");

    webhook.endpoint = "http://127.0.0.1:8080/".parse().unwrap();
    webhook.former = Some((webhook.secret, context.later(60)));
    (webhook.secret, webhook.paused) = ((2, 2), Some((PauseReason::Asked, context.now())));
    let change = async |webhook: &Webhook| {
        context.store.change_webhook(webhook, context.event("webhooks.update")).await.unwrap()
    };
    assert_eq!(change(&webhook).await, Edit::Done);
    assert_eq!(change(&webhook).await, Edit::Changed, "it was read before the change");
    webhook.revision = 2;
    assert_eq!(context.stored_webhook(&webhook).await, webhook);
    let stranger = Webhook { project: elsewhere.clone(), ..webhook.clone() };
    assert_eq!(change(&stranger).await, Edit::Missing);

    let second = context.make_webhook().await;
    let list = async |after, limit| {
        let page = context.store.webhooks(&context.project, after, limit).await.unwrap();
        page.into_iter().map(|webhook| webhook.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 1).await, [webhook.id]);
    assert_eq!(list(Some(webhook.id), 9).await, [second.id]);

    context.add_deliveries(&webhook, 2).await;
    let delete = async |project, id| {
        context.store.delete_webhook(project, id, context.event("webhooks.delete")).await.unwrap()
    };
    assert!(!delete(&elsewhere, webhook.id).await);
    assert!(delete(&context.project, webhook.id).await);
    assert!(!delete(&context.project, webhook.id).await);
    assert_eq!(context.store.deliveries(webhook.id, None, 9).await.unwrap(), []);
    let late = context.a_delivery(&webhook);
    assert!(!context.store.add_delivery(&late, context.event("webhooks.test")).await.unwrap());
    assert_eq!(context.actions().await.iter().filter(|action| *action == "webhooks.delete").count(), 1);
}

pub(super) async fn there_are_only_so_many_webhooks(context: &Context) {
    for _ in 0..WEBHOOKS_MAX {
        context.make_webhook().await;
    }
    let size = context.store.size().await.unwrap();
    let one_more = context.a_webhook();
    let made = context.store.create_webhook(&one_more, context.event("webhooks.create")).await.unwrap();
    assert_eq!((made, context.store.size().await.unwrap()), (Created::TooMany, size));
    let elsewhere = Webhook { project: "elsewhere".parse().unwrap(), ..one_more };
    let made = context.store.create_webhook(&elsewhere, context.event("webhooks.create")).await.unwrap();
    assert_eq!(made, Created::Made, "another project has its own");
}

pub(super) async fn the_log_is_the_outbox_of_webhooks(context: &Context) {
    context.put("before", b"nobody wants to hear of it").await;
    assert_eq!(context.store.behind().await.unwrap(), [], "there is no webhook");
    let webhook = context.make_webhook().await;
    let after = context.store.size().await.unwrap();
    context.put("after", b"content").await;
    context.put("after", b"other content").await;

    let behind = context.store.behind().await.unwrap();
    let [log] = &behind[..] else { panic!("{behind:?}") };
    assert!(log.own && log.size == after + 2 && (log.next == after || log.next == after - 1), "{log:?}");
    let entries = context.store.entries_of(&log.origin, after, 9).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|bytes| Entry::decode(bytes).unwrap().event.action).collect();
    assert_eq!(actions, ["objects.put", "objects.put"]);

    let deliveries = vec![context.a_delivery(&webhook), context.a_delivery(&webhook)];
    let spread = async |from, to, deliveries: &Vec<Delivery>| {
        context.store.spread(&log.origin, (from, to), deliveries.clone()).await.unwrap()
    };
    assert_eq!(spread(log.next + 1, log.size, &deliveries).await, None, "somebody else was here");
    let done = Some(Spread { kept: 2, dropped: 0 });
    assert_eq!(spread(log.next, log.size, &deliveries).await, done);
    assert_eq!(spread(log.next, log.size, &deliveries).await, None, "each entry is looked at once");
    assert_eq!(context.store.behind().await.unwrap(), []);
    assert_eq!(context.store.deliveries(webhook.id, None, 9).await.unwrap().len(), 2);
    let kinds: Vec<_> = context.take(&webhook, 9).await.iter().map(|delivery| delivery.kind).collect();
    assert_eq!(kinds, [EventKind::Test; 2]);
}

pub(super) async fn only_so_much_waits_for_a_webhook(context: &Context) {
    let (webhook, other) = (context.make_webhook().await, context.make_webhook().await);
    context.put("one", b"content").await;
    let log = context.store.behind().await.unwrap().remove(0);
    let most = usize::try_from(LIMITS.webhook_pending_max).unwrap();
    let mut deliveries: Vec<_> = (0..most + 3).map(|_| context.a_delivery(&webhook)).collect();
    deliveries.push(context.a_delivery(&other));
    let spread = context.store.spread(&log.origin, (log.next, log.size), deliveries).await.unwrap();
    assert_eq!(spread, Some(Spread { kept: most as u64 + 1, dropped: 3 }));
    assert_eq!(context.stored_webhook(&webhook).await.dropped, 3);
    assert_eq!(context.stored_webhook(&other).await.dropped, 0);
}

pub(super) async fn a_delivery_is_tried_until_it_ends(context: &Context) {
    let webhook = context.make_webhook().await;
    let added = context.add_deliveries(&webhook, 3).await;
    assert_eq!(context.store.due(context.now(), None, 9).await.unwrap(), std::slice::from_ref(&webhook));
    assert_eq!(context.store.due(context.now(), Some(webhook.id), 9).await.unwrap(), []);

    let taken = context.take(&webhook, 2).await;
    let ids = |deliveries: &[Delivery]| deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>();
    assert_eq!((ids(&taken), taken[0].attempts), (ids(&added[..2]), 1), "the oldest first");
    assert_eq!(ids(&context.take(&webhook, 9).await), ids(&added[2..]), "nobody else takes what is taken");

    let failed = context.attempt(&taken[0], DeliveryState::Pending(context.later(5)));
    let finished = context.store.finish(failed.clone()).await.unwrap();
    assert!(finished.counted && !finished.paused);
    assert!(!context.store.finish(failed).await.unwrap().counted, "it is over");
    assert_eq!(context.stored_webhook(&webhook).await.failing, Some(context.now()));
    let done = context.attempt(&taken[1], DeliveryState::Delivered);
    assert!(context.store.finish(done).await.unwrap().counted);
    assert_eq!(context.stored_webhook(&webhook).await.failing, None);

    context.clock.advance(std::time::Duration::from_secs(5));
    let again = context.take(&webhook, 9).await;
    assert_eq!((ids(&again), again[0].attempts), (ids(&added[..1]), 2));
    // Whoever had it first hears too late that it failed.
    let late = context.attempt(&taken[0], DeliveryState::Delivered);
    assert!(!context.store.finish(late).await.unwrap().counted);
    let given_up = context.attempt(&again[0], DeliveryState::Failed);
    assert!(context.store.finish(given_up).await.unwrap().counted);

    let listed = context.store.deliveries(webhook.id, None, 9).await.unwrap();
    let states: Vec<_> = listed.iter().rev().map(|delivery| (delivery.state, delivery.status)).collect();
    let pending = DeliveryState::Pending(Timestamp::EPOCH.max(added[2].created).saturating_add(LEASE));
    assert_eq!(
        states,
        [(DeliveryState::Failed, Some(500)), (DeliveryState::Delivered, Some(200)), (pending, None)]
    );
    assert_eq!(listed[2].error.as_deref(), Some("the receiver answered 500"));
    let page = context.store.deliveries(webhook.id, Some(added[1].id), 9).await.unwrap();
    assert_eq!(ids(&page), ids(&added[..1]));
}

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn a_lease_ends_by_time_or_with_its_holder(context: &Context) {
    let webhook = context.make_webhook().await;
    context.add_deliveries(&webhook, 2).await;
    assert_eq!(context.take(&webhook, 1).await[0].attempts, 1);
    context.clock.advance(LEASE);
    let taken = context.take(&webhook, 9).await;
    assert_eq!(taken.iter().map(|delivery| delivery.attempts).sum::<u32>(), 3, "one for the second time");
    assert_eq!(context.take(&webhook, 9).await, []);
    assert_eq!(context.store.release(context.now()).await.unwrap(), 2, "a new run of the node knows better");
    assert_eq!(context.take(&webhook, 9).await.len(), 2);
}

pub(super) async fn a_webhook_is_paused_once_with_its_entry(context: &Context) {
    let webhook = context.make_webhook().await;
    context.add_deliveries(&webhook, 3).await;
    let taken = context.take(&webhook, 2).await;
    let size = context.store.size().await.unwrap();
    for (delivery, first) in taken.iter().zip([true, false]) {
        let event = Box::new(context.event("webhooks.pause"));
        let pause = Some(WebhookPause { reason: PauseReason::Gone, event });
        let gone = Attempted { pause, ..context.attempt(delivery, DeliveryState::Failed) };
        assert_eq!(context.store.finish(gone).await.unwrap().paused, first);
    }
    assert_eq!(context.store.size().await.unwrap(), size + 1);
    assert_eq!(context.stored_webhook(&webhook).await.paused, Some((PauseReason::Gone, context.now())));
    assert_eq!(context.store.due(context.now(), None, 9).await.unwrap(), [], "what waits goes on waiting");
}

pub(super) async fn what_came_of_an_attempt_says_nothing_of_a_webhook_that_was_changed_since(
    context: &Context,
) {
    let mut webhook = context.make_webhook().await;
    context.add_deliveries(&webhook, 1).await;
    let taken = context.take(&webhook, 1).await;
    webhook.endpoint = "https://elsewhere.example/".parse().unwrap();
    let edit = context.store.change_webhook(&webhook, context.event("webhooks.change")).await.unwrap();
    assert_eq!(edit, Edit::Done);
    let event = Box::new(context.event("webhooks.pause"));
    let pause = Some(WebhookPause { reason: PauseReason::Gone, event });
    let gone = Attempted { pause, ..context.attempt(&taken[0], DeliveryState::Failed) };
    assert_eq!(context.store.finish(gone).await.unwrap(), Finished { counted: true, paused: false });
    let stored = context.stored_webhook(&webhook).await;
    assert_eq!((stored.paused, stored.failing), (None, None));
}

pub(super) async fn a_delivery_is_sent_again_on_demand(context: &Context) {
    let webhook = context.make_webhook().await;
    let added = context.add_deliveries(&webhook, 1).await;
    let again = async |id| {
        let event = context.event("webhooks.redeliver");
        context.store.redeliver(webhook.id, id, context.now(), event).await.unwrap()
    };
    let taken = context.take(&webhook, 1).await;
    let under_way = again(added[0].id).await.unwrap();
    assert_eq!((under_way.attempts, context.take(&webhook, 1).await), (1, vec![]), "it is under way");
    let done = context.attempt(&taken[0], DeliveryState::Delivered);
    assert!(context.store.finish(done).await.unwrap().counted);
    let due = again(added[0].id).await.unwrap();
    assert_eq!((due.state, due.attempts), (DeliveryState::Pending(context.now()), 0));
    assert_eq!(context.take(&webhook, 1).await[0].id, added[0].id, "under the id that it had");
    let unknown = DeliveryId::generate(context.now(), &context.entropy);
    assert_eq!(again(unknown).await, None);
}

pub(super) async fn deliveries_that_are_over_are_forgotten(context: &Context) {
    let webhook = context.make_webhook().await;
    context.add_deliveries(&webhook, 3).await;
    for delivery in context.take(&webhook, 2).await {
        let done = context.attempt(&delivery, DeliveryState::Delivered);
        assert!(context.store.finish(done).await.unwrap().counted);
    }
    assert_eq!(context.store.prune(context.now()).await.unwrap(), (0, 1), "none is older");
    assert_eq!(context.store.prune(context.later(1)).await.unwrap(), (2, 1));
    assert_eq!(context.store.deliveries(webhook.id, None, 9).await.unwrap().len(), 1);
}
