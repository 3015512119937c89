//! `casemate webhook`: having events of the project sent to other programs.

use std::time::Duration;

use casemate_api::webhooks::{
    CreateWebhook, DeliveryState, PauseReason, RotateWebhook, UpdateWebhook, Webhook as Shown,
};
use casemate_model::{DeliveryId, WebhookId};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::span::span;
use crate::tables::Column;

/// Have events of the project sent to other programs, signed as Standard Webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    Add(Add),
    Ls(List),
    Show(Show),
    Set(Set),
    Rm(Remove),
    Rotate(Rotate),
    Test(Test),
    Deliveries(Deliveries),
    Redeliver(Redeliver),
    Pause(Pause),
    Resume(Resume),
}

impl Webhook {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Add(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Set(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
            Self::Rotate(command) => command.execute(context).await,
            Self::Test(command) => command.execute(context).await,
            Self::Deliveries(command) => command.execute(context).await,
            Self::Redeliver(command) => command.execute(context).await,
            Self::Pause(command) => command.execute(context).await,
            Self::Resume(command) => command.execute(context).await,
        }
    }
}

/// Make a webhook. Its secret is printed this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook add https://example.org/hooks --event object.stored --event 'task.*'
  casemate webhook add https://example.org/hooks --description 'the build bot' > webhook.secret")]
pub(crate) struct Add {
    /// Where it sends to.
    #[arg(value_name = "URL")]
    endpoint: String,
    /// What it is told of: an event such as object.stored, a group such as task.*, or * for all there are today; give it several
    /// times for several. All otherwise.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
}

impl Add {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let events = if self.events.is_empty() { vec!["*".to_owned()] } else { self.events.clone() };
        let wanted =
            CreateWebhook { url: self.endpoint.clone(), events, description: self.description.clone() };
        let created = context.client()?.webhooks_create(&wanted).await?;
        if context.output.json() {
            context.output.value(&created)?;
        } else {
            context.output.note(&format!("made {}; nobody can show its secret again:", created.webhook.id));
            context.output.line(&created.secret)?;
        }
        Ok(Status::Done)
    }
}

/// List webhooks, without their secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook ls
  casemate webhook ls --json | jq -r '.[] | select(.paused) | .id'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let read = |page| async move { client.webhooks_list(&page).await };
        let webhooks = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&webhooks)?;
            return Ok(Status::Done);
        }
        if webhooks.is_empty() {
            output.note("no webhooks yet; `casemate webhook add URL` makes one");
        }
        let rows = webhooks.into_iter().map(|webhook| {
            let status = status(&webhook);
            vec![webhook.id, webhook.url, webhook.events.join(" "), status]
        });
        output.rows(&["webhook", "url", "events", "status"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Whether a webhook sends, in words.
fn status(webhook: &Shown) -> String {
    let since = webhook.paused_since.as_deref().unwrap_or_default();
    match (webhook.paused, &webhook.failing_since) {
        (Some(PauseReason::Asked), _) => format!("paused since {since}"),
        (Some(PauseReason::Gone), _) => format!("paused since {since}: its receiver is gone"),
        (Some(PauseReason::Failing), _) => format!("paused since {since}: nothing but failures for days"),
        (None, Some(since)) => format!("failing since {since}"),
        (None, None) => "good".to_owned(),
    }
}

/// Show a webhook, without its secret.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook show whk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Show {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let webhook = context.client()?.webhooks_show(&self.id.to_string()).await?;
        shown(context, &webhook)
    }
}

fn shown(context: &Context, webhook: &Shown) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(webhook)?;
        return Ok(Status::Done);
    }
    let mut fields = vec![
        ("webhook", webhook.id.clone()),
        ("url", webhook.url.clone()),
        ("events", webhook.events.join(" ")),
        ("status", status(webhook)),
        ("created", webhook.created.clone()),
    ];
    if !webhook.description.is_empty() {
        fields.push(("description", webhook.description.clone()));
    }
    if webhook.dropped > 0 {
        fields.push(("dropped", webhook.dropped.to_string()));
    }
    if let Some(until) = &webhook.former_until {
        fields.push(("former secret until", until.clone()));
    }
    context.output.fields(&fields)?;
    Ok(Status::Done)
}

/// Change where a webhook sends to, and what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook set whk_01kg9ys7kv040g2081040g2081 --endpoint https://example.org/new
  casemate webhook set whk_01kg9ys7kv040g2081040g2081 --event 'name.*' --event task.ended")]
pub(crate) struct Set {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// Where it sends to from now on.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// What it is told of from now on, in place of all before; give it several times for several.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let change = UpdateWebhook {
            url: self.endpoint.clone(),
            events: (!self.events.is_empty()).then(|| self.events.clone()),
            description: self.description.clone(),
        };
        let webhook = context.client()?.webhooks_update(&self.id.to_string(), &change).await?;
        shown(context, &webhook)
    }
}

/// Remove a webhook. What it has not sent yet is not sent any more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook rm whk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Remove {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.webhooks_delete(&self.id.to_string()).await?;
        context.output.note(&format!("removed {}", self.id));
        Ok(Status::Done)
    }
}

/// Give a webhook another secret, which is printed this once. Deliveries are signed with the former one too for a while.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook rotate whk_01kg9ys7kv040g2081040g2081 > webhook.secret
  casemate webhook rotate whk_01kg9ys7kv040g2081040g2081 --overlap 1h")]
pub(crate) struct Rotate {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// How long deliveries are signed with the former secret too, at most 30 days; 0m for not at all.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = span)]
    overlap: Duration,
}

impl Rotate {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let rotate = RotateWebhook { overlap_seconds: self.overlap.as_secs() };
        let made = context.client()?.webhooks_rotate(&self.id.to_string(), &rotate).await?;
        if context.output.json() {
            context.output.value(&made)?;
        } else {
            let until = made.webhook.former_until.as_deref().unwrap_or("now");
            let id = self.id;
            context.output.note(&format!("{id} has a new secret; the former one signs too until {until}:"));
            context.output.line(&made.secret)?;
        }
        Ok(Status::Done)
    }
}

/// Have a webhook send a test event.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook test whk_01kg9ys7kv040g2081040g2081
  casemate webhook deliveries whk_01kg9ys7kv040g2081040g2081 --limit 1")]
pub(crate) struct Test {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
}

impl Test {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let delivery = context.client()?.webhooks_test(&self.id.to_string()).await?;
        if context.output.json() {
            context.output.value(&delivery)?;
        } else {
            context
                .output
                .note("a test event is on its way; `casemate webhook deliveries` shows how it ended");
            context.output.line(&delivery.id)?;
        }
        Ok(Status::Done)
    }
}

/// List what a webhook has sent and is to send, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook deliveries whk_01kg9ys7kv040g2081040g2081
  casemate webhook deliveries whk_01kg9ys7kv040g2081040g2081 --json | jq -r '.[] | select(.state == \"failed\") | .id'")]
pub(crate) struct Deliveries {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    #[command(flatten)]
    paging: Paging,
}

impl Deliveries {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, id) = (&client, self.id.to_string());
        let id = id.as_str();
        let read = |page| async move { client.webhooks_deliveries(id, &page).await };
        let deliveries = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&deliveries)?;
            return Ok(Status::Done);
        }
        if deliveries.is_empty() {
            output.note("nothing yet; `casemate webhook test WEBHOOK` sends a test event");
        }
        let rows = deliveries.into_iter().map(|delivery| {
            let state = match delivery.state {
                DeliveryState::Pending => "pending",
                DeliveryState::Delivered => "delivered",
                DeliveryState::Failed => "failed",
            };
            let answer = delivery.status.map_or_else(String::new, |status| status.to_string());
            let error = delivery.error.unwrap_or_default();
            vec![
                delivery.id,
                delivery.event,
                state.to_owned(),
                delivery.attempts.to_string(),
                answer,
                delivery.due.unwrap_or_default(),
                error,
            ]
        });
        let columns = [
            Column::Text("delivery"),
            Column::Text("event"),
            Column::Text("state"),
            Column::Number("attempts"),
            Column::Number("answer"),
            Column::Text("next"),
            Column::Text("last error"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Send something once more, under the id that it had.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook redeliver whk_01kg9ys7kv040g2081040g2081 dlv_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Redeliver {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// The delivery's id.
    delivery: DeliveryId,
}

impl Redeliver {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (webhook, id) = (self.id.to_string(), self.delivery.to_string());
        let delivery = context.client()?.webhooks_redeliver(&webhook, &id).await?;
        if context.output.json() {
            context.output.value(&delivery)?;
        } else {
            context.output.note(&format!("{id} is sent again"));
        }
        Ok(Status::Done)
    }
}

/// Have a webhook send nothing until it is resumed. What happens meanwhile waits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook pause whk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Pause {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
}

impl Pause {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let webhook = context.client()?.webhooks_pause(&self.id.to_string()).await?;
        done(context, &webhook, "paused")
    }
}

/// Have a webhook send again, whatever it was paused for.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate webhook resume whk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Resume {
    /// The webhook's id.
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
}

impl Resume {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let webhook = context.client()?.webhooks_resume(&self.id.to_string()).await?;
        done(context, &webhook, "resumed")
    }
}

fn done(context: &Context, webhook: &Shown, what: &str) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(webhook)?;
    } else {
        context.output.note(&format!("{what} {}", webhook.id));
    }
    Ok(Status::Done)
}
