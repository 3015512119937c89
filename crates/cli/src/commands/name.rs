use std::time::Duration;

use casemate_api::Client;
use casemate_api::names::{
    ClaimName, CommitName, Name as NameRecord, NameChange, NameDns, ResolutionKind, UpdateName,
};
use casemate_model::{DnsRecord, DnsRecords, Name as NameText, Tag};
use casemate_names::{COMMITMENT_AGE_MIN, Nonce};
use clap::{Args, Subcommand};

use crate::address::Content;
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::world::SystemEntropy;

mod drafts;
mod hands;
mod history;
mod import;
mod keys;
mod power;
mod proof;
mod signing;

use signing::{KeyOptions, draft, owner_of, parsed_key, sign, sign_revealing};

/// Claim names, and say what they mean.
#[derive(Debug, Subcommand)]
pub(crate) enum Name {
    Claim(Claim),
    Set(Set),
    Show(Show),
    Check(history::Check),
    Rollback(history::Rollback),
    #[command(visible_alias = "ls")]
    List(history::List),
    History(history::History),
    Proof(proof::Proof),
    Import(import::Import),
    Renew(hands::Renew),
    Offer(hands::Offer),
    Withdraw(hands::Withdraw),
    Accept(hands::Accept),
    Decline(hands::Decline),
    Suspend(power::Suspend),
    Resume(power::Resume),
    Revoke(power::Revoke),
    Rotate(keys::Rotate),
    Recover(keys::Recover),
    /// Keys of yours that own names.
    #[command(subcommand)]
    Key(keys::Key),
    Release(hands::Release),
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
            Self::Proof(command) => command.execute(context).await,
            Self::Import(command) => command.execute(context).await,
            Self::Renew(command) => command.execute(context).await,
            Self::Offer(command) => command.execute(context).await,
            Self::Withdraw(command) => command.execute(context).await,
            Self::Accept(command) => command.execute(context).await,
            Self::Decline(command) => command.execute(context).await,
            Self::Suspend(command) => command.execute(context).await,
            Self::Resume(command) => command.execute(context).await,
            Self::Revoke(command) => command.execute(context).await,
            Self::Rotate(command) => command.execute(context).await,
            Self::Recover(command) => command.execute(context).await,
            Self::Key(command) => command.execute(context).await,
            Self::Release(command) => command.execute(context).await,
        }
    }
}

/// Claim a name that nobody holds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name claim wordcount.tools cm://builds/wordcount.wasm
  casemate name claim wordcount.tools sha256:2f0c…
  casemate name claim www.acme cm://site/index.html --dns 'A 192.0.2.1' --dns 'TXT hello' --tag prod
  casemate name claim wordcount.tools cm://builds/wordcount.wasm --owner-key mine
  casemate name claim wordcount.tools cm://builds/wordcount.wasm --commit")]
pub(crate) struct Claim {
    /// The name.
    name: NameText,
    /// What it is to mean: cm://BUCKET/KEY or sha256:…
    content: Content,
    #[command(flatten)]
    says: Says,
    #[command(flatten)]
    keys: KeyOptions,
    /// Commit to the name first, without saying which it is, and claim it ten seconds later: then whoever sees the claim on its
    /// way comes too late. Registries may want that of everybody.
    #[arg(long)]
    commit: bool,
}

/// What a name says beside its content.
#[derive(Debug, Args)]
struct Says {
    /// A record that it says in DNS, as TYPE DATA: A, AAAA, CNAME, TXT, SRV, SVCB or HTTPS. Again for more.
    #[arg(long, value_name = "RECORD")]
    dns: Vec<DnsRecord>,
    /// Seconds that an answer of DNS may be kept; 300 unless given.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// A word to sort it by. Again for more.
    #[arg(long, value_name = "TAG")]
    tag: Vec<Tag>,
}

impl Says {
    /// What is to be said in DNS, if that is to change: what is not named stays as it is at present.
    fn dns(&self, present: Option<&NameDns>) -> Option<NameDns> {
        if self.dns.is_empty() && self.ttl.is_none() {
            return None;
        }
        let ttl = self.ttl.or(present.map(|dns| dns.ttl)).unwrap_or(DnsRecords::TTL_DEFAULT);
        let records = match present {
            Some(present) if self.dns.is_empty() => present.records.clone(),
            _ => self.dns.iter().map(ToString::to_string).collect(),
        };
        Some(NameDns { ttl, records })
    }

    fn tags(&self) -> Vec<String> {
        self.tag.iter().map(ToString::to_string).collect()
    }
}

impl Claim {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let named = self.keys.named()?;
        let digest = digest_of(&client, &self.content).await?;
        let nonce = if self.commit { Some(commit(context, &client, &self.name).await?) } else { None };
        let Some(owner) = named.owner else {
            let (dns, tags) = (self.says.dns(None), self.says.tags());
            let claim = ClaimName { name: self.name.to_string(), digest, dns, tags, nonce };
            return show(context, client.names_claim(&claim).await?);
        };
        let mut wanted = draft(NameChange::Claimed);
        (wanted.digest, wanted.dns) = (Some(digest), self.says.dns(None));
        wanted.tags = Some(self.says.tags());
        wanted.owner = Some(owner.to_string());
        wanted.recovery = named.recovery.map(|key| key.to_string());
        show(context, sign_revealing(&client, &self.name, &wanted, &[owner], nonce).await?)
    }
}

/// Commits to a name, and waits until that can be revealed. Returns the nonce.
async fn commit(context: &Context, client: &Client, name: &NameText) -> Result<String, CliError> {
    let nonce = Nonce::generate(&SystemEntropy);
    let odd = || CliError::OddAnswer { what: "the caller's project" };
    let project = client.sessions_whoami().await?.project.parse().map_err(|_| odd())?;
    let commitment = nonce.commitment(&project, name).to_string();
    client.names_commit(&CommitName { commitment }).await?;
    let wait = COMMITMENT_AGE_MIN + Duration::from_secs(1);
    let seconds = wait.as_secs();
    context
        .output
        .note(&format!("committed; `{name}` is claimed in {seconds} s, and not if you stop this now"));
    tokio::time::sleep(wait).await;
    Ok(nonce.to_string())
}

/// Point a name at other content, or have it say something else.
///
/// It happens only if the name is as it was when this command looked, or at the version that --if-version names. What is not named stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name set wordcount.tools cm://builds/wordcount-2.wasm
  casemate name set wordcount.tools sha256:2f0c… --if-version 3
  casemate name set www.acme --dns 'A 192.0.2.1' --dns 'AAAA 2001:db8::1' --ttl 60
  casemate name set www.acme --no-dns --tag prod --tag web")]
pub(crate) struct Set {
    /// The name.
    name: NameText,
    /// What it is to mean: cm://BUCKET/KEY or sha256:…
    #[arg(required_unless_present_any = ["dns", "ttl", "tag", "no_dns", "no_tags"])]
    content: Option<Content>,
    #[command(flatten)]
    says: Says,
    /// Say nothing in DNS any more.
    #[arg(long, conflicts_with = "dns")]
    no_dns: bool,
    /// Have no tags any more.
    #[arg(long, conflicts_with = "tag")]
    no_tags: bool,
    /// Only if the name is at this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let digest = match &self.content {
            Some(content) => Some(digest_of(&client, content).await?),
            None => None,
        };
        let tags = (self.no_tags || !self.says.tag.is_empty()).then(|| self.says.tags());
        let held = client.names_show(self.name.as_str()).await?;
        let nothing = NameDns { ttl: DnsRecords::TTL_DEFAULT, records: Vec::new() };
        let dns = if self.no_dns { Some(nothing) } else { self.says.dns(held.dns.as_ref()) };
        let sequence = self.if_version.unwrap_or(held.sequence);
        point(context, &client, (&self.name, &held), UpdateName { digest, dns, tags }, sequence).await
    }
}

/// Changes what a name means or says, with its owner's signature if it needs one.
async fn point(
    context: &Context,
    client: &Client,
    (name, held): (&NameText, &NameRecord),
    update: UpdateName,
    sequence: u64,
) -> Result<Status, CliError> {
    let Some(owner) = owner_of(held)? else {
        return show(context, client.names_update(name.as_str(), &update, sequence).await?);
    };
    if sequence != held.sequence {
        // The node says the same; nothing needs to be signed for that.
        return show(context, client.names_update(name.as_str(), &update, sequence).await?);
    }
    let mut wanted = draft(NameChange::Updated);
    (wanted.digest, wanted.dns, wanted.tags) = (update.digest, update.dns, update.tags);
    show(context, sign(client, name, &wanted, &[owner]).await?)
}

/// Show what a name means.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name show wordcount.tools
  casemate name show wordcount.tools --max-age 5
  casemate name show wordcount.tools --json | jq -r .digest")]
pub(crate) struct Show {
    /// The name.
    name: NameText,
    /// How many seconds old the answer may be; what is so now unless given.
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, name) = (context.client()?, self.name.as_str());
        let held = match self.max_age {
            Some(max_age) => client.names_show_bounded(name, max_age).await?,
            None => client.names_show(name).await?,
        };
        show(context, held)
    }
}

async fn digest_of(client: &Client, content: &Content) -> Result<String, CliError> {
    match content {
        Content::Digest(digest) => Ok(digest.to_string()),
        Content::Object(address) => Ok(client.objects_stat(&address.object()?, None).await?.object.digest),
    }
}

fn fingerprint_of(key: &Option<String>) -> Result<Option<String>, CliError> {
    Ok(parsed_key(key.as_ref())?.map(|key| key.fingerprint().to_string()))
}

fn show(context: &Context, name: NameRecord) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(&name)?;
        return Ok(Status::Done);
    }
    let status = match &name.until {
        Some(until) => format!("{} until {until}", name.status.as_str()),
        None => name.status.as_str().to_owned(),
    };
    let unicode = name.name.parse::<NameText>().ok().map(|text| text.to_unicode().into_owned());
    let unicode = unicode.filter(|unicode| *unicode != name.name);
    let [owner, recovery, successor] = [&name.owner, &name.recovery, &name.successor].map(fingerprint_of);
    let decided = name.decided.unwrap_or_default();
    let mut fields = vec![("name", name.name)];
    fields.extend(unicode.map(|unicode| ("reads", unicode)));
    fields.extend([
        ("status", status),
        ("digest", name.digest.unwrap_or_else(|| "-".to_owned())),
        ("version", name.sequence.to_string()),
        ("project", name.project),
    ]);
    fields.extend(owner?.map(|fingerprint| ("owner key", fingerprint)));
    fields.extend(recovery?.map(|fingerprint| ("recovery key", fingerprint)));
    let called_off = "unless `casemate name withdraw` calls it off";
    fields.extend(successor?.map(|key| ("recovering", format!("to {key} from {decided} on, {called_off}"))));
    fields.extend(name.offered_to.map(|to| ("offered to", format!("{to} until {decided}"))));
    if !name.tags.is_empty() {
        fields.push(("tags", name.tags.join(" ")));
    }
    for record in name.dns.map(|dns| dns.records).unwrap_or_default() {
        fields.push(("dns", record));
    }
    fields.extend([("claimed", name.claimed), ("updated", name.updated), ("expires", name.expires)]);
    if let Some(age) = name.resolution.filter(|how| how.kind == ResolutionKind::Bounded) {
        fields.push(("known", format!("{} ms ago", age.age_ms.unwrap_or_default())));
    }
    context.output.fields(&fields)?;
    Ok(Status::Done)
}
