mod remote_log;

use casemate_api::audit::{AuditEntry, Decision};
use casemate_api::{Client, Event, PageRequest};
use casemate_ledger::NodePublicKey;
use clap::{Args, Subcommand};

use super::verify::{Trust, check_log, say_log};
use crate::context::Context;
use crate::known::Memory;
use crate::output::Output;
use crate::proofs;
use crate::report::{CliError, Status};

use remote_log::RemoteLog;

/// Read the audit log, and check it.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    Tail(Tail),
    Search(Search),
    Show(Show),
    Verify(Verify),
    Checkpoint(Checkpoint),
}

impl Audit {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Tail(command) => command.execute(context).await,
            Self::Search(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Verify(command) => command.execute(context).await,
            Self::Checkpoint(command) => command.execute(context).await,
        }
    }
}

/// Print the newest entries, oldest of them first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate audit tail
  casemate audit tail -n 200
  casemate audit tail --follow --json | jq 'select(.decision == \"denied\")'")]
pub(crate) struct Tail {
    /// How many entries.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    lines: u32,
    /// Go on as entries come.
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Entries that are asked for at a time while following.
const PAGE: u32 = 200;

impl Tail {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        // Events are listened to before the entries are read, so that none falls between.
        let mut events = if self.follow { Some(client.node_events(None).await?) } else { None };
        let page = PageRequest { limit: Some(self.lines), after: None };
        let mut entries = client.audit_list(None, &page).await?.items;
        entries.reverse();
        let mut next = entries.last().map_or(0, |entry| entry.sequence + 1);
        print(output, &entries)?;
        while let Some(events) = &mut events {
            match events.next().await? {
                None => break,
                Some(Event::Log(_) | Event::Reset) => next = print_from(&client, output, next).await?,
                Some(Event::Task(_) | Event::Object(_) | Event::Name(_)) => {}
            }
        }
        Ok(Status::Done)
    }
}

/// Prints the entries from `next` on; returns the number after the last one.
async fn print_from(client: &Client, output: Output, mut next: u64) -> Result<u64, CliError> {
    loop {
        let page = client.audit_list(Some(next), &PageRequest { limit: Some(PAGE), after: None }).await?;
        print(output, &page.items)?;
        next = page.items.last().map_or(next, |entry| entry.sequence + 1);
        if page.next.is_none() {
            return Ok(next);
        }
    }
}

/// Find entries that hold all the words given, newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate audit search keys.create
  casemate audit search ada --denied
  casemate audit search builds/app.wasm delete --json | jq -r .actor")]
pub(crate) struct Search {
    /// Words that each stand somewhere in the entry: its actor, action, resource, outcome, time, request or details.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Only what was refused.
    #[arg(long)]
    denied: bool,
    /// How many entries at most.
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    lines: u32,
}

impl Search {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (search, decision) = (self.words.join(" "), self.denied.then_some(Decision::Denied));
        let (mut left, mut after) = (self.lines, None);
        loop {
            let page = PageRequest { limit: Some(left.min(PAGE)), after };
            let found = client.audit_search(&search, decision, &page).await?;
            print(output, &found.items)?;
            left = left.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
            after = found.next;
            if after.is_none() || left == 0 {
                break;
            }
        }
        if left == self.lines {
            output.note("no entry holds all that");
        }
        Ok(Status::Done)
    }
}

fn print(output: Output, entries: &[AuditEntry]) -> Result<(), CliError> {
    for entry in entries {
        if output.json() {
            output.value_line(entry)?;
        } else {
            output.line(&format!(
                "{:>6}  {}  {:7}  {:18}  {}  {}: {}",
                entry.sequence,
                entry.time,
                entry.decision.as_str(),
                entry.action,
                entry.actor,
                entry.resource,
                entry.outcome
            ))?;
        }
    }
    Ok(())
}

/// Show one entry, with the proof that the signed log holds it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate audit show 17
  casemate audit show 17 --json | jq .proof")]
pub(crate) struct Show {
    /// The entry's number.
    sequence: u64,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let proof = proofs::until_ready(|| client.audit_prove(self.sequence)).await?;
        let page = PageRequest { limit: Some(1), after: None };
        let entry = client.audit_list(Some(self.sequence), &page).await?.items.into_iter().next();
        if output.json() {
            output.value(&serde_json::json!({ "entry": entry, "proof": proof }))?;
            return Ok(Status::Done);
        }
        if let Some(entry) = entry {
            let mut fields = vec![
                ("entry", entry.sequence.to_string()),
                ("time", entry.time),
                ("actor", entry.actor),
                ("project", entry.project),
                ("action", entry.action),
                ("resource", entry.resource),
                ("decision", entry.decision.as_str().to_owned()),
                ("outcome", entry.outcome),
                ("request", entry.request),
                ("digest", entry.digest),
            ];
            fields
                .extend(entry.details.into_iter().map(|(key, value)| ("detail", format!("{key}: {value}"))));
            output.fields(&fields)?;
        }
        output.fields(&[
            ("leaf", proof.leaf_hash),
            ("root", format!("{} over {} entries", proof.root, proof.tree_size)),
            ("path", proof.hashes.join(" ")),
            ("key", proof.public_key),
        ])?;
        Ok(Status::Done)
    }
}

/// Read the whole log from the node and check every entry, hash and signature of it.
///
/// The node's key and newest checkpoint are remembered, as `casemate verify` does it, so that a node that went back
/// to an older state, or took another history, is found out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate audit verify
  casemate audit verify --url http://127.0.0.1:7070 --api-key-file auditor.key")]
pub(crate) struct Verify {
    /// Neither use nor keep what was seen before.
    #[arg(long)]
    no_remember: bool,
}

impl Verify {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let memory = if self.no_remember { Memory::none() } else { Memory::open()? };
        let claimed: NodePublicKey = client.node_overview().await?.log.public_key.parse()?;
        let what = client.address().to_owned();
        let known = memory.recall(claimed.origin())?;
        // The node's word for its key is only good until something is known of it.
        let (key, trust) = match known {
            Some(known) => (known.key, Trust::Remembered),
            None => (claimed, Trust::FirstUse { others: memory.count()? }),
        };
        let source = RemoteLog::new(client);
        let label = what.clone();
        let checked = tokio::task::spawn_blocking(move || {
            check_log(&label, &source, key.origin(), Some(&key), &memory)
        });
        let (report, _) = checked.await.map_err(|error| CliError::Runtime { source: error.into() })??;
        say_log(output, &what, &report, &trust)?;
        Ok(Status::Done)
    }
}

/// Print the log's newest signed checkpoint, or the key that signs it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate audit checkpoint
  casemate audit checkpoint --key > node.pub")]
pub(crate) struct Checkpoint {
    /// Print the node's public key instead.
    #[arg(long)]
    key: bool,
}

impl Checkpoint {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        if self.key {
            let key = client.node_overview().await?.log.public_key;
            if output.json() {
                output.value(&serde_json::json!({ "public_key": key }))?;
            } else {
                output.line(&key)?;
            }
            return Ok(Status::Done);
        }
        let checkpoint = client.audit_checkpoint().await?;
        if output.json() {
            output.value(&serde_json::json!({ "checkpoint": checkpoint }))?;
        } else {
            output.data(checkpoint.as_bytes())?;
        }
        Ok(Status::Done)
    }
}
