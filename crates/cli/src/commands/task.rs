mod logs;
mod plan;
mod statistics;

use std::path::PathBuf;
use std::time::Duration;

use casemate_api::TaskStream;
use casemate_api::tasks::{Task as TaskRecord, TaskState};
use casemate_model::TaskId;
use clap::{Args, Subcommand, ValueEnum};

use super::run::{self, Guest, Show as ShowStream, Stream, keep_receipt, show_stdout, summary};
use crate::context::Context;
use crate::paging::Paging;
use crate::proofs;
use crate::report::{CliError, Status};
use crate::tables::Column;
use crate::transfer;

/// Look at tasks, follow them, wait for them, cancel them, and fetch what came of them.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    #[command(visible_alias = "ls")]
    List(List),
    Show(Show),
    Wait(Wait),
    Cancel(Cancel),
    Requeue(Requeue),
    Output(Output),
    #[command(visible_alias = "log")]
    Logs(logs::Logs),
    Receipt(Receipt),
    #[command(visible_alias = "stats")]
    Statistics(statistics::Statistics),
    Types(statistics::Types),
}

impl Task {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Wait(command) => command.execute(context).await,
            Self::Cancel(command) => command.execute(context).await,
            Self::Requeue(command) => command.execute(context).await,
            Self::Output(command) => command.execute(context).await,
            Self::Logs(command) => command.execute(context).await,
            Self::Receipt(command) => command.execute(context).await,
            Self::Statistics(command) => command.execute(context).await,
            Self::Types(command) => command.execute(context).await,
        }
    }
}

/// List tasks, newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task list
  casemate task list --state failed
  casemate task list --limit 5 --json")]
pub(crate) struct List {
    /// Only tasks in this state.
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    paging: Paging,
}

/// The states of tasks, as options.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum State {
    Queued,
    Leased,
    Running,
    RetryWait,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    Dead,
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Leased => Self::Leased,
            State::Running => Self::Running,
            State::RetryWait => Self::RetryWait,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
            State::TimedOut => Self::TimedOut,
            State::Dead => Self::Dead,
        }
    }
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, state) = (&client, self.state.map(TaskState::from));
        let tasks =
            self.paging.collect(output, |page| async move { client.tasks_list(state, &page).await }).await?;
        if output.json() {
            output.value(&tasks)?;
            return Ok(Status::Done);
        }
        if tasks.is_empty() {
            output.note("no such tasks; `casemate run MODULE` makes one");
        }
        let rows = tasks.into_iter().map(|task| {
            let outcome = task.result.map(|result| result.outcome.text).unwrap_or_default();
            let module = task.module_name.unwrap_or(task.module);
            vec![task.id, task.state.as_str().to_owned(), task.created, module, outcome]
        });
        output.rows(&["task", "state", "created", "module", "outcome"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Show a task.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task show tsk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Show {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let task = context.client()?.tasks_show(&self.id.to_string(), Duration::ZERO).await?;
        show(context, &task)?;
        Ok(Status::Done)
    }
}

/// Wait for a task to end, and show what came of it.
///
/// Ends with code 0 if the task succeeded, with 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task wait \"$(casemate run app.wasm --detach)\"")]
pub(crate) struct Wait {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
}

impl Wait {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let task = client.tasks_show(&self.id.to_string(), Duration::ZERO).await?;
        let task = run::wait(&client, task).await?;
        show(context, &task)?;
        Ok(if task.state == TaskState::Succeeded { Status::Done } else { Status::Failed })
    }
}

/// Cancel a task. A guest that runs is killed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task cancel tsk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Cancel {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
}

impl Cancel {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let task = context.client()?.tasks_cancel(&self.id.to_string()).await?;
        if context.output.json() {
            context.output.value(&task)?;
            return Ok(Status::Done);
        }
        let (id, state) = (&task.id, task.state.as_str());
        context.output.note(&match task.state {
            TaskState::Cancelled => format!("{id} is cancelled"),
            TaskState::Queued | TaskState::Leased | TaskState::Running | TaskState::RetryWait => {
                format!("{id} is {state} and was asked to stop; `casemate task wait {id}` waits for its end")
            }
            TaskState::Succeeded | TaskState::Failed | TaskState::TimedOut | TaskState::Dead => {
                format!("{id} was over already: {state}")
            }
        });
        Ok(Status::Done)
    }
}

/// Submit once more what a task that is over was to do, as after `dead` or `timed_out`. Prints the new task's id.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task requeue tsk_01kg9ys7kv040g2081040g2081
  casemate task list --state dead --json | jq -r '.[].id' | xargs -n 1 casemate task requeue")]
pub(crate) struct Requeue {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
}

impl Requeue {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let task = context.client()?.tasks_requeue(&self.id.to_string()).await?;
        run::detached(context.output, &task)
    }
}

/// Print what a task wrote to standard output, or fetch a file that it left.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task output tsk_01kg9ys7kv040g2081040g2081
  casemate task output tsk_01kg9ys7kv040g2081040g2081 --file small.png > small.png")]
pub(crate) struct Output {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
    /// A file of the task's directory /out, by its path there.
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// Let control characters through to the terminal.
    #[arg(long)]
    raw: bool,
}

impl Output {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, id, output) = (context.client()?, self.id.to_string(), context.output);
        let how = ShowStream { output, raw: self.raw };
        let Some(path) = &self.file else {
            show_stdout(&client, &id, how).await?;
            return Ok(Status::Done);
        };
        let download = client.tasks_output(&id, TaskStream::File(path)).await?;
        let mut sink = Guest::new(how, Stream::Stdout);
        transfer::download(download, path, &mut sink, output).await?;
        sink.finish()?;
        Ok(Status::Done)
    }
}

/// Fetch a task's receipt, with everything that `casemate verify` needs to check it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task receipt tsk_01kg9ys7kv040g2081040g2081 receipt.txt
  casemate task receipt tsk_01kg9ys7kv040g2081040g2081 > receipt.txt")]
pub(crate) struct Receipt {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
    /// The file to write; standard output otherwise.
    file: Option<PathBuf>,
}

impl Receipt {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, id) = (context.client()?, self.id.to_string());
        match &self.file {
            Some(path) => keep_receipt(&client, &id, path, context.output).await?,
            None => context.output.data(proofs::receipt(&client, &id).await?.as_bytes())?,
        }
        Ok(Status::Done)
    }
}

fn show(context: &Context, task: &TaskRecord) -> Result<(), CliError> {
    if context.output.json() {
        return context.output.value(task);
    }
    let mut fields = vec![
        ("task", task.id.clone()),
        ("state", task.state.as_str().to_owned()),
        ("module", task.module.clone()),
        ("arguments", task.args.join(" ")),
        ("profile", task.profile.as_str().to_owned()),
        ("actor", task.actor.clone()),
        ("created", task.created.clone()),
        ("updated", task.updated.clone()),
        ("attempt", task.attempt.to_string()),
    ];
    if let Some(progress) = &task.progress {
        fields.push(("progress", format!("{}/{} {}", progress.done, progress.total, progress.text)));
    }
    fields.extend(plan::fields(task));
    if let Some(name) = &task.module_name {
        fields.insert(3, ("name", name.clone()));
    }
    if let Some(result) = &task.result {
        let none = || "-".to_owned();
        fields.push(("stdout", result.stdout.clone().unwrap_or_else(none)));
        fields.push(("stderr", result.stderr.clone().unwrap_or_else(none)));
    }
    let outputs: Vec<String> = task
        .result
        .iter()
        .flat_map(|result| &result.outputs)
        .map(|file| format!("{} ({} bytes, {})", file.path, file.size_bytes, file.digest))
        .collect();
    fields.extend(outputs.into_iter().map(|file| ("output", file)));
    context.output.fields(&fields)?;
    context.output.notes(&summary(task));
    Ok(())
}
