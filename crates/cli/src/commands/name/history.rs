use casemate_api::names::{Name as NameRecord, UpdateName};
use casemate_api::{Client, NamesWanted, PageRequest};
use casemate_model::{Name as NameText, Tag};
use clap::Args;

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Say whether a name can be claimed.
///
/// By your project, at this moment; somebody else may be first afterwards. Only the node can say so: that a name is not found elsewhere
/// does not mean that it is free.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name check wordcount.tools
  casemate name check wordcount.tools --json | jq .free")]
pub(crate) struct Check {
    /// The name.
    name: NameText,
}

impl Check {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let check = context.client()?.names_check(self.name.as_str()).await?;
        if context.output.json() {
            context.output.value(&check)?;
            return Ok(Status::Done);
        }
        let said = match check.reason {
            None => "free".to_owned(),
            Some(reason) => format!("not free: {reason}"),
        };
        context.output.line(&said)?;
        Ok(Status::Done)
    }
}

/// Point a name at what it meant before.
///
/// It becomes a new version, so nothing of the history is lost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name rollback wordcount.tools               what it meant before its present version
  casemate name rollback wordcount.tools --to 3        what it meant in version 3")]
pub(crate) struct Rollback {
    /// The name.
    name: NameText,
    /// The version whose meaning it is to have again; the latest that meant something else, if not given.
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
}

impl Rollback {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let name = self.name.to_string();
        let held = client.names_show(&name).await?;
        let former = match self.to {
            Some(version) => version_of(&client, &name, version).await?,
            None => former_of(&client, &held).await?,
        };
        super::point(
            context,
            &client,
            (&self.name, &held),
            UpdateName { digest: Some(former), ..UpdateName::default() },
            held.sequence,
        )
        .await
    }
}

/// What a name meant in a version.
async fn version_of(client: &Client, name: &str, version: u64) -> Result<String, CliError> {
    let page = PageRequest { limit: Some(1), after: Some((version.saturating_add(1)).to_string()) };
    let found = client.names_history(name, &page).await?.items.into_iter().next();
    let found = found.filter(|found| found.sequence == version).and_then(|found| found.digest);
    found.ok_or_else(|| CliError::NoFormerVersion { name: name.to_owned() })
}

/// What a name meant before it meant what it means, to its present holder.
async fn former_of(client: &Client, held: &NameRecord) -> Result<String, CliError> {
    let mut page = PageRequest { limit: None, after: Some(held.sequence.to_string()) };
    loop {
        let former = client.names_history(&held.name, &page).await?;
        for version in former.items {
            match version.digest {
                Some(digest) if Some(&digest) != held.digest.as_ref() => return Ok(digest),
                Some(_) => {}
                // Before that it was somebody else's, perhaps.
                None => return Err(CliError::NoFormerVersion { name: held.name.clone() }),
            }
        }
        match former.next {
            Some(next) => page.after = Some(next),
            None => return Err(CliError::NoFormerVersion { name: held.name.clone() }),
        }
    }
}

/// List the project's names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name list
  casemate name list word                those that begin with word
  casemate name list --tag prod          those with the tag prod
  casemate name list --ending            the next to be renewed first
  casemate name list --offered           what other projects would hand over")]
pub(crate) struct List {
    /// What the names begin with.
    #[arg(default_value = "")]
    prefix: String,
    /// Only names with this tag.
    #[arg(long, conflicts_with = "prefix")]
    tag: Option<Tag>,
    /// Those that end first come first.
    #[arg(long, conflicts_with_all = ["prefix", "tag"])]
    ending: bool,
    /// Names that other projects offer to this one, instead of its own.
    #[arg(long, conflicts_with_all = ["prefix", "tag", "ending"])]
    offered: bool,
    #[command(flatten)]
    paging: Paging,
}

impl List {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let wanted = NamesWanted {
            prefix: self.prefix.clone(),
            tag: self.tag.as_ref().map(ToString::to_string),
            ending: self.ending,
            offered: self.offered,
        };
        let wanted = &wanted;
        let read = |page| async move { client.names_list(wanted, &page).await };
        let names = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&names)?;
            return Ok(Status::Done);
        }
        if names.is_empty() {
            output.note("no names yet; `casemate name claim NAME cm://BUCKET/KEY` claims one");
        }
        let rows = names.into_iter().map(|name| {
            let status = name.status.as_str().to_owned();
            let digest = name.digest.unwrap_or_else(|| "-".to_owned());
            vec![name.name, name.sequence.to_string(), status, name.expires, digest]
        });
        let columns = [
            Column::Text("name"),
            Column::Number("version"),
            Column::Text("status"),
            Column::Text("expires"),
            Column::Text("digest"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Show every version of a name, newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name history wordcount.tools")]
pub(crate) struct History {
    /// The name.
    name: NameText,
    #[command(flatten)]
    paging: Paging,
}

impl History {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, name) = (&client, self.name.as_str());
        let read = |page| async move { client.names_history(name, &page).await };
        let versions = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&versions)?;
            return Ok(Status::Done);
        }
        let rows = versions.into_iter().map(|version| {
            let digest = version.digest.unwrap_or_else(|| "-".to_owned());
            let kind = version.kind.as_str().to_owned();
            vec![version.sequence.to_string(), kind, version.at, version.actor, digest]
        });
        let columns = [
            Column::Number("version"),
            Column::Text("change"),
            Column::Text("time"),
            Column::Text("actor"),
            Column::Text("digest"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}
