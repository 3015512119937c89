//! Two nodes on one database share the work of webhooks, and neither does what the other did.

use std::collections::BTreeSet;
use std::sync::Arc;

use casemate_ledger::AuditLog;
use casemate_model::test_support::ManualClock;
use casemate_model::{DeliveryId, WebhookId};
use casemate_webhooks::{Claim, Delivery, Message, Outbox, Spread, Webhook, Webhooks};

use crate::context::{Context, open_postgres, with_postgres};

const DELIVERIES: usize = 40;

fn webhook(context: &Context) -> Webhook {
    Webhook {
        id: WebhookId::generate(context.now(), &context.entropy),
        project: context.project.clone(),
        endpoint: "https://example.org/".parse().unwrap(),
        events: "*".parse().unwrap(),
        description: "".parse().unwrap(),
        secret: (1, 1),
        former: None,
        paused: None,
        failing: None,
        dropped: 0,
        created: context.now(),
        revision: 1,
    }
}

fn delivery(context: &Context, webhook: &Webhook) -> Delivery {
    let message = Message::test(webhook.id, context.project.clone(), context.now());
    Delivery::due_now(
        DeliveryId::generate(context.now(), &context.entropy),
        webhook.id,
        &message,
        context.now(),
    )
}

/// Takes a few at a time until there are none.
async fn take_all(context: &Context, webhook: &Webhook) -> Vec<DeliveryId> {
    let (now, until, mut taken) = (context.now(), context.later(60), Vec::new());
    loop {
        let claim = Claim { webhook: webhook.id, now, until, limit: 3 };
        let some = context.store.claim(claim).await.unwrap();
        if some.is_empty() {
            return taken;
        }
        taken.extend(some.into_iter().map(|delivery| delivery.id));
    }
}

#[test]
fn two_nodes_take_no_delivery_twice_and_look_at_no_entry_twice() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let nodes =
            ["one", "two"].map(|origin| open_postgres(url.clone(), origin, Arc::new(ManualClock::new())));
        let [one, two] =
            nodes.map(|store| async { Context::new(store.await, Arc::new(ManualClock::new()), None) });
        let (one, two) = (one.await, two.await);
        let webhook = webhook(&one);
        one.store.create_webhook(&webhook, one.event("webhooks.create")).await.unwrap();

        // What the second node recorded is everybody's to look at, and looked at once.
        two.store.append(two.event("names.claim")).await.unwrap();
        let behind = one.store.behind().await.unwrap();
        let log = behind.iter().find(|log| log.origin == "two").unwrap();
        assert_eq!((log.own, log.next, log.size), (false, 0, 1));
        let (first, second) = tokio::join!(
            one.store.spread("two", (0, 1), vec![delivery(&one, &webhook)]),
            two.store.spread("two", (0, 1), vec![delivery(&two, &webhook)]),
        );
        let spread: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
        assert_eq!(spread, [Spread { kept: 1, dropped: 0 }]);

        for _ in 1..DELIVERIES {
            assert!(
                one.store.add_delivery(&delivery(&one, &webhook), one.event("webhooks.test")).await.unwrap()
            );
        }
        let (of_one, of_two) = tokio::join!(take_all(&one, &webhook), take_all(&two, &webhook));
        let all: BTreeSet<_> = of_one.iter().chain(&of_two).collect();
        assert_eq!((all.len(), of_one.len() + of_two.len()), (DELIVERIES, DELIVERIES));
        // Leases of one node are not given back by another.
        assert_eq!(one.store.release(one.now()).await.unwrap(), of_one.len() as u64);
    });
}
