mod certificate;

use std::time::Duration;

use casemate_api::keys::{CreateKey, KeyLimit, RotateKey};
use casemate_model::{Grant, KeyId, Networks, RequestLimit, Role, Scopes, Timestamp, UserName};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::span::span;
use crate::tables::Column;

/// Make, list, rotate and revoke API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    Create(Create),
    #[command(visible_alias = "ls")]
    List(List),
    Rotate(Rotate),
    Certificate(certificate::GetCertificate),
    Revoke(Revoke),
}

impl Key {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Create(command) => command.execute(context).await,
            Self::List(command) => command.execute(context).await,
            Self::Rotate(command) => command.execute(context).await,
            Self::Certificate(command) => command.execute(context).await,
            Self::Revoke(command) => command.execute(context).await,
        }
    }
}

/// Make an API key. Its secret is printed this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate key create --label ci --role developer --scope objects:write --scope tasks:write
  casemate key create --label laptop --expires 2027-01-01T00:00:00Z > laptop.key
  casemate key create --label sensor --scope objects:write:readings/* --per-second 2
  casemate key create --label backup --scope objects:read --scope objects:write --s3 > backup.env")]
pub(crate) struct Create {
    /// What the key is for.
    #[arg(long)]
    label: String,
    /// What its holder may do: viewer, developer, operator, auditor, admin, or a role of the project.
    #[arg(long, default_value_t = Role::DEVELOPER)]
    role: Role,
    /// What the key may be used for, such as objects:read or objects:write:releases/*; give it several times for several.
    /// All that the role allows otherwise.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Grant>,
    /// When the key ends; never otherwise.
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// The user whose key it is, such as a service account; the key ends with the user and can do no more.
    #[arg(long, value_name = "USER")]
    user: Option<UserName>,
    /// An address or network from which the key may be used, such as 10.0.0.0/8; give it several times for several. From
    /// everywhere otherwise.
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<Networks>,
    /// How many requests it may send in each second, on average, whatever they are for; as many as everybody otherwise.
    #[arg(long, value_name = "COUNT")]
    per_second: Option<u32>,
    /// How many requests it may send at once; twice those of a second otherwise.
    #[arg(long, value_name = "COUNT", requires = "per_second")]
    burst: Option<u32>,
    /// Print the variables that S3 clients read instead of the key.
    #[arg(long)]
    s3: bool,
}

impl Create {
    fn limit(&self, per_second: u32) -> KeyLimit {
        let twice = per_second.saturating_mul(2).clamp(RequestLimit::BURST_MIN, RequestLimit::MAX);
        KeyLimit { per_second, burst: self.burst.unwrap_or(twice) }
    }

    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let scopes: Vec<_> =
            if self.scopes.is_empty() { Scopes::ALL.iter().collect() } else { self.scopes.clone() };
        let wanted = CreateKey {
            label: self.label.clone(),
            role: self.role.to_string(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expires: self.expires.map(|time| time.to_string()),
            user: self.user.as_ref().map(ToString::to_string),
            networks: self.networks.iter().map(ToString::to_string).collect(),
            limit: self.per_second.map(|per_second| self.limit(per_second)),
        };
        let created = context.client()?.keys_create(&wanted).await?;
        if context.output.json() {
            context.output.value(&created)?;
        } else {
            let (key, role) = (&created.key, &created.key.role);
            context
                .output
                .note(&format!("made {} ({}, {role}); nobody can show its secret again:", key.id, key.label));
            if self.s3 {
                context.output.line(&format!("AWS_ACCESS_KEY_ID={}", key.id))?;
                context.output.line(&format!("AWS_SECRET_ACCESS_KEY={}", created.s3_secret))?;
            } else {
                context.output.line(&created.secret)?;
            }
        }
        Ok(Status::Done)
    }
}

/// List API keys, without their secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate key list
  casemate key list --json | jq -r '.[] | select(.expires == null) | .id'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let keys = self.paging.collect(output, |page| async move { client.keys_list(&page).await }).await?;
        if output.json() {
            output.value(&keys)?;
            return Ok(Status::Done);
        }
        if keys.is_empty() {
            output.note("no keys yet; `casemate key create --label NAME` makes one");
        }
        let rows = keys.into_iter().map(|key| {
            let used = key.used.unwrap_or_else(|| "never".to_owned());
            let status = match (key.revoked, key.expires) {
                (Some(time), _) => format!("revoked {time}"),
                (None, Some(time)) if key.expires_soon => format!("expires soon: {time}"),
                (None, Some(time)) => format!("expires {time}"),
                (None, None) => "good".to_owned(),
            };
            vec![key.id, key.label, key.role, key.scopes.join(" "), used, status]
        });
        let columns = ["key", "label", "role", "scopes", "used", "status"].map(Column::Text);
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Give a key another secret, which is printed this once. The former one still fits for a while.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate key rotate key_01kg9ys7kv040g2081040g2081 > laptop.key
  casemate key rotate key_01kg9ys7kv040g2081040g2081 --overlap 1h")]
pub(crate) struct Rotate {
    /// The key's id.
    #[arg(value_name = "KEY")]
    id: KeyId,
    /// How long the former secret still fits, at most 30 days. The secret for S3 changes at once.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = span)]
    overlap: Duration,
}

impl Rotate {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let rotate = RotateKey { overlap_seconds: self.overlap.as_secs() };
        let made = context.client()?.keys_rotate(&self.id.to_string(), &rotate).await?;
        if context.output.json() {
            context.output.value(&made)?;
        } else {
            let until = made.key.former_until.as_deref().unwrap_or("now");
            context.output.note(&format!("{} has a new secret; the former one fits until {until}:", self.id));
            context.output.line(&made.secret)?;
        }
        Ok(Status::Done)
    }
}

/// End a key at once, with every session that it opened.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate key revoke key_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Revoke {
    /// The key's id.
    #[arg(value_name = "KEY")]
    id: KeyId,
}

impl Revoke {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.keys_revoke(&self.id.to_string()).await?;
        context.output.note(&format!("revoked {}", self.id));
        Ok(Status::Done)
    }
}
