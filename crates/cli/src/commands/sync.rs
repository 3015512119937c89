use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;

use super::transfer_options::TransferOptions;
use crate::context::Context;
use crate::remote::{Copied, Item, Place, Task, Tree};
use crate::report::{CliError, Status};

/// Make one place hold what another holds: copy what is new or changed.
///
/// A file counts as changed when its size differs, or when it is newer than its copy. What is DeltaGlider's own in a
/// bucket is neither copied nor deleted. Symbolic links are not followed and count as absent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate sync dist s3://releases/app/
  casemate sync s3://releases/app/ dist --delete --dryrun
  casemate sync dist s3://releases/app/ --exclude '*' --include '*.zip'")]
pub(crate) struct Sync {
    /// A directory, or an address such as s3://BUCKET/PREFIX/.
    source: String,
    /// A directory, or an address.
    target: String,
    /// Delete from the target what the source does not have.
    #[arg(long)]
    delete: bool,
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
}

impl Sync {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let opener = self.transfer.opener(context);
        let (source, target) = (Place::parse(&self.source)?.folder(), Place::parse(&self.target)?.folder());
        let (source, target) = (opener.open(source)?, opener.open(target)?);
        let plan = self.plan(source.list().await?, existing(&target).await?);
        let copier = self.transfer.copier(context, None, false);
        let mut done = Done { copied: Vec::new(), deleted: Vec::new() };
        done.copied = copier.copy_all(&opener, (&source, &target), plan.copy).await?;
        for name in &plan.delete {
            let label = target.label(name);
            if self.transfer.is_dry() {
                copier.note(&opener, &format!("(dryrun) delete {label}"));
            } else {
                target.remove(name).await?;
                copier.note(&opener, &format!("delete: {label}"));
            }
            done.deleted.push(label);
        }
        if context.output.json() {
            context.output.value(&done)?;
        }
        Ok(Status::Done)
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
            Some(copy) => !self.size_only && item.modified > copy.modified,
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

/// What the target has. A directory that is yet to be made has nothing.
async fn existing(target: &Tree<'_>) -> Result<Vec<Item>, CliError> {
    match target.list().await {
        Err(CliError::File(error)) if error.is_not_found() => Ok(Vec::new()),
        listed => listed,
    }
}
