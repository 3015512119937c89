mod joined;

use std::time::Duration;

use casemate_api::nodes::{CreateJoinToken, Node as WireNode};
use casemate_model::{JoinTokenId, NodeId};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::span::span;
use crate::tables::Column;

/// Let other machines help: have them join, see how they do, and drain or remove them.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    Token(Token),
    Tokens(Tokens),
    Withdraw(Withdraw),
    Join(joined::Join),
    Run(joined::Run),
    #[command(visible_alias = "list")]
    Ls(Ls),
    Show(Show),
    Drain(Drain),
    Resume(Resume),
    #[command(visible_alias = "remove")]
    Rm(Rm),
}

impl Node {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Token(command) => command.execute(context).await,
            Self::Tokens(command) => command.execute(context).await,
            Self::Withdraw(command) => command.execute(context).await,
            Self::Join(command) => command.execute(context).await,
            Self::Run(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Drain(command) => command.execute(context).await,
            Self::Resume(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
        }
    }

    /// Whether it goes on until a signal comes, and ends by itself then.
    pub(crate) const fn heeds_signals(&self) -> bool {
        matches!(self, Self::Join(_) | Self::Run(_))
    }
}

/// Make a token by which one machine joins. It is printed this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node token
  casemate node token --label zone=a --label disk=fast --expires-in 10m
  casemate node token > join.token && scp join.token box1:      and there: casemate node join URL --token-file join.token")]
pub(crate) struct Token {
    /// A label of the node, such as zone=a, for tasks that want it; give it several times for several.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// How long the token is good for, at most 7 days.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    expires_in: Duration,
}

impl Token {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let wanted =
            CreateJoinToken { labels: self.labels.clone(), lifetime_seconds: self.expires_in.as_secs() };
        let created = context.client()?.join_tokens_create(&wanted).await?;
        if context.output.json() {
            context.output.value(&created)?;
        } else {
            let expires = &created.token.expires;
            context.output.note(&format!(
                "a machine joins with `casemate node join URL --token …` until {expires}, once:"
            ));
            context.output.line(&created.secret)?;
        }
        Ok(Status::Done)
    }
}

/// List join tokens that were not used yet.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node tokens")]
pub(crate) struct Tokens {
    #[command(flatten)]
    paging: Paging,
}

impl Tokens {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let collected =
            self.paging.collect(output, |page| async move { client.join_tokens_list(&page).await });
        let tokens = collected.await?;
        if output.json() {
            output.value(&tokens)?;
            return Ok(Status::Done);
        }
        if tokens.is_empty() {
            output.note("no join tokens; `casemate node token` makes one");
        }
        let rows = tokens.into_iter().map(|token| vec![token.id, token.labels.join(" "), token.expires]);
        output.rows(&["token", "labels", "expires"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Take a join token back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node withdraw jtk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Withdraw {
    /// The token's id, as `casemate node tokens` shows it.
    #[arg(value_name = "TOKEN")]
    id: JoinTokenId,
}

impl Withdraw {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.join_tokens_withdraw(&self.id.to_string()).await?;
        context.output.note(&format!("{} lets nobody join any more", self.id));
        Ok(Status::Done)
    }
}

/// List nodes, and how they do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node ls
  casemate node ls --json | jq -r '.[] | select(.health < 50) | .name'")]
pub(crate) struct Ls {
    #[command(flatten)]
    paging: Paging,
}

impl Ls {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let nodes = self.paging.collect(output, |page| async move { client.nodes_list(&page).await }).await?;
        if output.json() {
            output.value(&nodes)?;
            return Ok(Status::Done);
        }
        if nodes.is_empty() {
            output.note("no nodes have joined; `casemate node token` lets one");
        }
        let rows = nodes.into_iter().map(|node| {
            let state = state(&node).to_owned();
            let health = node.health.to_string();
            let done = node.work.completed.to_string();
            let labels = node.labels.join(" ");
            vec![node.id, node.name, state, health, done, labels, node.seen]
        });
        let columns = [
            Column::Text("node"),
            Column::Text("name"),
            Column::Text("state"),
            Column::Number("health"),
            Column::Number("completed"),
            Column::Text("labels"),
            Column::Text("seen"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// What people want to know first.
fn state(node: &WireNode) -> &'static str {
    if node.online { node.state.as_str() } else { "offline" }
}

/// Show a node: what it has, and what is known of its work.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node show nod_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Show {
    /// The node's id.
    #[arg(value_name = "NODE")]
    id: NodeId,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let node = context.client()?.nodes_show(&self.id.to_string()).await?;
        if context.output.json() {
            context.output.value(&node)?;
            return Ok(Status::Done);
        }
        let (has, work) = (node.capabilities, node.work);
        let kvm = if has.kvm { "yes" } else { "no" };
        context.output.fields(&[
            ("node", node.id.clone()),
            ("name", node.name.clone()),
            ("state", format!("{} (last seen {})", state(&node), node.seen)),
            ("health", format!("{} of 100", node.health)),
            ("labels", node.labels.join(" ")),
            ("owner", node.owner.clone()),
            ("signs with", node.public_key.clone()),
            ("cores", has.cores.to_string()),
            ("memory", format!("{} MiB", has.memory_bytes >> 20)),
            ("KVM", kvm.to_owned()),
            ("speed", format!("{} million operations a second and core", has.fuel_per_second / 1_000_000)),
            ("completed", format!("{} runs, {} ms, {} operations", work.completed, work.run_ms, work.fuel)),
            ("failed", format!("{} runs by its own fault, {} leases lost", work.failed, work.lost)),
            ("audits", format!("{} confirmed, {} refuted", work.confirmed, work.refuted)),
            ("joined", node.created.clone()),
        ])?;
        Ok(Status::Done)
    }
}

/// Have a node end what it works on and take nothing more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node drain nod_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Drain {
    /// The node's id.
    #[arg(value_name = "NODE")]
    id: NodeId,
}

impl Drain {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let node = context.client()?.nodes_drain(&self.id.to_string()).await?;
        context.output.note(&format!("{} gets no more tasks", node.name));
        Ok(Status::Done)
    }
}

/// Have a node take tasks again; one that was caught is believed again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node resume nod_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Resume {
    /// The node's id.
    #[arg(value_name = "NODE")]
    id: NodeId,
}

impl Resume {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let node = context.client()?.nodes_resume(&self.id.to_string()).await?;
        context.output.note(&format!("{} gets tasks", node.name));
        Ok(Status::Done)
    }
}

/// Remove a node for good. What it works on goes to others within ten seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node rm nod_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Rm {
    /// The node's id.
    #[arg(value_name = "NODE")]
    id: NodeId,
}

impl Rm {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.nodes_remove(&self.id.to_string()).await?;
        context.output.note(&format!("removed {}", self.id));
        Ok(Status::Done)
    }
}
