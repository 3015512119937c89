use std::collections::BTreeMap;

use casemate_remote::Unusable;
use clap::Args;

use crate::context::Context;
use crate::remote::{AnyAddress, BucketOptions, Filter, Listed, Opener, Place, Tree};
use crate::report::{CliError, Status, chain};

/// Delete objects.
///
/// Content that a name, a task or another object refers to stays. In a bucket that keeps versions, an object is marked as
/// deleted, and its versions stay. In a bucket elsewhere, the reference of a folder goes
/// with the folder's last delta.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate rm cm://builds/app/1.3.wasm
  casemate rm cm://builds/a.wasm cm://builds/b.wasm
  casemate rm cm://builds/a.wasm --version-id ver_01kg9ys7kv040g2081040g2081
  casemate rm -r s3://releases/app/ --dryrun
  casemate rm -r s3://releases/app/ --include '*.zip'")]
pub(crate) struct Rm {
    /// cm://BUCKET/KEY or s3://BUCKET/KEY, one or more.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<AnyAddress>,
    /// Delete this version for good, of one object in a node's bucket that keeps versions.
    #[arg(long, value_name = "ID", conflicts_with_all = ["recursive", "dryrun"])]
    version_id: Option<String>,
    /// Delete everything below the addresses.
    #[arg(short, long)]
    recursive: bool,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dryrun: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    buckets: BucketOptions,
}

impl Rm {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let mut status = Status::Done;
        for address in &self.addresses {
            let place = match address {
                AnyAddress::Node(address) if !self.recursive && !self.dryrun => {
                    context.client()?.objects_delete(&address.object()?, self.version_id.as_deref()).await?;
                    context.output.note(&format!("deleted {address}"));
                    continue;
                }
                AnyAddress::Node(address) => Place::Node(address.clone()),
                AnyAddress::Remote(address) if address.is_folder() && !self.recursive => {
                    return Err(CliError::NeedsRecursive { address: address.to_string() });
                }
                AnyAddress::Remote(address) => Place::Remote(address.clone()),
            };
            if self.delete(context, &place).await? == Status::Failed {
                status = Status::Failed;
            }
        }
        Ok(status)
    }

    async fn delete(&self, context: &Context, place: &Place) -> Result<Status, CliError> {
        let opener = Opener::silent(context, &self.buckets);
        if self.recursive {
            let tree = opener.open(place.folder())?;
            let Listed { items, unusable } = tree.list().await?;
            let takes = |name: &String| self.filter.takes(name);
            let names: Vec<String> = items.into_iter().map(|item| item.name).filter(takes).collect();
            let unusable: Vec<Unusable> = unusable.into_iter().filter(|odd| takes(&odd.key)).collect();
            for Unusable { key, reason } in &unusable {
                context.output.note(&format!("failed: {}: {reason}", tree.label(key)));
            }
            return self.delete_all(context, &tree, &names, unusable.len()).await;
        }
        let (above, name) = place.split()?;
        let tree = opener.open(above)?;
        if self.dryrun {
            context.output.note(&format!("(dryrun) delete {}", tree.label(&name)));
        } else {
            tree.remove(&name).await?;
            context.output.note(&format!("deleted {}", tree.label(&name)));
        }
        Ok(Status::Done)
    }

    /// Deletes many together; `odd` is how many there are that cannot be.
    async fn delete_all(
        &self,
        context: &Context,
        tree: &Tree<'_>,
        names: &[String],
        odd: usize,
    ) -> Result<Status, CliError> {
        let mut failures = odd;
        for names in names.chunks(TOGETHER_MAX) {
            let failed = if self.dryrun { Vec::new() } else { tree.remove_many(names).await? };
            let failed: BTreeMap<String, CliError> = failed.into_iter().collect();
            failures += failed.len();
            for name in names {
                let label = tree.label(name);
                match failed.get(name) {
                    Some(error) => context.output.note(&format!("failed: {label}: {}", chain(error))),
                    None if self.dryrun => context.output.note(&format!("(dryrun) delete {label}")),
                    None => context.output.note(&format!("deleted {label}")),
                }
            }
        }
        if failures == 0 {
            return Ok(Status::Done);
        }
        context.output.note(&format!("{failures} of {} failed", names.len() + odd));
        Ok(Status::Failed)
    }
}

/// As many as are said to be deleted at once.
const TOGETHER_MAX: usize = 10_000;
