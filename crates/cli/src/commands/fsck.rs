use std::sync::Arc;

use casemate_fs::Dir;
use casemate_model::{Clock, Entropy};
use casemate_objects::{
    Encryption, Finding, Fsck as Check, FsckOptions, FsckReport, KeyPlaces, MasterKeys, Repair,
};
use casemate_state::{Report, Store};
use clap::Args;
use serde_json::{Value, json};

use super::db;
use super::node_options::{NodeOptions, existing_directory};
use crate::context::Context;
use crate::progress;
use crate::report::{CliError, Status};
use crate::wire::StartError;
use crate::world::{SystemClock, SystemEntropy};

/// Most blobs that are read at the same time; each may take as much memory as it and its base are long.
const BLOBS_AT_ONCE_MAX: usize = 4;

/// Check what a node that is not running has stored, and mend what is safe to mend.
///
/// The database is checked as `casemate db check` does: every row, every counter (a bucket's totals, a blob's references)
/// counted again, the log followed from end to end. With --objects every file of objects is read as well: its content
/// against its digest, its base, its row; parts of uploads against their tags; what nothing refers to is named.
///
/// --repair never removes what might be the last copy of something: damaged files are set aside in quarantine/, second
/// forms of sound content, files of uploads that are over and half-written files go, rows that say something else than
/// the files of sound content are corrected. What no row knows goes only if the database was found sound.
///
/// Ends with code 1 if something is wrong that was not mended.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fsck                        the database alone
  casemate fsck --objects              and every byte of every object
  casemate fsck --objects --repair
  casemate fsck --objects --json --data-dir /srv/casemate")]
pub(crate) struct Fsck {
    /// Read every file of objects, too.
    #[arg(long)]
    objects: bool,
    /// Mend what is safe to mend.
    #[arg(long, requires = "objects")]
    repair: bool,
    #[command(flatten)]
    options: NodeOptions,
}

impl Fsck {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        let directory = existing_directory(&config)?;
        let _lock = directory.lock("casemate fsck")?;
        let store = db::open(&config, &directory).await?;
        let checked = self.check(context, &store, (&directory, &config.master_keys)).await;
        store.close().await;
        let (database, objects) = checked?;
        if context.output.json() {
            context.output.value(&value(&database, objects.as_ref()))?;
        } else {
            say(context, &database, objects.as_ref())?;
        }
        let clean = database.is_clean() && objects.is_none_or(|objects| objects.unmended == 0);
        Ok(if clean { Status::Done } else { Status::Failed })
    }

    async fn check(
        &self,
        context: &Context,
        store: &Store,
        place: (&Dir, &MasterKeys),
    ) -> Result<(Report, Option<FsckReport>), CliError> {
        let counting = progress::bar(context.output, "checking the database", None);
        let database = store.check().await;
        counting.finish_and_clear();
        let database = database?;
        if !self.objects {
            return Ok((database, None));
        }
        let repair = match (self.repair, database.is_clean()) {
            (false, _) => Repair::Nothing,
            (true, false) => Repair::Files,
            (true, true) => Repair::FilesAndOrphans,
        };
        let objects = check_objects(context, store, place, repair).await?;
        Ok((database, Some(objects)))
    }
}

async fn check_objects(
    context: &Context,
    store: &Store,
    (directory, master_keys): (&Dir, &MasterKeys),
    repair: Repair,
) -> Result<FsckReport, CliError> {
    let root = match directory.subdir("objects") {
        Ok(root) => root,
        // A node that never started.
        Err(error) if error.is_not_found() => directory.private_subdir("objects")?,
        Err(error) => return Err(error.into()),
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let options =
        FsckOptions { repair, blobs_at_once: processors.min(BLOBS_AT_ONCE_MAX), now: SystemClock.now() };
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let secrets = match directory.subdir("secrets") {
        Ok(secrets) => Some(secrets),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let places = KeyPlaces { objects: &root, secrets: secrets.as_ref() };
    let encryption = Encryption::open_as_is(places, master_keys, &entropy).map_err(StartError::from)?;
    let check = Check::open(&root, Arc::new(store.clone()), encryption, options).map_err(StartError::from)?;
    let bytes = check.bytes_expected().await.map_err(StartError::from)?;
    let bar = progress::bar(context.output, "checking objects", Some(bytes));
    let report = check.run(|bytes| bar.inc(bytes)).await;
    bar.finish_and_clear();
    Ok(report.map_err(StartError::from)?)
}

fn say(context: &Context, database: &Report, objects: Option<&FsckReport>) -> Result<(), CliError> {
    for finding in &database.findings {
        context.output.line(&format!("database: {finding}"))?;
    }
    let Some(objects) = objects else {
        let found = count(database.findings.len(), database.truncated);
        context.output.note(&format!("looked at {} rows: {found} findings", database.rows));
        return Ok(());
    };
    for Finding { fault, mending } in &objects.findings {
        context.output.line(&format!("{}: {fault}", fault.kind()))?;
        match mending.word() {
            "" => context.output.line(&format!("  hint: {}", fault.way_out()))?,
            word if mending.is_whole() => context.output.line(&format!("  {word}"))?,
            word => context.output.line(&format!("  {word}; hint: {}", fault.way_out()))?,
        }
    }
    if !objects.set_aside.is_empty() {
        let bytes: u64 = objects.set_aside.iter().map(|file| file.size_bytes).sum();
        context.output.note(&format!(
            "damaged files set aside in objects/quarantine, which nothing needs: {}, of {bytes} bytes",
            objects.set_aside.len()
        ));
    }
    let found =
        count(database.findings.len() + objects.findings.len(), database.truncated || objects.truncated);
    context.output.note(&format!(
        "looked at {} rows, {} blobs and {} parts of {} bytes: {found} findings, {} of them not mended",
        database.rows,
        objects.blobs,
        objects.parts,
        objects.bytes,
        database.findings.len() as u64 + objects.unmended
    ));
    Ok(())
}

fn count(findings: usize, truncated: bool) -> String {
    format!("{findings}{}", if truncated { " or more" } else { "" })
}

fn value(database: &Report, objects: Option<&FsckReport>) -> Value {
    let findings: Vec<String> = database.findings.iter().map(ToString::to_string).collect();
    let mut value = json!({
        "database": { "rows": database.rows, "findings": findings, "truncated": database.truncated }
    });
    if let Some(objects) = objects {
        value["objects"] = json!({
            "blobs": objects.blobs,
            "parts": objects.parts,
            "bytes": objects.bytes,
            "findings": objects.findings.iter().map(finding).collect::<Vec<_>>(),
            "truncated": objects.truncated,
            "unmended": objects.unmended,
            "set_aside": objects.set_aside.iter()
                .map(|file| json!({ "file": file.file, "size_bytes": file.size_bytes })).collect::<Vec<_>>(),
        });
    }
    value
}

fn finding(Finding { fault, mending }: &Finding) -> Value {
    json!({
        "kind": fault.kind(),
        "text": fault.to_string(),
        "leftover": fault.is_leftover(),
        "done": mending.word(),
        "mended": mending.is_whole(),
        "way_out": fault.way_out(),
    })
}
