//! Keys that own names.

use casemate_api::names::NameChange;
use casemate_model::{Name as NameText, Tag};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::owner_keys::{OwnerKeys, StoredKey};
use crate::report::{CliError, Status};
use crate::secret_line::new_password;
use crate::tables::Column;

use super::show;
use super::signing::{KeyOptions, draft, own_key, owner_of, sign};

/// Keys of yours that own names.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    Create(Create),
    #[command(visible_alias = "ls")]
    List(List),
}

impl Key {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Create(command) => command.execute(context).await,
            Self::List(command) => command.execute(context),
        }
    }
}

/// Make a key that can own names.
///
/// It is stored on this machine, sealed under a passphrase, which is asked for or read from standard input. Back up its file: without it,
/// nobody changes a name that it owns but by a recovery key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name key create mine
  casemate name key create vault --hybrid      signed with ML-DSA-65 too: safe from quantum computers")]
pub(crate) struct Create {
    /// What to call it here.
    #[arg(value_name = "KEY")]
    name: Tag,
    /// Sign with ML-DSA-65 beside Ed25519. Signatures are 3.3 KB longer.
    #[arg(long)]
    hybrid: bool,
}

impl Create {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (name, hybrid) = (self.name.clone(), self.hybrid);
        let making = move || OwnerKeys::open()?.create(&name, hybrid, &new_password()?);
        let stored = tokio::task::spawn_blocking(making).await.expect("making a key does not panic")?;
        if context.output.json() {
            context.output.value(&described(&stored)?)?;
            return Ok(Status::Done);
        }
        context.output.line(&stored.public_key()?.fingerprint().to_string())?;
        context.output.note(&format!(
            "made {}; `casemate name claim NAME CONTENT --owner-key {}` claims a name that it owns",
            stored.name, stored.name
        ));
        Ok(Status::Done)
    }
}

/// List your keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name key list
  casemate name key list --json | jq -r '.[].public'")]
pub(crate) struct List {}

impl List {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let keys = OwnerKeys::open()?.all()?;
        if context.output.json() {
            let keys = keys.iter().map(described).collect::<Result<Vec<_>, _>>()?;
            context.output.value(&keys)?;
            return Ok(Status::Done);
        }
        if keys.is_empty() {
            context.output.note("no keys yet; `casemate name key create KEY` makes one");
        }
        let mut rows = Vec::new();
        for key in keys {
            let public = key.public_key()?;
            let kind = if public.is_hybrid() { "Ed25519 and ML-DSA-65" } else { "Ed25519" };
            rows.push(vec![key.name, kind.to_owned(), public.fingerprint().to_string()]);
        }
        let columns = [Column::Text("key"), Column::Text("kind"), Column::Text("fingerprint")];
        context.output.rows(&columns, rows)?;
        Ok(Status::Done)
    }
}

fn described(key: &StoredKey) -> Result<serde_json::Value, CliError> {
    let fingerprint = key.public_key()?.fingerprint().to_string();
    Ok(json!({ "name": key.name, "fingerprint": fingerprint, "public": key.public }))
}

/// Have another key own a name, or none.
///
/// The present key and the new one sign it. The recovery key stays, unless you name another or --no-recovery.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name rotate wordcount.tools --owner-key new
  casemate name rotate wordcount.tools --owner-key mine --recovery-key vault
  casemate name rotate wordcount.tools --no-owner")]
pub(crate) struct Rotate {
    /// The name.
    name: NameText,
    #[command(flatten)]
    keys: KeyOptions,
    /// Have the project alone decide, as with names that nobody signs.
    #[arg(long, conflicts_with = "owner_key", required_unless_present = "owner_key")]
    no_owner: bool,
    /// Have no recovery key any more.
    #[arg(long, conflicts_with = "recovery_key")]
    no_recovery: bool,
}

impl Rotate {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let named = self.keys.named()?;
        let held = client.names_show(self.name.as_str()).await?;
        let mut wanted = draft(NameChange::Rotated);
        wanted.owner = named.owner.as_ref().map(ToString::to_string);
        let present = if self.no_owner || self.no_recovery { None } else { held.recovery.clone() };
        wanted.recovery = named.recovery.map(|key| key.to_string()).or(present);
        let signers: Vec<_> = owner_of(&held)?.into_iter().chain(named.owner).collect();
        show(context, sign(&client, &self.name, &wanted, &signers).await?)
    }
}

/// Put another key in the place of a lost one.
///
/// The recovery key and the new one sign it. The new one counts after 7 days, when you run the command again with --finish, unless
/// whoever has the present key calls it off with `casemate name withdraw`. `casemate name show` says from when on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name recover wordcount.tools --owner-key new
  casemate name recover wordcount.tools --finish")]
pub(crate) struct Recover {
    /// The name.
    name: NameText,
    /// The key that is to own it.
    #[arg(long, value_name = "KEY", required_unless_present = "finish")]
    owner_key: Option<Tag>,
    /// Have the key count that was named 7 days ago or more.
    #[arg(long, conflicts_with = "owner_key")]
    finish: bool,
}

impl Recover {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let Some(successor) = self.owner_key.as_ref().map(own_key).transpose()? else {
            return show(context, client.names_recover(self.name.as_str()).await?);
        };
        let held = client.names_show(self.name.as_str()).await?;
        let recovery = held.recovery.as_deref().map(str::parse).transpose();
        let recovery = recovery.map_err(|_| CliError::OddAnswer { what: "the key of a name" })?;
        let mut wanted = draft(NameChange::Recovering);
        wanted.successor = Some(successor.to_string());
        let signers: Vec<_> = recovery.into_iter().chain([successor]).collect();
        show(context, sign(&client, &self.name, &wanted, &signers).await?)
    }
}
