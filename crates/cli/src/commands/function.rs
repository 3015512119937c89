//! `casemate fn`: components that answer HTTP requests.

mod values;

use std::time::Duration;

use casemate_api::functions::{
    DeployFunction, Function as Shown, FunctionFigures, FunctionLogLine, RollBackFunction, RouteFunction,
    RoutePart,
};
use casemate_functions::{FunctionName, GRANTABLE};
use casemate_model::{Grant, Scopes};
use clap::{Args, Subcommand};

use values::Values;

use super::run::{module_source, pair};
use crate::address::Module;
use crate::context::Context;
use crate::escape::escaped_line;
use crate::limits::{self, Limit};
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Serve components that answer HTTP requests, under /fn/NAME/ and at NAME.localhost.
#[derive(Debug, Subcommand)]
pub(crate) enum Function {
    Deploy(Deploy),
    #[command(visible_alias = "list")]
    Ls(List),
    Show(Show),
    Versions(Versions),
    Logs(Logs),
    Route(Route),
    Rollback(Rollback),
    #[command(visible_alias = "remove")]
    Rm(Remove),
    #[command(subcommand)]
    Values(Values),
}

impl Function {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Deploy(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Versions(command) => command.execute(context).await,
            Self::Logs(command) => command.execute(context).await,
            Self::Route(command) => command.execute(context).await,
            Self::Rollback(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
            Self::Values(command) => command.execute(context).await,
        }
    }
}

/// Deploy a version of a function; the first one makes the function.
///
/// MODULE is a component of the world wasi:http/proxy: a file (with a slash, or ending in .wasm), a name, cm://BUCKET/KEY or
/// sha256:…. It gets a new instance for every request, no files, and no network but the hosts that are allowed here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn deploy edge edge.wasm --public
  casemate fn deploy edge edge.wasm --allow-host api.example.org --env GREETING=hello --limit wall=2s
  casemate fn deploy edge edge.wasm --grant 'objects:read:models/*' --grant functions:values:edge
  casemate fn deploy edge edge-2.wasm --percent 10 && casemate fn route edge 1=50 2=50")]
pub(crate) struct Deploy {
    /// The function.
    name: FunctionName,
    /// What answers.
    module: Module,
    /// Let everybody send it requests. Otherwise it takes a key of the project with the scope functions:call.
    #[arg(long)]
    public: bool,
    /// An environment variable.
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A host that it may send requests to: api.example.org, *.example.org, example.org:8443, http://10.0.0.1:8080.
    #[arg(long = "allow-host", value_name = "HOST")]
    hosts: Vec<String>,
    /// What it may ask of this node (at the host casemate.internal, in your name): objects:read, objects:write,
    /// names:read or functions:values, each with a pattern if not for all, such as objects:read:models/*.
    #[arg(long = "grant", value_name = "SCOPE[:PATTERN]", value_parser = grant)]
    grants: Vec<Grant>,
    /// A limit of each request, such as wall=5s; wall is 10s otherwise.
    #[arg(long = "limit", value_name = "KEY=VALUE")]
    limits: Vec<Limit>,
    /// How many requests it answers at once, 1 to 256; 16 otherwise.
    #[arg(long, value_name = "COUNT")]
    concurrency: Option<u32>,
    /// How many requests a second it answers; no limit otherwise.
    #[arg(long, value_name = "COUNT")]
    rate: Option<u32>,
    /// How many of a hundred requests this version answers, while the others go on; all otherwise.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
}

impl Deploy {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let wanted = DeployFunction {
            module: module_source(&client, &self.module, output).await?,
            public: self.public,
            env: self.env.iter().cloned().collect(),
            hosts: self.hosts.clone(),
            grants: self.grants.iter().map(Grant::to_string).collect(),
            limits: limits::request(&self.limits),
            concurrency: self.concurrency,
            rate: self.rate,
            percent: self.percent,
        };
        let function = client.functions_deploy(self.name.as_str(), &wanted).await?;
        if output.json() {
            output.value(&function)?;
            return Ok(Status::Done);
        }
        let who = if self.public { "everybody" } else { "keys with functions:call" };
        output.note(&format!(
            "version {} of {} answers {} below {}, for {who}",
            function.newest,
            function.name,
            routed(&function, function.newest),
            function.path,
        ));
        output.line(&function.newest.to_string())?;
        Ok(Status::Done)
    }
}

/// Text that is no grant of a function.
#[derive(Debug, thiserror::Error)]
#[error("a function may be granted {}, each with a pattern or without, such as objects:read:models/*", Scopes::of(&GRANTABLE))]
struct NoGrant;

fn grant(text: &str) -> Result<Grant, NoGrant> {
    let grant: Grant = text.parse().map_err(|_| NoGrant)?;
    if GRANTABLE.contains(&grant.scope) { Ok(grant) } else { Err(NoGrant) }
}

/// How many requests a version answers, in words.
fn routed(function: &Shown, version: u32) -> String {
    let percent = function.route.iter().find(|part| part.version == version).map_or(0, |part| part.percent);
    if percent == 100 { "all requests".to_owned() } else { format!("{percent} % of the requests") }
}

/// List functions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn ls
  casemate fn ls --json | jq -r '.[] | select(.figures.failed > 0) | .name'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let read = |page| async move { client.functions_list(&page).await };
        let functions = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&functions)?;
            return Ok(Status::Done);
        }
        if functions.is_empty() {
            output.note("no functions yet; `casemate fn deploy NAME MODULE` makes one");
        }
        let rows = functions.into_iter().map(|function| {
            let figures = &function.figures;
            vec![
                function.name.clone(),
                route_text(&function.route),
                access(function.version.public).to_owned(),
                figures.answered.to_string(),
                figures.failed.to_string(),
                median(figures),
            ]
        });
        let columns = [
            Column::Text("function"),
            Column::Text("route"),
            Column::Text("access"),
            Column::Number("answered"),
            Column::Number("failed"),
            Column::Number("median"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

fn access(public: bool) -> &'static str {
    if public { "public" } else { "by key" }
}

fn route_text(route: &[RoutePart]) -> String {
    let parts: Vec<_> = route.iter().map(|part| format!("{}={}", part.version, part.percent)).collect();
    parts.join(" ")
}

/// Within which time half of the requests were answered.
fn median(figures: &FunctionFigures) -> String {
    let all: u64 = figures.latency.iter().map(|part| part.count).sum();
    let mut below = 0;
    for part in &figures.latency {
        below += part.count;
        if all > 0 && 2 * below >= all {
            return part.up_to_ms.map_or("over 5000 ms".to_owned(), |bound| format!("≤ {bound} ms"));
        }
    }
    "-".to_owned()
}

/// Show a function: which versions answer, what they may use, and what it has done since the node started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn show edge
  casemate fn show edge --json | jq .figures.latency")]
pub(crate) struct Show {
    /// The function.
    name: FunctionName,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let function = client.functions_show(self.name.as_str()).await?;
        show(output, &function)
    }
}

fn show(output: crate::output::Output, function: &Shown) -> Result<Status, CliError> {
    if output.json() {
        output.value(function)?;
        return Ok(Status::Done);
    }
    let (version, figures) = (&function.version, &function.figures);
    let none = |texts: &[String]| if texts.is_empty() { "none".to_owned() } else { texts.join(" ") };
    output.fields(&[
        ("function", function.name.clone()),
        ("path", function.path.clone()),
        ("route", route_text(&function.route)),
        ("version", version.number.to_string()),
        ("module", version.module.clone()),
        ("access", access(version.public).to_owned()),
        ("hosts", none(&version.hosts)),
        ("grants", none(&version.grants)),
        ("env", none(&version.env)),
        ("concurrency", version.concurrency.to_string()),
        ("rate", version.rate.map_or("no limit".to_owned(), |rate| format!("{rate} a second"))),
        ("deployed", format!("{} by {}", version.created, version.actor)),
        ("answered", format!("{} ({} of them with 5xx)", figures.answered, figures.errors)),
        ("failed", figures.failed.to_string()),
        ("refused", figures.refused.to_string()),
        ("median", median(figures)),
    ])?;
    Ok(Status::Done)
}

/// List versions of a function, newest first. None of them ever changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn versions edge
  casemate fn versions edge --limit 5 --json")]
pub(crate) struct Versions {
    /// The function.
    name: FunctionName,
    #[command(flatten)]
    paging: Paging,
}

impl Versions {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, name) = (&client, self.name.as_str());
        let read = |page| async move { client.functions_versions(name, &page).await };
        let versions = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&versions)?;
            return Ok(Status::Done);
        }
        let rows = versions.into_iter().map(|version| {
            let access = access(version.public).to_owned();
            vec![version.number.to_string(), version.created, access, version.actor, version.module]
        });
        let columns = ["version", "deployed", "access", "by", "module"].map(Column::Text);
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// How often the node is asked for more lines.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// Most lines in one answer.
const LINES_MAX: u32 = 1_000;

/// Show what a function has written to its standard output and error. Control characters are shown and not obeyed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn logs edge
  casemate fn logs edge --follow
  casemate fn logs edge --limit 1000 --json | jq -r 'select(.version == 2) | .text'")]
pub(crate) struct Logs {
    /// The function.
    name: FunctionName,
    /// Go on with what comes; Ctrl-C ends it.
    #[arg(long, short)]
    follow: bool,
    /// How many of the latest lines, 1 to 1000.
    #[arg(long, value_name = "LINES", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

impl Logs {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let name = self.name.as_str();
        let mut lines = client.functions_log(name, 0, self.limit).await?.lines;
        if lines.is_empty() && !self.follow {
            output.note("nothing is in the log; it is of this run of the node only");
        }
        let mut last = 0;
        loop {
            for line in &lines {
                put(output, line)?;
                last = line.number;
            }
            if !self.follow {
                return Ok(Status::Done);
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
            // Before there is a line, the latest are asked for; those of a node that was started anew count from 1 again.
            lines = client.functions_log(name, last, LINES_MAX).await?.lines;
        }
    }
}

fn put(output: crate::output::Output, line: &FunctionLogLine) -> Result<(), CliError> {
    if output.json() {
        return output.value_line(line);
    }
    output.line(&format!("{} v{} {}", line.time, line.version, escaped_line(&line.text)))
}

/// Choose which versions answer, and how many of a hundred requests each.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn route edge 3=90 4=10
  casemate fn route edge 4=100")]
pub(crate) struct Route {
    /// The function.
    name: FunctionName,
    /// Versions with their percents, which make 100 together.
    #[arg(value_name = "VERSION=PERCENT", required = true, value_parser = part)]
    parts: Vec<RoutePart>,
}

/// Text that is no part of a route.
#[derive(Debug, thiserror::Error)]
#[error("expected a version and its percent, such as 3=90")]
struct NoPart;

fn part(text: &str) -> Result<RoutePart, NoPart> {
    let (version, percent) = text.split_once('=').ok_or(NoPart)?;
    let (version, percent) = (version.parse().map_err(|_| NoPart)?, percent.parse().map_err(|_| NoPart)?);
    Ok(RoutePart { version, percent })
}

impl Route {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let wanted = RouteFunction { route: self.parts.clone() };
        let function = context.client()?.functions_route(self.name.as_str(), &wanted).await?;
        said(context, &function)
    }
}

fn said(context: &Context, function: &Shown) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(function)?;
    } else {
        context.output.note(&format!("requests to {} go to {}", function.name, route_text(&function.route)));
    }
    Ok(Status::Done)
}

/// Have an earlier version answer all requests, at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn rollback edge
  casemate fn rollback edge --to 3")]
pub(crate) struct Rollback {
    /// The function.
    name: FunctionName,
    /// The version; the one before the newest of those that answer otherwise.
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
}

impl Rollback {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let wanted = RollBackFunction { version: self.to };
        let function = context.client()?.functions_roll_back(self.name.as_str(), &wanted).await?;
        said(context, &function)
    }
}

/// Remove a function with all its versions. Its name is free again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn rm edge")]
pub(crate) struct Remove {
    /// The function.
    name: FunctionName,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.functions_remove(self.name.as_str()).await?;
        context.output.note(&format!("removed {}", self.name));
        Ok(Status::Done)
    }
}
