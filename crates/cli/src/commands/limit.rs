use casemate_api::limits::SetLimit;
use casemate_model::Timestamp;
use casemate_throttle::{Subject, Tier};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Show the limits of requests, and make exceptions from them.
#[derive(Debug, Subcommand)]
pub(crate) enum Limit {
    #[command(visible_alias = "ls")]
    List(List),
    Set(Set),
    Remove(Remove),
}

impl Limit {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Set(command) => command.execute(context).await,
            Self::Remove(command) => command.execute(context).await,
        }
    }
}

/// List what everybody may send in each tier, and the exceptions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate limit list
  casemate limit list --json | jq '.overrides'")]
pub(crate) struct List {}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (limits, output) = (context.client()?.limits_list().await?, context.output);
        if output.json() {
            output.value(&limits)?;
            return Ok(Status::Done);
        }
        if limits.dry_run {
            output.note("a dry run: requests over a limit are counted, not refused");
        }
        let row = |tier: String, subject: String, per_second: u32, burst: u32, expires: String| {
            vec![tier, subject, per_second.to_string(), burst.to_string(), expires]
        };
        let everybody = limits.tiers.into_iter().map(|limit| {
            row(limit.tier, "everybody".to_owned(), limit.per_second, limit.burst, "never".to_owned())
        });
        let exceptions = limits
            .overrides
            .into_iter()
            .map(|set| row(set.tier, set.subject, set.per_second, set.burst, set.expires));
        let rows = everybody.chain(exceptions).collect();
        let columns = [
            Column::Text("tier"),
            Column::Text("subject"),
            Column::Number("per second"),
            Column::Number("burst"),
            Column::Text("ends"),
        ];
        output.rows(&columns, rows)?;
        Ok(Status::Done)
    }
}

/// Let somebody send more or less than everybody, until a time.
///
/// It is in force within a second on every node.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate limit set objects 203.0.113.7 --per-second 1 --burst 2 --expires 2027-01-01T00:00:00Z
  casemate limit set s3 key:key_01kg9ys7kv040g2081040g2081 --per-second 9000 --burst 9000 --expires 2027-01-01T00:00:00Z")]
pub(crate) struct Set {
    /// The tier: auth, names, tasks, objects, s3 or general.
    tier: Tier,
    /// For whom: key:…, session:…, user:…, or an address (of IPv6, its first 64 bits count).
    subject: Subject,
    /// Tokens each second.
    #[arg(long, value_name = "COUNT")]
    per_second: u32,
    /// Most tokens at once.
    #[arg(long, value_name = "COUNT")]
    burst: u32,
    /// When it ends.
    #[arg(long, value_name = "TIME")]
    expires: Timestamp,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let wanted =
            SetLimit { per_second: self.per_second, burst: self.burst, expires: self.expires.to_string() };
        let client = context.client()?;
        let set = client.limits_set(self.tier.as_str(), &self.subject.to_string(), &wanted).await?;
        if context.output.json() {
            context.output.value(&set)?;
        } else {
            let note =
                format!("{} has a limit of its own in {} until {}", set.subject, set.tier, set.expires);
            context.output.note(&note);
        }
        Ok(Status::Done)
    }
}

/// Remove an exception, so that the subject has everybody's limit again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate limit remove objects 203.0.113.7")]
pub(crate) struct Remove {
    /// The tier.
    tier: Tier,
    /// For whom it was set.
    subject: Subject,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.limits_remove(self.tier.as_str(), &self.subject.to_string()).await?;
        context.output.note(&format!("{} has everybody's limit in {} again", self.subject, self.tier));
        Ok(Status::Done)
    }
}
