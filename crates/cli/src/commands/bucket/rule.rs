use casemate_api::objects::{ConfigureBucket, LifecycleRule, OlderVersions};
use casemate_model::BucketName;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::address::bucket_name;
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// What happens to objects of a bucket by time: set, list and remove lifecycle rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    Set(Set),
    Ls(List),
    Rm(Remove),
}

impl Rule {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Set(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
        }
    }
}

/// Set a rule, in the place of the rule of that id if there is one.
///
/// The node looks once an hour what is due. What it deletes is in the audit log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket rule set builds nightly --prefix nightly/ --expire-days 30
  casemate bucket rule set builds history --keep-versions 10
  casemate bucket rule set builds history --older-days 90 --keep-versions 3 --lone-marks
  casemate bucket rule set builds uploads --abort-uploads-days 2")]
pub(crate) struct Set {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
    /// What the rule is called.
    id: String,
    /// What keys must begin with; the rule is about all objects otherwise.
    #[arg(long, default_value_t, hide_default_value = true)]
    prefix: String,
    /// Objects expire when they are this old: they are deleted, or marked as deleted where versions are kept.
    #[arg(long, value_name = "DAYS")]
    expire_days: Option<u32>,
    /// Older versions beyond the newest so many of each object are removed.
    #[arg(long, value_name = "COUNT")]
    keep_versions: Option<u32>,
    /// Older versions are removed this long after they were replaced; at once otherwise.
    #[arg(long, value_name = "DAYS")]
    older_days: Option<u32>,
    /// Marks of deletion are removed when no version is left behind them.
    #[arg(long)]
    lone_marks: bool,
    /// Uploads in parts are given up when they were begun this long ago.
    #[arg(long, value_name = "DAYS")]
    abort_uploads_days: Option<u32>,
    /// Keep the rule, but do not carry it out.
    #[arg(long)]
    disabled: bool,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let older = (self.keep_versions.is_some() || self.older_days.is_some()).then(|| OlderVersions {
            days: self.older_days.unwrap_or(0),
            keep: self.keep_versions.unwrap_or(0),
        });
        let rule = LifecycleRule {
            id: self.id.clone(),
            prefix: self.prefix.clone(),
            enabled: !self.disabled,
            expire_days: self.expire_days,
            older_versions: older,
            lone_marks: self.lone_marks,
            abort_uploads_days: self.abort_uploads_days,
        };
        let client = context.client()?;
        let mut rules = client.buckets_show(self.bucket.as_str()).await?.lifecycle;
        let value = rule.clone();
        match rules.iter_mut().find(|known| known.id == rule.id) {
            Some(known) => *known = rule,
            None => rules.push(rule),
        }
        let change = ConfigureBucket { lifecycle: Some(rules), ..ConfigureBucket::default() };
        client.buckets_configure(self.bucket.as_str(), &change).await?;
        if context.output.json() {
            context.output.value(&value)?;
        } else {
            context.output.note(&format!("set the rule {} of cm://{}", self.id, self.bucket));
        }
        Ok(Status::Done)
    }
}

/// List the rules of a bucket.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket rule ls builds
  casemate bucket rule ls builds --json")]
pub(crate) struct List {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let rules = context.client()?.buckets_show(self.bucket.as_str()).await?.lifecycle;
        if context.output.json() {
            context.output.value(&rules)?;
            return Ok(Status::Done);
        }
        if rules.is_empty() {
            context.output.note("no rules; `casemate bucket rule set BUCKET ID` sets one");
        }
        let rows = rules.into_iter().map(|rule| {
            let state = if rule.enabled { "enabled" } else { "disabled" };
            let acts = acts(&rule);
            vec![rule.id, rule.prefix, state.to_owned(), acts]
        });
        let columns = ["rule", "prefix", "state", "what happens"].map(Column::Text);
        context.output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Remove a rule.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket rule rm builds nightly")]
pub(crate) struct Remove {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
    /// What the rule is called.
    id: String,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let mut rules = client.buckets_show(self.bucket.as_str()).await?.lifecycle;
        let before = rules.len();
        rules.retain(|rule| rule.id != self.id);
        if rules.len() == before {
            return Err(CliError::NoRule { bucket: self.bucket.to_string(), id: self.id.clone() });
        }
        let change = ConfigureBucket { lifecycle: Some(rules), ..ConfigureBucket::default() };
        client.buckets_configure(self.bucket.as_str(), &change).await?;
        if context.output.json() {
            let removed = json!({ "bucket": self.bucket.as_str(), "id": self.id, "state": "deleted" });
            context.output.value(&removed)?;
        } else {
            context.output.note(&format!("removed the rule {} of cm://{}", self.id, self.bucket));
        }
        Ok(Status::Done)
    }
}

/// What a rule does, in words.
fn acts(rule: &LifecycleRule) -> String {
    let mut acts = Vec::new();
    if let Some(days) = rule.expire_days {
        acts.push(format!("expire after {days} d"));
    }
    match rule.older_versions {
        Some(OlderVersions { days: 0, keep }) => acts.push(format!("keep {keep} older versions")),
        Some(OlderVersions { days, keep: 0 }) => acts.push(format!("remove older versions after {days} d")),
        Some(OlderVersions { days, keep }) => {
            acts.push(format!("remove older versions after {days} d, but keep {keep}"));
        }
        None => {}
    }
    if rule.lone_marks {
        acts.push("remove lone marks".to_owned());
    }
    if let Some(days) = rule.abort_uploads_days {
        acts.push(format!("give up uploads after {days} d"));
    }
    acts.join("; ")
}
