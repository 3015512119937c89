//! How names come into other hands, stay in these, or leave them.

use casemate_api::Client;
use casemate_api::names::{AcceptName, Name as NameRecord, NameChange, OfferName};
use casemate_model::{Name as NameText, Project};
use clap::Args;

use crate::address::Content;
use crate::context::Context;
use crate::report::{CliError, Status};

use super::signing::{KeyOptions, draft, owner_of, sign};
use super::{digest_of, show};

/// Keep a name for another year.
///
/// It can be renewed from 90 days before its end on, and for 30 days afterwards, in which it means nothing and nobody else gets it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name renew wordcount.tools
  casemate name list --ending                which ones are next")]
pub(crate) struct Renew {
    /// The name.
    name: NameText,
}

impl Renew {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let renewed = match signed_if_owned(&client, &self.name, NameChange::Renewed).await? {
            Some(renewed) => renewed,
            None => client.names_renew(self.name.as_str()).await?,
        };
        show(context, renewed)
    }
}

/// Offer a name to another project.
///
/// It is that project's when it accepts, within 7 days. A name below one of yours stays in your power, and ends with yours.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name offer wordcount.tools --to tools
  casemate name withdraw wordcount.tools           call it off")]
pub(crate) struct Offer {
    /// The name.
    name: NameText,
    /// The project.
    #[arg(long, value_name = "PROJECT")]
    to: Project,
}

impl Offer {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let held = client.names_show(self.name.as_str()).await?;
        let to = self.to.to_string();
        let Some(owner) = owner_of(&held)? else {
            return show(context, client.names_offer(self.name.as_str(), &OfferName { to }).await?);
        };
        let mut wanted = draft(NameChange::Offered);
        wanted.to = Some(to);
        show(context, sign(&client, &self.name, &wanted, &[owner]).await?)
    }
}

/// Call off an offer of a name, or a change of its keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name withdraw wordcount.tools")]
pub(crate) struct Withdraw {
    /// The name.
    name: NameText,
}

impl Withdraw {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let withdrawn = match signed_if_owned(&client, &self.name, NameChange::Withdrawn).await? {
            Some(withdrawn) => withdrawn,
            None => client.names_withdraw(self.name.as_str()).await?,
        };
        show(context, withdrawn)
    }
}

/// Take over a name that is offered to your project.
///
/// Your project must have the content that it means, or name another.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name list --offered
  casemate name accept wordcount.tools
  casemate name accept wordcount.tools cm://builds/our-wordcount.wasm --owner-key mine")]
pub(crate) struct Accept {
    /// The name.
    name: NameText,
    /// What it is to mean: cm://BUCKET/KEY or sha256:…; what it means, if not given.
    content: Option<Content>,
    #[command(flatten)]
    keys: KeyOptions,
}

impl Accept {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let named = self.keys.named()?;
        let digest = match &self.content {
            Some(content) => Some(digest_of(&client, content).await?),
            None => None,
        };
        let Some(owner) = named.owner else {
            let accept = AcceptName { digest };
            return show(context, client.names_accept(self.name.as_str(), &accept).await?);
        };
        let mut wanted = draft(NameChange::Transferred);
        (wanted.digest, wanted.owner) = (digest, Some(owner.to_string()));
        wanted.recovery = named.recovery.map(|key| key.to_string());
        show(context, sign(&client, &self.name, &wanted, &[owner]).await?)
    }
}

/// Say that your project does not want a name that is offered to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name decline wordcount.tools")]
pub(crate) struct Decline {
    /// The name.
    name: NameText,
}

impl Decline {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        show(context, context.client()?.names_decline(self.name.as_str()).await?)
    }
}

/// Give a name up.
///
/// Nobody else gets it, or what looks like it, for 7 days.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name release wordcount.tools")]
pub(crate) struct Release {
    /// The name.
    name: NameText,
}

impl Release {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        if signed_if_owned(&client, &self.name, NameChange::Released).await?.is_none() {
            client.names_release(self.name.as_str()).await?;
        }
        context.output.note(&format!("released {}", self.name));
        Ok(Status::Done)
    }
}

/// Carries out a change that says nothing but its kind, if the name has an owner, who signs it.
async fn signed_if_owned(
    client: &Client,
    name: &NameText,
    change: NameChange,
) -> Result<Option<NameRecord>, CliError> {
    let held = client.names_show(name.as_str()).await?;
    match owner_of(&held)? {
        Some(owner) => Ok(Some(sign(client, name, &draft(change), &[owner]).await?)),
        None => Ok(None),
    }
}
