use casemate_api::names::{ClaimName, Name as NameRecord, UpdateName};
use casemate_api::{Client, PageRequest};
use casemate_model::Name as NameText;
use clap::{Args, Subcommand};

use crate::address::Content;
use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Claim names, and say what they mean.
#[derive(Debug, Subcommand)]
pub(crate) enum Name {
    Claim(Claim),
    Set(Set),
    Show(Show),
    Check(Check),
    Rollback(Rollback),
    #[command(visible_alias = "ls")]
    List(List),
    History(History),
    Release(Release),
}

impl Name {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Claim(command) => command.execute(context).await,
            Self::Set(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Check(command) => command.execute(context).await,
            Self::Rollback(command) => command.execute(context).await,
            Self::List(command) => command.execute(context).await,
            Self::History(command) => command.execute(context).await,
            Self::Release(command) => command.execute(context).await,
        }
    }
}

/// Claim a name that nobody holds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name claim wordcount.tools cm://builds/wordcount.wasm
  casemate name claim wordcount.tools sha256:2f0c…")]
pub(crate) struct Claim {
    /// The name.
    name: NameText,
    /// What it is to mean: cm://BUCKET/KEY or sha256:…
    content: Content,
}

impl Claim {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let digest = digest_of(&client, &self.content).await?;
        let claimed = client.names_claim(&ClaimName { name: self.name.to_string(), digest }).await?;
        show(context, claimed)
    }
}

/// Point a name at other content.
///
/// It happens only if the name is as it was when this command looked, or at the version that --if-version names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name set wordcount.tools cm://builds/wordcount-2.wasm
  casemate name set wordcount.tools sha256:2f0c… --if-version 3")]
pub(crate) struct Set {
    /// The name.
    name: NameText,
    /// What it is to mean: cm://BUCKET/KEY or sha256:…
    content: Content,
    /// Only if the name is at this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let name = self.name.to_string();
        let digest = digest_of(&client, &self.content).await?;
        let sequence = match self.if_version {
            Some(sequence) => sequence,
            None => client.names_show(&name).await?.sequence,
        };
        show(context, client.names_update(&name, &UpdateName { digest }, sequence).await?)
    }
}

/// Show what a name means.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name show wordcount.tools
  casemate name show wordcount.tools --json | jq -r .digest")]
pub(crate) struct Show {
    /// The name.
    name: NameText,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        show(context, context.client()?.names_show(self.name.as_str()).await?)
    }
}

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
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
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
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let name = self.name.to_string();
        let held = client.names_show(&name).await?;
        let former = match self.to {
            Some(version) => version_of(&client, &name, version).await?,
            None => former_of(&client, &held).await?,
        };
        let update = UpdateName { digest: former };
        show(context, client.names_update(&name, &update, held.sequence).await?)
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
                Some(digest) if digest != held.digest => return Ok(digest),
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
  casemate name list word                those that begin with word")]
pub(crate) struct List {
    /// What the names begin with.
    #[arg(default_value = "")]
    prefix: String,
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let read = |page| async move { client.names_list(&self.prefix, &page).await };
        let names = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&names)?;
            return Ok(Status::Done);
        }
        if names.is_empty() {
            output.note("no names yet; `casemate name claim NAME cm://BUCKET/KEY` claims one");
        }
        let rows = names
            .into_iter()
            .map(|name| vec![name.name, name.sequence.to_string(), name.updated, name.digest]);
        let columns = [
            Column::Text("name"),
            Column::Number("version"),
            Column::Text("updated"),
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
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
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

/// Give a name up. Anybody may claim it then.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name release wordcount.tools")]
pub(crate) struct Release {
    /// The name.
    name: NameText,
}

impl Release {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.names_release(self.name.as_str()).await?;
        context.output.note(&format!("released {}", self.name));
        Ok(Status::Done)
    }
}

async fn digest_of(client: &Client, content: &Content) -> Result<String, CliError> {
    match content {
        Content::Digest(digest) => Ok(digest.to_string()),
        Content::Object(address) => Ok(client.objects_stat(&address.object()?, None).await?.object.digest),
    }
}

fn show(context: &Context, name: NameRecord) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(&name)?;
        return Ok(Status::Done);
    }
    let unicode = name.name.parse::<NameText>().ok().map(|text| text.to_unicode().into_owned());
    let unicode = unicode.filter(|unicode| *unicode != name.name);
    let mut fields = vec![
        ("name", name.name),
        ("digest", name.digest),
        ("version", name.sequence.to_string()),
        ("project", name.project),
        ("claimed", name.claimed),
        ("updated", name.updated),
    ];
    if let Some(unicode) = unicode {
        fields.insert(1, ("reads", unicode));
    }
    context.output.fields(&fields)?;
    Ok(Status::Done)
}
