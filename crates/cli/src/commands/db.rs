use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_fs::Dir;
use casemate_state::{Report, StateError, Store};
use clap::{Args, Subcommand};

use super::node_options::{NodeOptions, existing_directory};
use crate::config::Config;
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::wire;
use crate::world::{SystemClock, SystemEntropy};

/// Check, save and restore a node's database.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    Check(Check),
    Backup(Backup),
    Restore(Restore),
}

impl Db {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Check(command) => command.execute(context).await,
            Self::Backup(command) => command.execute(context).await,
            Self::Restore(command) => command.execute(context).await,
        }
    }
}

/// Look for damage in the database of a node that is not running.
///
/// Ends with code 1 if there is any.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate db check
  casemate db check --data-dir /srv/casemate")]
pub(crate) struct Check {
    #[command(flatten)]
    options: NodeOptions,
}

impl Check {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let directory = existing_directory(&config)?;
        let _lock = directory.lock("casemate db check")?;
        let store = open(&config, &directory).await?;
        let report = store.check().await;
        store.close().await;
        say(context, &report?)
    }
}

/// Save the database to a new file, also while the node runs.
///
/// Objects, the log's tiles and the node's secrets are files of the data directory (objects/, log/, secrets/) and not
/// in it: save them too, secrets with care.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate db backup casemate-2026-01-31.db")]
pub(crate) struct Backup {
    /// The file to write. There must be none of the name.
    file: PathBuf,
    #[command(flatten)]
    options: NodeOptions,
}

impl Backup {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let (target, name) = place_of(&self.file)?;
        let store = open(&config, &existing_directory(&config)?).await?;
        let saved = store.backup(&target, &name).await;
        store.close().await;
        let bytes = saved?;
        let file = self.file.display().to_string();
        if context.output.json() {
            context.output.value(&serde_json::json!({ "file": file, "size_bytes": bytes }))?;
        } else {
            context.output.note(&format!("saved {bytes} bytes to {file}"));
        }
        Ok(Status::Done)
    }
}

/// Put a saved database in the place of the present one. The node must not be running.
///
/// The file is checked first; if it is not sound, nothing is replaced. The signed log is moved aside with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate db restore casemate-2026-01-31.db")]
pub(crate) struct Restore {
    /// A file that `casemate db backup` wrote.
    file: PathBuf,
    #[command(flatten)]
    options: NodeOptions,
}

impl Restore {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let backup = casemate_fs::read_user_file(&self.file)?;
        let directory = Dir::open_private(&config.data_directory)?;
        let _lock = directory.lock("casemate db restore")?;
        let state = directory.private_subdir("state")?;
        let report = match casemate_state::restore_sqlite(&state, backup, &SystemClock).await {
            // It speaks of its own copy of the file, which the user never named.
            Err(StateError::DamagedFile { .. }) => {
                return Err(CliError::NoBackup { path: self.file.clone() });
            }
            other => other?,
        };
        let log = set_log_aside(&directory)?;
        if !context.output.json() {
            context.output.note(&format!("restored {}", self.file.display()));
            if let Some(log) = log {
                context
                    .output
                    .note(&format!("the signed log, which is of the replaced database, is now in `{log}`"));
            }
        }
        say(context, &report)
    }
}

/// Moves the signed log away, because it is not the restored database's: the node signs a new one from the entries that
/// it has. Who remembers a checkpoint of the old one will see that the node went back, which is so.
fn set_log_aside(directory: &Dir) -> Result<Option<String>, CliError> {
    let entries = directory.entries()?;
    let taken = |name: &str| entries.iter().any(|entry| entry.name == name);
    if !taken("log") {
        return Ok(None);
    }
    let name = (1..).map(|number| format!("log-before-restore-{number}")).find(|name| !taken(name));
    let name = name.expect("numbers do not end");
    directory.rename("log", &name)?;
    Ok(Some(name))
}

pub(super) async fn open(config: &Config, directory: &Dir) -> Result<Store, CliError> {
    let secrets = directory.private_subdir("secrets")?;
    let (node_key, _) = wire::node_key(&secrets, &SystemEntropy)?;
    Ok(wire::open_store(config, directory, &node_key, Arc::new(SystemClock)).await?)
}

fn say(context: &Context, report: &Report) -> Result<Status, CliError> {
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    if context.output.json() {
        let value = serde_json::json!({
            "rows": report.rows, "findings": findings, "truncated": report.truncated
        });
        context.output.value(&value)?;
    } else {
        for finding in &findings {
            context.output.line(finding)?;
        }
        let more = if report.truncated { " or more" } else { "" };
        context.output.note(&format!("looked at {} rows: {}{more} findings", report.rows, findings.len()));
    }
    Ok(if report.is_clean() { Status::Done } else { Status::Failed })
}

/// The directory and name of a file that a user named.
fn place_of(path: &Path) -> Result<(Dir, String), CliError> {
    let not_text = || CliError::PathNotText { path: path.to_owned() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(not_text)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((casemate_fs::open_user_dir(parent)?, name.to_owned()))
}
