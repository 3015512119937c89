use std::path::{Path, PathBuf};
use std::time::Duration;

use casemate_api::objects::{Object, ObjectRef};
use casemate_api::tasks::{
    ContentSource, LimitsRequest, ModuleSource, NameRef, OutcomeKind, SubmitTask, Task, TaskInput, TaskResult,
};
use casemate_api::{Client, Download, TaskStream};

use crate::commands::cp::media_type_of;
use crate::commands::run;
use crate::output::Output;
use crate::report::{CliError, TourPart};
use crate::transfer::{self, Source};

/// The bucket of everything that the tour stores.
const BUCKET: &str = "tour";

/// Most bytes of a guest's output that the tour shows.
const SHOWN_BYTES_MAX: usize = 2_000;

/// What the scenes are played with: a node, files, and somebody who listens.
pub(super) struct Stage<'a> {
    pub(super) client: &'a Client,
    pub(super) output: Output,
    guests: PathBuf,
    data: PathBuf,
}

impl<'a> Stage<'a> {
    pub(super) fn new(client: &'a Client, output: Output, guests: Option<PathBuf>, data: PathBuf) -> Self {
        Self { client, output, guests: guests.unwrap_or_else(beside_the_binary), data }
    }

    /// Tells something.
    pub(super) fn say(&self, text: &str) {
        self.output.notes(text);
    }

    /// Checks that all files are there, before anything is changed.
    pub(super) fn check_files(&self, guests: &[&str], data: &[&str]) -> Result<(), CliError> {
        let guests = guests.iter().map(|file| (self.guests.join(file), TourPart::Guest));
        let data = data.iter().map(|file| (self.data.join(file), TourPart::Data));
        for (path, part) in guests.chain(data) {
            match Source::file(&path) {
                Err(CliError::File(error)) if error.is_not_found() => {
                    return Err(CliError::TourFile { path, part });
                }
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Stores a program.
    pub(super) async fn store_guest(&self, file: &str) -> Result<Object, CliError> {
        self.store(&self.guests.join(file), file).await
    }

    /// Stores a text or picture.
    pub(super) async fn store_data(&self, file: &str) -> Result<Object, CliError> {
        self.store(&self.data.join(file), file).await
    }

    async fn store(&self, path: &Path, key: &str) -> Result<Object, CliError> {
        let source = Source::file(path)?;
        let object = ObjectRef { bucket: BUCKET.to_owned(), key: key.to_owned() };
        transfer::upload(self.client, &object, source, media_type_of(key), self.output).await
    }

    /// Runs a task to its end.
    pub(super) async fn run(&self, wanted: &SubmitTask) -> Result<(Task, TaskResult), CliError> {
        let task = self.client.tasks_submit(wanted, Duration::ZERO).await?;
        let task = run::wait(self.client, task).await?;
        match task.result.clone() {
            Some(result) => Ok((task, result)),
            None => Err(CliError::Tour {
                expected: "a result".to_owned(),
                found: format!("task {} is {} without one", task.id, task.state.as_str()),
            }),
        }
    }

    /// What a task wrote to standard output, cut to what fits a page.
    pub(super) async fn stdout_of(&self, task: &Task) -> Result<String, CliError> {
        let download = self.client.tasks_output(&task.id, TaskStream::Stdout).await?;
        let bytes = read_start(download).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A task that runs what a name means.
pub(super) fn named(name: &str) -> SubmitTask {
    task(ModuleSource::Name(NameRef { name: name.to_owned() }))
}

/// A task that runs stored content.
pub(super) fn stored(digest: &str) -> SubmitTask {
    task(ModuleSource::Digest(digest.to_owned()))
}

fn task(module: ModuleSource) -> SubmitTask {
    SubmitTask {
        kind: casemate_api::tasks::TaskType::Wasm,
        module,
        args: Vec::new(),
        env: std::collections::BTreeMap::new(),
        stdin: None,
        inputs: Vec::new(),
        after: Vec::new(),
        output_directory: false,
        limits: LimitsRequest::default(),
        profile: casemate_api::tasks::Profile::Default,
        plan: casemate_api::tasks::PlanRequest::default(),
        quorum: None,
    }
}

/// A file of the input directory.
pub(super) fn input(path: &str, digest: &str) -> TaskInput {
    TaskInput { path: path.to_owned(), source: ContentSource::Digest(digest.to_owned()) }
}

/// Holds an outcome to what the tour says about it.
pub(super) fn expect(result: &TaskResult, kind: OutcomeKind, detail: &str) -> Result<(), CliError> {
    if result.outcome.kind == kind && (detail.is_empty() || result.outcome.detail == detail) {
        return Ok(());
    }
    let expected = format!("{kind:?} {detail}").trim().to_owned();
    Err(CliError::Tour { expected, found: format!("the program {}", result.outcome.text) })
}

async fn read_start(mut download: Download) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        let room = SHOWN_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == SHOWN_BYTES_MAX {
            break;
        }
    }
    Ok(bytes)
}

/// `target/guests` for `target/debug/casemate`.
#[expect(clippy::disallowed_methods, reason = "the guests of a build are found by where its binary is")]
fn beside_the_binary() -> PathBuf {
    let binary = std::env::current_exe().unwrap_or_default();
    let profile = binary.parent().unwrap_or(Path::new("."));
    profile.parent().unwrap_or(profile).join("guests")
}
