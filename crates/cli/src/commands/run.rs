mod inputs;
mod plan;
mod results;

use std::path::PathBuf;
use std::time::Duration;

use casemate_api::Client;
use casemate_api::tasks::{
    ModuleSource, NameRef, Profile, QuorumRequest, SubmitTask, Task, TaskState, TaskType,
};
use casemate_model::TaskId;
use clap::Args;

use crate::address::{Content, Module};
use crate::context::Context;
use crate::limits::{self, Limit};
use crate::output::Output;
use crate::report::{CliError, Status};

pub(super) use results::{Guest, Show, Stream, keep_receipt, show_stdout, show_streams, summary};

/// Run a WebAssembly program in a jailed worker, and wait for its end.
///
/// MODULE is a file (with a slash, or ending in .wasm), a name, cm://BUCKET/KEY or sha256:…. Local files are stored
/// first, under their digest, in the buckets `modules` and `inputs`.
///
/// The program's output goes to standard output, its errors to standard error. On a terminal, control characters in
/// them are shown and not obeyed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate run wordcount.wasm --input book.txt
  casemate run wordcount.tools --input cm://books/moby-dick.txt -- --lines
  casemate run resize.wasm --in picture.png=holiday.png --out results -- 200x200
  casemate run untrusted.wasm --limit wall=2s --limit memory=32MiB --limit fuel=1000000000
  casemate run report.wasm --detach --at 2027-01-01T03:00:00Z --key nightly --attempts 5 --retry-on exit
  casemate run count.wasm --input \"$(casemate run fetch.wasm --detach)\"
  casemate run prove.wasm --det --receipt receipt.txt && casemate verify receipt.txt

Limits: wall, compile (500ms, 5s, 2m); memory, stack, output, log, compile-memory (64MiB); fuel, tables, instances.

Exit codes: 0 when the program exited with code 0, otherwise 1 (its own code is shown); 2 to 7 when \
it could not be run, as for every command. Ctrl-C cancels the task.")]
pub(crate) struct Run {
    #[command(flatten)]
    work: Work,
    /// Give the program a directory /out, and keep what it leaves there in DIR.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run it after this task has succeeded; if that ends otherwise, it is cancelled. May be given more than once.
    #[arg(long, value_name = "TASK")]
    after: Vec<TaskId>,
    /// Keep the receipt, with everything that `casemate verify` needs, in FILE.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Print the task's id and do not wait.
    #[arg(long, conflicts_with_all = ["out", "receipt"])]
    detach: bool,
    /// Let the program's control characters through to the terminal.
    #[arg(long)]
    raw: bool,
}

impl Run {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let wanted = self.wanted(&client, output).await?;
        let task = client.tasks_submit(&wanted, Duration::ZERO).await?;
        if self.detach {
            return detached(output, &task);
        }
        let task = wait_or_cancel(&client, task, output).await?;
        if output.json() {
            output.value(&task)?;
        } else {
            show_streams(&client, &task, Show { output, raw: self.raw }).await?;
        }
        results::keep(&client, &task, self.out.as_deref(), self.receipt.as_deref(), output).await?;
        output.notes(&summary(&task));
        Ok(if task.state == TaskState::Succeeded { Status::Done } else { Status::Failed })
    }

    async fn wanted(&self, client: &Client, output: Output) -> Result<SubmitTask, CliError> {
        let wanted = self.work.request(client, self.out.is_some(), output).await?;
        Ok(SubmitTask { after: self.after.iter().map(ToString::to_string).collect(), ..wanted })
    }
}

/// What to run, and how: what `run` and `schedule add` have in common.
#[derive(Debug, Args)]
pub(super) struct Work {
    /// What to run.
    module: Module,
    /// Standard input: a file, `-`, cm://BUCKET/KEY, sha256:…, or what another task leaves: tsk_… for its standard output,
    /// tsk_…:PATH for a file. Empty otherwise.
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// A file for the program's read-only directory /in, as PATH=FILE. FILE may be stored content, too.
    #[arg(long = "in", value_name = "PATH=FILE", value_parser = pair)]
    inputs: Vec<(String, String)>,
    /// An environment variable. Nothing else is in its environment.
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A limit, such as wall=5s.
    #[arg(long = "limit", value_name = "KEY=VALUE")]
    limits: Vec<Limit>,
    /// Run deterministically: the same run gives the same output and uses the same fuel.
    #[arg(long)]
    det: bool,
    /// Have it run by nodes of distinct owners, such as 2/3: three run it, and two must come to the same. Needs --det.
    #[arg(long, value_name = "AGREE/OF", value_parser = quorum, requires = "det")]
    quorum: Option<(u8, u8)>,
    #[command(flatten)]
    plan: plan::PlanOptions,
    /// Arguments for the program.
    #[arg(last = true)]
    args: Vec<String>,
}

impl Work {
    /// The submission. Local files are stored first.
    pub(super) async fn request(
        &self,
        client: &Client,
        output_directory: bool,
        output: Output,
    ) -> Result<SubmitTask, CliError> {
        let module = module_source(client, &self.module, output).await?;
        let mut stdin = None;
        if let Some(text) = &self.input {
            stdin = Some(inputs::source(client, text, output).await?);
        }
        let mut files = Vec::with_capacity(self.inputs.len());
        for (path, text) in &self.inputs {
            files.push(inputs::file(client, path, text, output).await?);
        }
        Ok(SubmitTask {
            kind: TaskType::Wasm,
            module,
            args: self.args.clone(),
            env: self.env.iter().cloned().collect(),
            stdin,
            inputs: files,
            after: Vec::new(),
            output_directory,
            limits: limits::request(&self.limits),
            profile: if self.det { Profile::Det1 } else { Profile::Default },
            plan: self.plan.request(),
            quorum: self.quorum.map(|(agree, of)| QuorumRequest { agree, of }),
        })
    }
}

/// Where a module is that a command line names: a file is stored first.
pub(super) async fn module_source(
    client: &Client,
    module: &Module,
    output: Output,
) -> Result<ModuleSource, CliError> {
    Ok(match module {
        Module::Name(name) => ModuleSource::Name(NameRef { name: name.to_string() }),
        Module::Content(Content::Digest(digest)) => ModuleSource::Digest(digest.to_string()),
        Module::Content(Content::Object(address)) => ModuleSource::Object(address.object()?),
        Module::File(path) => ModuleSource::Digest(inputs::store_module(client, path, output).await?),
    })
}

pub(super) fn detached(output: Output, task: &Task) -> Result<Status, CliError> {
    if output.json() {
        output.value(task)?;
    } else {
        output.note(&format!("{}; `casemate task wait {}` waits for it", task.state.as_str(), task.id));
        output.line(&task.id)?;
    }
    Ok(Status::Done)
}

/// How long the node is asked to wait at a time. It answers at once when the task ends.
const WAIT: Duration = Duration::from_secs(30);

/// Waits for a task to end. Ctrl-C cancels it; a second one gives up waiting.
pub(super) async fn wait_or_cancel(client: &Client, task: Task, output: Output) -> Result<Task, CliError> {
    let id = task.id.clone();
    let waiting = wait(client, task);
    tokio::pin!(waiting);
    tokio::select! {
        ended = &mut waiting => return ended,
        _ = tokio::signal::ctrl_c() => {}
    }
    output.note("cancelling; Ctrl-C again stops waiting for it");
    let cancelled = client.tasks_cancel(&id).await?;
    tokio::select! {
        ended = waiting => ended,
        _ = tokio::signal::ctrl_c() => Ok(cancelled),
    }
}

/// Waits for a task to end.
pub(super) async fn wait(client: &Client, mut task: Task) -> Result<Task, CliError> {
    while !task.state.is_final() {
        task = client.tasks_show(&task.id, WAIT).await?;
    }
    Ok(task)
}

/// Text that is no pair.
#[derive(Debug, thiserror::Error)]
#[error("expected KEY=VALUE")]
pub(super) struct NoPair;

/// Two numbers that make no fraction.
#[derive(Debug, thiserror::Error)]
#[error("expected how many must agree and how many run it, such as 2/3")]
struct NoQuorum;

fn quorum(text: &str) -> Result<(u8, u8), NoQuorum> {
    let (agree, of) = text.split_once('/').ok_or(NoQuorum)?;
    Ok((agree.parse().map_err(|_| NoQuorum)?, of.parse().map_err(|_| NoQuorum)?))
}

pub(super) fn pair(text: &str) -> Result<(String, String), NoPair> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err(NoPair),
    }
}
