use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use casemate_cache::{
    CacheConfig, CacheDirectory, Consent, Migration, OldCache, OldPlaces, Outcome, Place, clear,
    setting_names, survey,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cache::{CacheOptions, place_words};
use crate::context::Context;
use crate::location;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// See and clear the cache of references of buckets elsewhere.
///
/// The commands that use such buckets keep references, which every delta of a folder needs, in a cache that no other
/// program can read or change unnoticed. By default it is encrypted with a key that nobody keeps, and ends with the
/// process; with CASEMATE_CACHE_ENCRYPTION_KEY the next process goes on with it.
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    Show(Show),
    Clear(Clear),
    Migrate(Migrate),
}

impl Cache {
    pub(crate) fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Show(command) => command.execute(context),
            Self::Clear(command) => command.execute(context),
            Self::Migrate(command) => command.execute(context),
        }
    }
}

/// Show which cache there would be, by which settings, and what caches lie there.
///
/// A setting is a flag of the commands that use buckets elsewhere, a variable, a variable of DeltaGlider's, or an entry
/// of the section `cache` in the file that CASEMATE_CONFIG names; the first of these counts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate cache show
  casemate cache show --cache-backend memory     what would be with this flag
  casemate cache show --json")]
pub(crate) struct Show {
    #[command(flatten)]
    options: CacheOptions,
}

impl Show {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (config, sources) = (self.options.resolve()?, self.options.sources()?);
        let found = match base(&config) {
            Some(base) => survey(base)?,
            None => Vec::new(),
        };
        let hours = config.entry_lifetime.as_secs() / 3600;
        if context.output.json() {
            context.output.value(&json!({
                "cache": place_words(&config),
                "directory": base(&config),
                "encrypted": config.encrypted,
                "kept": matches!(config.place, Place::Kept { .. }),
                "lifetime_hours": hours,
                "monitored": config.monitored,
                "found": found.iter().map(value_of).collect::<Vec<_>>(),
            }))?;
            return Ok(Status::Done);
        }
        context.output.fields(&[
            ("cache", place_words(&config)),
            ("encrypted", config.encrypted.to_string()),
            ("life of an entry", format!("{hours} hours")),
            ("monitored", config.monitored.to_string()),
        ])?;
        let columns = ["flag", "variable", "of DeltaGlider", "in the file", "said by"].map(Column::Text);
        let rows = setting_names().into_iter().map(|names| {
            let flag = names.flag.map_or_else(|| "-".to_owned(), |flag| format!("--{flag}"));
            let said = sources.said_by(&names).unwrap_or("nobody");
            let alias = names.alias.unwrap_or("-").to_owned();
            vec![flag, names.variable.to_owned(), alias, names.file.to_owned(), said.to_owned()]
        });
        context.output.rows(&columns, rows.collect())?;
        say_directories(context, &found)?;
        Ok(Status::Done)
    }
}

/// Remove every cache that no living process uses.
///
/// Nothing is lost by it: what is needed again is read from its bucket again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate cache clear
  casemate cache clear --cache-dir /srv/cache --json")]
pub(crate) struct Clear {
    #[command(flatten)]
    options: CacheOptions,
}

impl Clear {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.resolve()?;
        let cleared = match base(&config) {
            Some(base) => clear(base)?,
            None => {
                context.output.note("there is no cache on the disk");
                return Ok(Status::Done);
            }
        };
        if context.output.json() {
            let values = |found: &[CacheDirectory]| found.iter().map(value_of).collect::<Vec<_>>();
            context.output.value(&json!({
                "removed": values(&cleared.removed),
                "in_use": values(&cleared.in_use),
            }))?;
            return Ok(Status::Done);
        }
        say_directories(context, &cleared.removed)?;
        let bytes: u64 = cleared.removed.iter().map(|directory| directory.bytes).sum();
        let (removed, in_use) = (cleared.removed.len(), cleared.in_use.len());
        context.output.note(&format!("{removed} caches removed, {bytes} bytes; {in_use} in use stay"));
        Ok(Status::Done)
    }
}

/// Find the caches that DeltaGlider left, and delete those of them that are yours.
///
/// Their content is neither read nor taken over: nobody can tell who wrote it. What belongs to other users, or lies
/// behind a link, is not touched. Each is asked about, unless --yes or --dry-run says what to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate cache migrate               ask about each
  casemate cache migrate --dry-run     say what there is
  casemate cache migrate --yes         delete all that are yours, as scripts want it

Ends with code 1 if something is there that could not be judged or deleted.")]
pub(crate) struct Migrate {
    /// Delete what is yours without asking.
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Say what there is, and delete nothing.
    #[arg(long, alias = "dryrun")]
    dry_run: bool,
}

impl Migrate {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let places =
            OldPlaces { temporary: location::temporary_directory(), cache_home: location::cache_home() };
        let mut ask = |cache: &OldCache| asked(context, cache);
        let can_ask = io::stdin().is_terminal() && !context.output.json();
        let consent = match (self.yes, self.dry_run) {
            (true, _) => Consent::DeleteAll,
            (false, false) if can_ask => Consent::Ask(&mut ask),
            (false, _) => Consent::ReportOnly,
        };
        let is_unasked = !self.yes && !self.dry_run && !can_ask;
        let done = casemate_cache::migrate(&places, consent);
        say_migrations(context, &done)?;
        if is_unasked && !done.is_empty() {
            context.output.note("nothing was deleted, because nobody can be asked; --yes deletes");
        }
        let refused = done.iter().any(|migration| match &migration.outcome {
            Outcome::Refused(_) => true,
            Outcome::Deleted(removal) => removal.left > 0,
            Outcome::Kept => false,
        });
        Ok(if refused { Status::Failed } else { Status::Done })
    }
}

/// Whatever is no clear yes is a no.
fn asked(context: &Context, cache: &OldCache) -> bool {
    context.output.note(&format!("Delete the old {} `{}`? [y/N]", cache.kind, cache.path.display()));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn say_migrations(context: &Context, done: &[Migration]) -> Result<(), CliError> {
    if context.output.json() {
        let values = done.iter().map(|migration| {
            let (outcome, removed) = match &migration.outcome {
                Outcome::Deleted(removal) => ("deleted", Some(removal)),
                Outcome::Kept => ("kept", None),
                Outcome::Refused(_) => ("refused", None),
            };
            json!({
                "path": migration.cache.path,
                "kind": migration.cache.kind,
                "outcome": outcome,
                "files": removed.map(|removal| removal.files),
                "directories": removed.map(|removal| removal.directories),
                "left": removed.map(|removal| removal.left),
                "text": migration.to_string(),
            })
        });
        return context.output.value(&values.collect::<Vec<_>>());
    }
    for migration in done {
        context.output.line(&migration.to_string())?;
    }
    if done.is_empty() {
        context.output.note("there are no caches of DeltaGlider");
    }
    Ok(())
}

/// The directory that caches of this kind lie in.
fn base(config: &CacheConfig) -> Option<&Path> {
    match &config.place {
        Place::Process { base, .. } | Place::Kept { base, .. } => Some(base),
        Place::Nowhere | Place::Memory { .. } => None,
    }
}

fn value_of(directory: &CacheDirectory) -> Value {
    let CacheDirectory { kept, name, in_use, files, bytes } = directory;
    json!({ "kept": kept, "name": name, "in_use": in_use, "files": files, "bytes": bytes })
}

fn say_directories(context: &Context, found: &[CacheDirectory]) -> Result<(), CliError> {
    if found.is_empty() {
        context.output.note("no cache lies there");
        return Ok(());
    }
    let rows = found.iter().map(|directory| {
        let kind = if directory.kept { "kept" } else { "of a process" };
        let used = if directory.in_use { "in use" } else { "free" };
        let (files, bytes) = (directory.files.to_string(), directory.bytes.to_string());
        vec![directory.name.clone(), kind.to_owned(), used.to_owned(), files, bytes]
    });
    let columns = [
        Column::Text("found"),
        Column::Text("kind"),
        Column::Text("used"),
        Column::Number("files"),
        Column::Number("bytes"),
    ];
    context.output.rows(&columns, rows.collect())
}
