use std::io::Write;
use std::path::Path;

use casemate_api::tasks::{OutputFile, Task, TaskState};
use casemate_api::{Client, TaskStream};
use casemate_fs::Dir;

use crate::escape::Escaper;
use crate::limits;
use crate::output::Output;
use crate::proofs;
use crate::report::CliError;
use crate::transfer::{self, Sink};

/// How a guest's streams are shown.
#[derive(Clone, Copy)]
pub(crate) struct Show {
    pub(crate) output: Output,
    /// Lets control characters through to a terminal.
    pub(crate) raw: bool,
}

/// Shows what the guest wrote: standard output on standard output, standard error on standard error.
pub(crate) async fn show_streams(client: &Client, task: &Task, show: Show) -> Result<(), CliError> {
    let Some(result) = &task.result else { return Ok(()) };
    if result.stdout.is_some() {
        show_stdout(client, &task.id, show).await?;
    }
    if result.stderr.is_some() {
        show_stderr(client, &task.id, show).await?;
    }
    Ok(())
}

/// Shows the guest's standard output.
pub(crate) async fn show_stdout(client: &Client, task: &str, show: Show) -> Result<(), CliError> {
    let download = client.tasks_output(task, TaskStream::Stdout).await?;
    let mut sink = Guest::new(show, Stream::Stdout);
    transfer::download(download, "standard output", &mut sink, show.output).await?;
    sink.finish()
}

async fn show_stderr(client: &Client, task: &str, show: Show) -> Result<(), CliError> {
    let download = client.tasks_output(task, TaskStream::Stderr).await?;
    let mut sink = Guest::new(show, Stream::Stderr);
    transfer::download(download, "standard error", &mut sink, show.output).await?;
    sink.finish()
}

/// Writes what a guest wrote to the guest's stream of the same name. On a terminal, nothing in it is obeyed.
pub(crate) struct Guest {
    stream: Stream,
    output: Output,
    escaper: Option<Escaper>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Guest {
    pub(crate) fn new(Show { output, raw }: Show, stream: Stream) -> Self {
        let on_terminal = match stream {
            Stream::Stdout => output.data_on_terminal(),
            Stream::Stderr => output.talk_on_terminal(),
        };
        let escaper = (on_terminal && !raw).then(Escaper::default);
        Self { stream, output, escaper }
    }

    fn write(&self, bytes: &[u8]) -> Result<(), CliError> {
        match self.stream {
            Stream::Stdout => self.output.data(bytes),
            Stream::Stderr => {
                self.output.talk(bytes);
                Ok(())
            }
        }
    }

    pub(crate) fn finish(&mut self) -> Result<(), CliError> {
        match self.escaper.take() {
            Some(escaper) => self.write(escaper.finish().as_bytes()),
            None => Ok(()),
        }
    }
}

impl Sink for Guest {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        match &mut self.escaper {
            Some(escaper) => {
                let shown = escaper.push(bytes);
                self.write(shown.as_bytes())
            }
            None => self.write(bytes),
        }
    }

    fn is_stdout(&self) -> bool {
        self.stream == Stream::Stdout
    }
}

/// Keeps output files and receipt where the user wants them.
pub(super) async fn keep(
    client: &Client,
    task: &Task,
    out: Option<&Path>,
    receipt: Option<&Path>,
    output: Output,
) -> Result<(), CliError> {
    let Some(result) = &task.result else { return Ok(()) };
    if let Some(out) = out {
        let directory = casemate_fs::make_user_dir(out)?;
        for file in &result.outputs {
            keep_file(client, &task.id, file, &directory, output).await?;
        }
        output.note(&format!("output files in {}: {}", out.display(), result.outputs.len()));
    }
    if let Some(path) = receipt {
        keep_receipt(client, &task.id, path, output).await?;
    }
    Ok(())
}

/// Fetches a task's receipt into a file.
pub(crate) async fn keep_receipt(
    client: &Client,
    task: &str,
    path: &Path,
    output: Output,
) -> Result<(), CliError> {
    let text = proofs::receipt(client, task).await?;
    let label = path.display().to_string();
    let mut file = casemate_fs::create_user_file(path)?;
    file.write_all(text.as_bytes())
        .map_err(|source| CliError::Write { what: format!("`{label}`"), source })?;
    file.commit()?;
    output.note(&format!("receipt in {label}; `casemate verify {label}` checks it"));
    Ok(())
}

/// Fetches one output file. Its path is the guest's word, so it is walked from the held directory.
async fn keep_file(
    client: &Client,
    task: &str,
    file: &OutputFile,
    directory: &Dir,
    output: Output,
) -> Result<(), CliError> {
    let (mut directory, mut name) = (directory.clone(), file.path.as_str());
    while let Some((parent, rest)) = name.split_once('/') {
        directory = directory.private_subdir(parent)?;
        name = rest;
    }
    let download = client.tasks_output(task, TaskStream::File(&file.path)).await?;
    let mut staged = directory.stage()?;
    let mut sink = transfer::Into { label: &file.path, file: &mut staged };
    transfer::download(download, &file.path, &mut sink, output).await?;
    staged.commit_replace(name)?;
    Ok(())
}

/// What came of a task, in a few lines.
pub(crate) fn summary(task: &Task) -> String {
    let word = state_word(task.state);
    let Some(result) = &task.result else {
        return format!("{word}\ntask {}", task.id);
    };
    let name = task.module_name.as_deref().unwrap_or(&task.module);
    format!(
        "{word}: {}\nused: {}\ntask {} of {name}, receipt {} in log entry {}",
        result.outcome.text,
        limits::used(&result.usage, &task.limits),
        task.id,
        result.level,
        result.entry
    )
}

fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::TimedOut => "timed out",
        TaskState::RetryWait => "waits for its next attempt",
        TaskState::Queued
        | TaskState::Leased
        | TaskState::Running
        | TaskState::Succeeded
        | TaskState::Failed
        | TaskState::Cancelled
        | TaskState::Dead => state.as_str(),
    }
}
