use casemate_api::names::{Name as NameRecord, NameVersion, UpdateName};
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
/// does not mean that it is free. Ends with code 1 if it is not free.
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
        let status = if check.free { Status::Done } else { Status::Failed };
        if context.output.json() {
            context.output.value(&check)?;
            return Ok(status);
        }
        let said = match check.reason {
            None => "free".to_owned(),
            Some(reason) => format!("not free: {reason}"),
        };
        context.output.line(&said)?;
        Ok(status)
    }
}

/// Make a name what it was before: its content, what it says in DNS, and its tags.
///
/// It becomes a new version, so nothing of the history is lost. `casemate name history` shows what each version was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name rollback wordcount.tools               what it was before its last change
  casemate name rollback wordcount.tools --to 3        what it was in version 3")]
pub(crate) struct Rollback {
    /// The name.
    name: NameText,
    /// The version that it is to be again; the latest that was something else, if not given.
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
        let NameVersion { digest, dns, tags, .. } = former;
        let update = UpdateName { digest, dns, tags };
        super::point(context, &client, (&self.name, &held), update, held.sequence).await
    }
}

/// What a name was in a version.
async fn version_of(client: &Client, name: &str, version: u64) -> Result<NameVersion, CliError> {
    let page = PageRequest { limit: Some(1), after: Some((version.saturating_add(1)).to_string()) };
    let found = client.names_history(name, &page).await?.items.into_iter().next();
    let found = found.filter(|found| found.sequence == version && found.digest.is_some());
    found.ok_or_else(|| CliError::NoFormerVersion { name: name.to_owned(), version: Some(version) })
}

/// What a name was before it was what it is, to its present holder.
async fn former_of(client: &Client, held: &NameRecord) -> Result<NameVersion, CliError> {
    let mut page = PageRequest { limit: None, after: Some(held.sequence.to_string()) };
    loop {
        let former = client.names_history(&held.name, &page).await?;
        for version in former.items {
            if version.digest.is_none() {
                // Before that it was somebody else's, perhaps.
                return Err(CliError::NoFormerVersion { name: held.name.clone(), version: None });
            }
            if differs(&version, held) {
                return Ok(version);
            }
        }
        match former.next {
            Some(next) => page.after = Some(next),
            None => return Err(CliError::NoFormerVersion { name: held.name.clone(), version: None }),
        }
    }
}

/// Whether a version meant or said something else. Of versions without a record only the content is known.
fn differs(version: &NameVersion, held: &NameRecord) -> bool {
    version.digest != held.digest
        || (version.dns.is_some() && version.dns != held.dns)
        || version.tags.as_ref().is_some_and(|tags| *tags != held.tags)
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
            output.note(&self.nothing());
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

impl List {
    /// What is said when nothing is found.
    fn nothing(&self) -> String {
        match &self.tag {
            Some(tag) => format!("no name of the project has the tag `{tag}`"),
            None if self.offered => "nothing is offered to the project".to_owned(),
            None if !self.prefix.is_empty() => {
                format!("no name of the project begins with `{}`", self.prefix)
            }
            None => "no names yet; `casemate name claim NAME cm://BUCKET/KEY` claims one".to_owned(),
        }
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
            let dns = version.dns.map(|dns| dns.records.join("; ")).unwrap_or_default();
            let tags = version.tags.unwrap_or_default().join(" ");
            vec![version.sequence.to_string(), kind, version.at, version.actor, digest, dns, tags]
        });
        let columns = [
            Column::Number("version"),
            Column::Text("change"),
            Column::Text("time"),
            Column::Text("actor"),
            Column::Text("digest"),
            Column::Text("dns"),
            Column::Text("tags"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}
