//! Webhooks of a project: making and changing them. Sending is below.

mod deliver;
mod error;
mod tell;

use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{DeliveryId, Pattern, Principal, WebhookId};
use casemate_policy::{Operation, Permit, Resource, operation};
use casemate_webhooks::{
    Created, Delivery, Description, Edit, Endpoint, EventKinds, Message, PauseReason, Webhook, secret_text,
};
use secrecy::SecretString;

use crate::{Caller, Control, ControlError};

pub use error::WebhookError;
pub(crate) use tell::{Teller, tell};

/// The longest that two secrets of a webhook may sign.
const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a new webhook is to be.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where it sends to.
    pub endpoint: Endpoint,
    /// What it is told of.
    pub events: EventKinds,
    /// What a person calls it.
    pub description: Description,
}

/// What is to be changed of a webhook; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where it sends to.
    pub endpoint: Option<Endpoint>,
    /// What it is told of.
    pub events: Option<EventKinds>,
    /// What a person calls it.
    pub description: Option<Description>,
}

/// A webhook with its secret, which is shown this once.
pub struct CreatedWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// What its receiver checks deliveries with.
    pub secret: SecretString,
}

impl Control {
    /// Makes a webhook for the caller's project. It tells of nothing that the caller could not read.
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        wanted: NewWebhook,
    ) -> Result<CreatedWebhook, ControlError> {
        let permit = self.permit::<operation::CreateWebhook>(caller, &Resource::all("webhooks")).await?;
        self.refuse_excess(caller, &permit, wanted.events).await?;
        self.parts.sender.check(&wanted.endpoint).map_err(WebhookError::Endpoint)?;
        let now = self.now();
        let webhook = Webhook {
            id: WebhookId::generate(now, self.entropy()),
            project: permit.project().clone(),
            endpoint: wanted.endpoint,
            events: wanted.events,
            description: wanted.description,
            secret: (self.authenticator().webhook_pepper(), 1),
            former: None,
            paused: None,
            failing: None,
            dropped: 0,
            created: now,
            revision: 1,
        };
        let event = self.webhook_event(caller, &permit, &webhook, "created");
        match self.parts.webhooks.create_webhook(&webhook, event).await? {
            Created::Made => self.with_secret(webhook),
            Created::TooMany => Err(WebhookError::TooMany.into()),
        }
    }

    /// Lists the project's webhooks.
    pub async fn list_webhooks(
        &self,
        caller: &Caller,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, ControlError> {
        let permit = self.permit::<operation::ListWebhooks>(caller, &Resource::all("webhooks")).await?;
        Ok(self.parts.webhooks.webhooks(permit.project(), after, limit).await?)
    }

    /// Shows a webhook of the project.
    pub async fn show_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, ControlError> {
        let permit = self.permit::<operation::ShowWebhook>(caller, &resource(id)).await?;
        self.find_webhook(&permit, id).await
    }

    /// Changes where a webhook sends to, and what.
    pub async fn update_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<Webhook, ControlError> {
        let permit = self.permit::<operation::UpdateWebhook>(caller, &resource(id)).await?;
        let mut webhook = self.find_webhook(&permit, id).await?;
        // Whoever moves a webhook gets all that it tells of, and not only what he adds.
        self.refuse_excess(caller, &permit, change.events.unwrap_or(webhook.events)).await?;
        if change.endpoint.is_some() {
            self.refuse_excess(caller, &permit, webhook.events).await?;
        }
        if let Some(endpoint) = change.endpoint {
            self.parts.sender.check(&endpoint).map_err(WebhookError::Endpoint)?;
            webhook.endpoint = endpoint;
        }
        webhook.events = change.events.unwrap_or(webhook.events);
        webhook.description = change.description.unwrap_or(webhook.description);
        self.change_webhook(caller, &permit, webhook, "changed").await
    }

    /// Removes a webhook of the project, and what it has not sent yet.
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<(), ControlError> {
        let permit = self.permit::<operation::DeleteWebhook>(caller, &resource(id)).await?;
        let event = self.event(caller, permit.action(), resource(id), "removed");
        let removed = self.parts.webhooks.delete_webhook(permit.project(), id, event).await?;
        if removed { Ok(()) } else { Err(WebhookError::NotFound(id).into()) }
    }

    /// Gives a webhook another secret. Deliveries are signed with the former one too for `overlap`.
    pub async fn rotate_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        overlap: Duration,
    ) -> Result<CreatedWebhook, ControlError> {
        let permit = self.permit::<operation::RotateWebhook>(caller, &resource(id)).await?;
        if overlap > OVERLAP_MAX {
            return Err(WebhookError::Overlap.into());
        }
        let mut webhook = self.find_webhook(&permit, id).await?;
        // Whoever has the secret can tell its receiver anything.
        self.refuse_excess(caller, &permit, webhook.events).await?;
        let former = (webhook.secret, self.now().saturating_add(overlap));
        webhook.former = (!overlap.is_zero()).then_some(former);
        webhook.secret = (self.authenticator().webhook_pepper(), webhook.secret.1 + 1);
        let webhook = self.change_webhook(caller, &permit, webhook, "secret exchanged").await?;
        self.with_secret(webhook)
    }

    /// Has a webhook send nothing until it is resumed. What happens meanwhile waits, up to the bound of what may wait.
    pub async fn pause_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, ControlError> {
        let permit = self.permit::<operation::PauseWebhook>(caller, &resource(id)).await?;
        let mut webhook = self.find_webhook(&permit, id).await?;
        if webhook.paused.is_some() {
            return Ok(webhook);
        }
        webhook.paused = Some((PauseReason::Asked, self.now()));
        self.change_webhook(caller, &permit, webhook, "paused").await
    }

    /// Has a webhook send again, whatever it was paused for.
    pub async fn resume_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, ControlError> {
        let permit = self.permit::<operation::ResumeWebhook>(caller, &resource(id)).await?;
        let mut webhook = self.find_webhook(&permit, id).await?;
        if webhook.paused.is_none() {
            return Ok(webhook);
        }
        (webhook.paused, webhook.failing) = (None, None);
        self.change_webhook(caller, &permit, webhook, "resumed").await
    }

    /// Has a webhook send a test event.
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Delivery, ControlError> {
        let permit = self.permit::<operation::TestWebhook>(caller, &resource(id)).await?;
        let webhook = self.find_webhook(&permit, id).await?;
        let now = self.now();
        let message = Message::test(id, webhook.project, now);
        let delivery =
            Delivery::due_now(DeliveryId::generate(now, self.entropy()), webhook.id, &message, now);
        let mut event = self.event(caller, permit.action(), resource(id), "test to be sent");
        event.details.push(("delivery".to_owned(), delivery.id.to_string()));
        if !self.parts.webhooks.add_delivery(&delivery, event).await? {
            return Err(WebhookError::NotFound(id).into());
        }
        self.teller.wake();
        Ok(delivery)
    }

    /// Lists what a webhook has sent and is to send, the newest first.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, ControlError> {
        let permit = self.permit::<operation::ListDeliveries>(caller, &resource(id)).await?;
        self.find_webhook(&permit, id).await?;
        Ok(self.parts.webhooks.deliveries(id, before, limit).await?)
    }

    /// Has a webhook send something once more, under the id that it had.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Delivery, ControlError> {
        let permit = self.permit::<operation::Redeliver>(caller, &resource(id)).await?;
        self.find_webhook(&permit, id).await?;
        let mut event = self.event(caller, permit.action(), resource(id), "to be sent again");
        event.details.push(("delivery".to_owned(), delivery.to_string()));
        let found = self.parts.webhooks.redeliver(id, delivery, self.now(), event).await?;
        self.teller.wake();
        Ok(found.ok_or(WebhookError::DeliveryNotFound(delivery))?)
    }

    async fn find_webhook<O: Operation>(
        &self,
        permit: &Permit<O>,
        id: WebhookId,
    ) -> Result<Webhook, ControlError> {
        let found = self.parts.webhooks.webhook(permit.project(), id).await?;
        Ok(found.ok_or(WebhookError::NotFound(id))?)
    }

    async fn change_webhook<O: Operation>(
        &self,
        caller: &Caller,
        permit: &Permit<O>,
        mut webhook: Webhook,
        outcome: &'static str,
    ) -> Result<Webhook, ControlError> {
        let event = self.webhook_event(caller, permit, &webhook, outcome);
        match self.parts.webhooks.change_webhook(&webhook, event).await? {
            Edit::Done => {}
            Edit::Missing => return Err(WebhookError::NotFound(webhook.id).into()),
            Edit::Changed => return Err(WebhookError::Changed(webhook.id).into()),
        }
        webhook.revision += 1;
        self.teller.begin_anew(webhook.id);
        Ok(webhook)
    }

    /// The entry of a change. The path of a URL is often a secret of the receiver, so it stays out.
    fn webhook_event<O: Operation>(
        &self,
        caller: &Caller,
        permit: &Permit<O>,
        webhook: &Webhook,
        outcome: &'static str,
    ) -> Event {
        let mut event = self.event(caller, permit.action(), resource(webhook.id), outcome);
        event.details.push(("events".to_owned(), webhook.events.to_string()));
        event.details.push(("host".to_owned(), webhook.endpoint.host_text()));
        if let Some((reason, _)) = webhook.paused {
            event.details.push(("reason".to_owned(), reason.to_string()));
        }
        event
    }

    /// Refuses, and records, a webhook that would tell of what its maker cannot read everywhere in the project.
    async fn refuse_excess<O: Operation>(
        &self,
        caller: &Caller,
        permit: &Permit<O>,
        events: EventKinds,
    ) -> Result<(), ControlError> {
        let maker: &Principal = permit.principal();
        let unread = events.iter().find(|kind| !maker.scopes.cover(kind.scope(), &Pattern::all()));
        let Some(kind) = unread else { return Ok(()) };
        let why = "the webhook would tell of what its maker cannot read";
        self.record_refused(caller, permit.action(), "webhooks", why).await?;
        Err(WebhookError::ExceedsMaker(kind).into())
    }

    fn with_secret(&self, webhook: Webhook) -> Result<CreatedWebhook, ControlError> {
        let secret = self.authenticator().webhook_secret(webhook.id, webhook.secret);
        let secret = secret.expect("it follows from the pepper that makes hashes");
        Ok(CreatedWebhook { webhook, secret: SecretString::from(secret_text(&secret).to_string()) })
    }
}

fn resource(id: WebhookId) -> Resource {
    Resource::one("webhook", id)
}
