use std::collections::{BTreeMap, BTreeSet};

use casemate_api::{ClientError, ProblemCode};
use casemate_remote::Unusable;
use clap::Args;
use serde::Serialize;

use super::transfer_options::TransferOptions;
use crate::context::Context;
use crate::remote::{Copied, Copier, Item, Listed, Opener, Place, Task, Tree, conclude};
use crate::report::{CliError, Status, chain};

/// Make one place hold what another holds: copy what is new or changed.
///
/// A file counts as changed when its size differs, or when it is newer than its copy. What is DeltaGlider's own in a
/// bucket is neither copied nor deleted. Symbolic links are not followed and count as absent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate sync dist s3://releases/app/
  casemate sync s3://releases/app/ dist --delete --dryrun
  casemate sync cm://builds/old/ dist --delete --allow-empty   also if there is nothing any more
  casemate sync dist s3://releases/app/ --exclude '*' --include '*.zip'")]
pub(crate) struct Sync {
    /// A directory, or an address such as s3://BUCKET/PREFIX/.
    source: String,
    /// A directory, or an address.
    target: String,
    /// Delete from the target what the source does not have.
    #[arg(long)]
    delete: bool,
    /// With --delete, go on when there is nothing in the source: everything in the target is deleted.
    #[arg(long, requires = "delete")]
    allow_empty: bool,
    /// Compare sizes, and no times.
    #[arg(long)]
    size_only: bool,
    #[command(flatten)]
    transfer: TransferOptions,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    copy: Vec<Task>,
    delete: Vec<String>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    copied: Vec<Copied>,
    deleted: Vec<String>,
    /// What should have been deleted, and is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
}

impl Sync {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let opener = self.transfer.opener(context);
        let (source, target) = (Place::parse(&self.source)?.folder(), Place::parse(&self.target)?.folder());
        let (source, target) = (opener.open(source)?, opener.open(target)?);
        let Listed { items, unusable } = source.list().await?;
        let takes = |unusable: &Unusable| self.transfer.filter.takes(&unusable.key);
        let unusable: Vec<Unusable> = unusable.into_iter().filter(takes).collect();
        let is_whole = unusable.is_empty();
        let is_empty = items.is_empty() && is_whole;
        let plan = self.plan(items, existing(&target).await?);
        // A prefix with an error in it looks so, too.
        if is_empty && !plan.delete.is_empty() && !self.allow_empty {
            return Err(CliError::SourceEmpty { source_place: self.source.clone() });
        }
        let copier = self.transfer.copier(context, None, false);
        let mut copied = copier.failed(&opener, (&source, &target), unusable.into_iter());
        copied.extend(copier.copy_all(&opener, (&source, &target), plan.copy).await?);
        let mut status = conclude(context.output, &copied);
        let mut done = Done { copied, deleted: Vec::new(), kept: Vec::new() };
        // What could not be read may be what the target has.
        if !is_whole && !plan.delete.is_empty() {
            context.output.note("nothing was deleted, because not everything in the source could be read");
            done.kept = plan.delete.iter().map(|name| target.label(name)).collect();
        } else if !self.delete_surplus((&copier, &opener), &target, &plan.delete, &mut done).await? {
            status = Status::Failed;
        }
        if context.output.json() {
            context.output.value(&done)?;
        }
        Ok(status)
    }

    /// Whether all of it went.
    async fn delete_surplus(
        &self,
        (copier, opener): (&Copier<'_>, &Opener<'_>),
        target: &Tree<'_>,
        names: &[String],
        done: &mut Done,
    ) -> Result<bool, CliError> {
        if self.transfer.is_dry() {
            for name in names {
                copier.note(opener, &format!("(dryrun) delete {}", target.label(name)));
            }
            done.deleted = names.iter().map(|name| target.label(name)).collect();
            return Ok(true);
        }
        let failed: BTreeMap<String, CliError> = target.remove_many(names).await?.into_iter().collect();
        for name in names {
            let label = target.label(name);
            if let Some(error) = failed.get(name) {
                copier.context.output.note(&format!("failed: {label}: {}", chain(error)));
                done.kept.push(label);
                continue;
            }
            copier.note(opener, &format!("delete: {label}"));
            done.deleted.push(label);
        }
        Ok(failed.is_empty())
    }

    fn plan(&self, source: Vec<Item>, target: Vec<Item>) -> Plan {
        let takes = |item: &Item| self.transfer.filter.takes(&item.name);
        let names: BTreeSet<String> = source.iter().map(|item| item.name.clone()).collect();
        let there: BTreeMap<String, Item> =
            target.into_iter().map(|item| (item.name.clone(), item)).collect();
        let wanted = source.into_iter().filter(takes);
        let changed = wanted.filter(|item| match there.get(&item.name) {
            None => true,
            Some(copy) if copy.size_bytes != item.size_bytes => true,
            // It may not be read; copying it says so.
            Some(_) if item.modified.is_none() => true,
            Some(copy) => !self.size_only && (copy.modified.is_none() || item.modified > copy.modified),
        });
        let copy = changed.map(|item| Task {
            target_name: item.name.clone(),
            name: item.name,
            size_bytes: item.size_bytes,
        });
        let copy = copy.collect();
        let surplus =
            there.into_values().filter(|item| self.delete && takes(item) && !names.contains(&item.name));
        Plan { copy, delete: surplus.map(|item| item.name).collect() }
    }
}

/// What the target has. A directory or a bucket of a node that is yet to be made has nothing.
async fn existing(target: &Tree<'_>) -> Result<Vec<Item>, CliError> {
    match target.list().await {
        Err(CliError::File(error)) if error.is_not_found() => Ok(Vec::new()),
        Err(CliError::Client(ClientError::Problem(problem))) if problem.code == ProblemCode::NotFound => {
            Ok(Vec::new())
        }
        listed => Ok(listed?.items),
    }
}
