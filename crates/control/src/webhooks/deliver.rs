//! One attempt of one delivery.

use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::Timestamp;
use casemate_webhooks::{
    Answer, Attempted, Delivery, DeliveryState, Lane, Next, PauseReason, SendError, Webhook, WebhookPause,
    next, sign,
};

use tokio::time::Instant;

use crate::{Change, Control};

/// How often it is tried to write down how an attempt ended, before the lease decides.
const NOTE_TRIES: u32 = 3;

/// How long to wait between two of them.
const NOTE_PAUSE: Duration = Duration::from_millis(500);

/// Sends a delivery once and writes down what came of it.
pub(super) async fn deliver(control: Control, webhook: Webhook, delivery: Delivery, lane: Lane) {
    let began = Instant::now();
    let sending = control.send(&webhook, &delivery);
    let outcome = tokio::select! {
        outcome = sending => outcome,
        // The delivery stays leased, and is released when the node is back. Others take it when the lease ends.
        () = control.stopping.cancelled() => {
            control.teller.lanes().leave(lane, None, None, control.now());
            return;
        }
    };
    metrics::histogram!("casemate_webhook_attempt_seconds").record(began.elapsed().as_secs_f64());
    let now = control.now();
    let next = next(&outcome, delivery.attempts, webhook.failing, now, control.entropy());
    let hold = match next {
        Next::Again { hold, .. } => hold,
        Next::Delivered | Next::GiveUp | Next::Pause(_) => None,
    };
    // Only who does not work at all is left in peace: an answer, whatever it says, shows that somebody is there, but one
    // that is no success is a failure to the breaker, as load may be the reason.
    let succeeded = next == Next::Delivered;
    control.teller.lanes().leave(lane, Some(succeeded), hold, now);
    control.note_attempt(&webhook, &delivery, &outcome, next).await;
    control.teller.wake();
}

impl Control {
    async fn send(&self, webhook: &Webhook, delivery: &Delivery) -> Result<Answer, SendError> {
        let now = self.now();
        let secret = |number| self.authenticator().webhook_secret(webhook.id, number);
        let secrets: Option<Vec<_>> = webhook.secrets(now).map(secret).collect();
        let signature = sign(&secrets.ok_or(SendError::NoSecret)?, delivery.id, now, &delivery.body);
        let headers = [delivery.id.to_string(), (now.as_millis() / 1_000).to_string(), signature];
        self.parts.sender.send(&webhook.endpoint, headers, delivery.body.clone()).await
    }

    async fn note_attempt(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        outcome: &Result<Answer, SendError>,
        next: Next,
    ) {
        metrics::counter!("casemate_webhook_attempts_total", "outcome" => word(outcome)).increment(1);
        let attempted = self.attempted(webhook, delivery, outcome, next);
        for tries_left in (0..NOTE_TRIES).rev() {
            match self.parts.outbox.finish(attempted.clone()).await {
                Ok(finished) if finished.paused => {
                    tracing::warn!(webhook = %webhook.id, "a webhook was paused because its receiver does not work");
                    let change = Change::Webhook { id: webhook.id };
                    return self.feed.publish(Some(webhook.project.clone()), change);
                }
                Ok(_) => return,
                Err(error) if tries_left == 0 => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, webhook = %webhook.id, "how a delivery ended is not written down; it is sent again");
                }
                Err(_) => tokio::time::sleep(NOTE_PAUSE).await,
            }
        }
    }

    fn attempted(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        outcome: &Result<Answer, SendError>,
        next: Next,
    ) -> Attempted {
        let at = self.now();
        let (state, pause) = match next {
            Next::Delivered => (DeliveryState::Delivered, None),
            Next::Again { due, .. } => (DeliveryState::Pending(due), None),
            Next::GiveUp => (DeliveryState::Failed, None),
            Next::Pause(reason) => (DeliveryState::Failed, Some(self.pause(webhook, reason, at))),
        };
        let (status, error) = match outcome {
            Ok(answer) if answer.is_success() => (Some(answer.status), None),
            Ok(answer) => (Some(answer.status), Some(format!("the receiver answered {}", answer.status))),
            Err(error) => (None, Some(error.to_string())),
        };
        Attempted {
            delivery: delivery.id,
            webhook: webhook.id,
            revision: webhook.revision,
            attempts: delivery.attempts,
            at,
            status,
            error,
            state,
            pause,
        }
    }

    fn pause(&self, webhook: &Webhook, reason: PauseReason, at: Timestamp) -> WebhookPause {
        let node = self.node_caller(&webhook.project);
        let resource = super::resource(webhook.id);
        let mut event: Event = self.event(&node, "webhooks.pause", resource, "paused");
        event.time = at;
        event.details.push(("host".to_owned(), webhook.endpoint.host_text()));
        event.details.push(("reason".to_owned(), reason.to_string()));
        WebhookPause { reason, event: Box::new(event) }
    }
}

/// How an attempt ended, as the metric says it.
fn word(outcome: &Result<Answer, SendError>) -> &'static str {
    match outcome {
        Ok(answer) if answer.is_success() => "delivered",
        Ok(_) => "answered",
        Err(SendError::Refused | SendError::Plain) => "refused",
        Err(SendError::TimedOut) => "timed_out",
        Err(
            SendError::Unresolved
            | SendError::Unreachable
            | SendError::NotTrusted
            | SendError::Broken
            | SendError::NoSecret,
        ) => "failed",
    }
}
