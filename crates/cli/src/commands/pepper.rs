use casemate_fs::Dir;
use casemate_model::{Clock, Entropy};
use casemate_state::{KnownPepper, Leaning, Store};
use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::db;
use super::node_options::{NodeOptions, existing_directory};
use crate::config::Config;
use crate::context::Context;
use crate::peppers::{self, PepperError};
use crate::report::{CliError, Status};
use crate::tables::Column;
use crate::world::{SystemClock, SystemEntropy};

/// Change the secret that every stored hash is made with, without logging anybody out.
#[derive(Debug, Subcommand)]
pub(crate) enum Pepper {
    #[command(visible_alias = "ls")]
    List(List),
    Rotate(Rotate),
    Retire(Retire),
}

impl Pepper {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Rotate(command) => command.execute(context),
            Self::Retire(command) => command.execute(context).await,
        }
    }
}

/// List the versions of the pepper, and how many live credentials lean on each. It works while the node runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate pepper list
  casemate pepper list --json --data-dir /srv/casemate")]
pub(crate) struct List {
    #[command(flatten)]
    options: NodeOptions,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let directory = existing_directory(&config)?;
        let secrets = directory.private_subdir("secrets")?;
        let files = peppers::versions(&secrets)?;
        let store = db::open(&config, &directory).await?;
        let found = versions_of(&store, &files).await;
        store.close().await;
        let found = found?;
        let sealing = sealing(&config, &found);
        if context.output.json() {
            let values = found.iter().map(|one| one.value(sealing)).collect::<Vec<_>>();
            context.output.value(&json!(values))?;
            return Ok(Status::Done);
        }
        let columns = [Column::Number("version"), Column::Text("state"), Column::Text("what leans on it")];
        context.output.rows(&columns, found.iter().map(|one| one.row(sealing)).collect())?;
        Ok(Status::Done)
    }
}

/// Make the next version of the pepper. The node makes new hashes with it from its next start on; what leans on older ones
/// stays good.
///
/// For several nodes see docs/scale-out.md: each has to know the new one before any of them uses it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate pepper rotate")]
pub(crate) struct Rotate {
    #[command(flatten)]
    options: NodeOptions,
}

impl Rotate {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let secrets = existing_directory(&config)?.private_subdir("secrets")?;
        let newest = peppers::versions(&secrets)?.last().copied();
        let newest = newest.ok_or(PepperError::Unknown { version: 1 })?;
        let name = peppers::file_name(newest + 1);
        let mut made = Zeroizing::new([0; 32]);
        SystemEntropy.fill(made.as_mut_slice());
        secrets.create_new(&name, made.as_slice())?;
        let path = secrets.path().join(&name).display().to_string();
        if context.output.json() {
            context.output.value(&json!({ "version": newest + 1, "file": path }))?;
        } else {
            context
                .output
                .note(&format!("made {path}; keep it with the other secrets, and start the node anew"));
        }
        Ok(Status::Done)
    }
}

/// Give up a version of the pepper for good, and remove its file. The node must not be running.
///
/// What leans on it is refused from then on, so it says how much that is and does nothing unless --force is given. Links to
/// objects are stored nowhere and cannot be counted: those that were made before the next version end, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate pepper retire 1
  casemate pepper retire 1 --force         after it was stolen: everything that leans on it ends")]
pub(crate) struct Retire {
    /// The version.
    version: u32,
    /// Also if credentials still lean on it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: NodeOptions,
}

impl Retire {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let directory = existing_directory(&config)?;
        let _lock = directory.lock("casemate pepper retire")?;
        let store = db::open(&config, &directory).await?;
        let retired = self.retire(&config, &directory, &store).await;
        store.close().await;
        let leaning = retired?;
        if context.output.json() {
            context.output.value(&json!({ "version": self.version, "ended": leaning.total() }))?;
        } else {
            context.output.note(&format!("retired version {}: {} ended", self.version, words(&leaning)));
        }
        Ok(Status::Done)
    }

    async fn retire(&self, config: &Config, directory: &Dir, store: &Store) -> Result<Leaning, CliError> {
        let version = self.version;
        let secrets = directory.private_subdir("secrets")?;
        let files = peppers::versions(&secrets)?;
        let found = versions_of(store, &files).await?;
        let Some(one) = found.iter().find(|one| one.version == version && one.retired_since.is_none()) else {
            return Err(PepperError::Unknown { version }.into());
        };
        // A database that never saw it is another one than the node's: nothing can be said of what leans on it.
        if !one.known {
            return Err(PepperError::Stranger { version }.into());
        }
        // A newer one that is gone would leave its number to another.
        if sealing(config, &found).is_some_and(|sealing| version >= sealing) {
            return Err(PepperError::InUse { version }.into());
        }
        if one.leaning.total() > 0 && !self.force {
            return Err(PepperError::LeanedOn { version, leaning: words(&one.leaning) }.into());
        }
        let event = peppers::event("node.pepper_retired", version, (&SystemClock, &SystemEntropy));
        store.retire_pepper(version, event).await.map_err(PepperError::from)?;
        // Only now: a version that is not retired must have its file.
        secrets.remove_file(&peppers::file_name(version))?;
        Ok(one.leaning)
    }
}

/// A version, and what there is of it.
struct Version {
    version: u32,
    here: bool,
    /// Whether the database knows it, and since when it is retired.
    known: bool,
    retired_since: Option<String>,
    leaning: Leaning,
}

impl Version {
    fn state(&self, sealing: Option<u32>) -> &'static str {
        match (self.retired_since.is_some(), self.here, self.known) {
            (true, _, _) => "retired",
            (false, false, _) => "missing",
            (false, true, false) => "for the next start",
            (false, true, true) if sealing == Some(self.version) => "makes hashes",
            (false, true, true) => "checks",
        }
    }

    fn row(&self, sealing: Option<u32>) -> Vec<String> {
        vec![self.version.to_string(), self.state(sealing).to_owned(), words(&self.leaning)]
    }

    fn value(&self, sealing: Option<u32>) -> serde_json::Value {
        let Leaning { keys, sessions, refresh_tokens, invitations, apps, recovery_codes, webhooks, answers } =
            self.leaning;
        json!({
            "version": self.version, "state": self.state(sealing), "retired": self.retired_since,
            "keys": keys, "sessions": sessions, "refresh_tokens": refresh_tokens, "invitations": invitations,
            "apps": apps, "recovery_codes": recovery_codes, "webhooks": webhooks, "answers": answers,
        })
    }
}

async fn versions_of(store: &Store, files: &[u32]) -> Result<Vec<Version>, CliError> {
    let known = store.peppers().await.map_err(PepperError::from)?;
    let mut versions: Vec<u32> = known.iter().map(|one| one.version).chain(files.iter().copied()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut found = Vec::new();
    for version in versions {
        let of_store: Option<&KnownPepper> = known.iter().find(|one| one.version == version);
        let leaning = store.leaning_on_pepper(version, SystemClock.now()).await.map_err(PepperError::from)?;
        found.push(Version {
            version,
            here: files.contains(&version),
            known: of_store.is_some(),
            retired_since: of_store.and_then(|one| one.retired).map(|at| at.to_string()),
            leaning,
        });
    }
    Ok(found)
}

/// The version that new hashes are made with.
fn sealing(config: &Config, found: &[Version]) -> Option<u32> {
    let good = found.iter().rev().find(|one| one.here && one.known && one.retired_since.is_none());
    config.pepper_version.or(good.map(|one| one.version))
}

fn words(leaning: &Leaning) -> String {
    let Leaning { keys, sessions, refresh_tokens, invitations, apps, recovery_codes, webhooks, answers } =
        *leaning;
    let counts = [
        (keys, "API keys"),
        (sessions, "sessions"),
        (refresh_tokens, "refresh tokens"),
        (invitations, "invitations"),
        (apps, "authenticator apps"),
        (recovery_codes, "recovery codes"),
        (webhooks, "webhooks"),
        (answers, "kept answers"),
    ];
    let there: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if there.is_empty() { "nothing".to_owned() } else { there.join(", ") }
}
