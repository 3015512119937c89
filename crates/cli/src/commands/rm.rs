use clap::Args;

use crate::context::Context;
use crate::remote::{AnyAddress, BucketOptions, Filter, Opener, Place};
use crate::report::{CliError, Status};

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
        for address in &self.addresses {
            match address {
                AnyAddress::Node(address) if !self.recursive && !self.dryrun => {
                    context.client()?.objects_delete(&address.object()?, self.version_id.as_deref()).await?;
                    context.output.note(&format!("deleted {address}"));
                }
                AnyAddress::Node(address) => self.delete(context, &Place::Node(address.clone())).await?,
                AnyAddress::Remote(address) if address.is_folder() && !self.recursive => {
                    return Err(CliError::NeedsRecursive { address: address.to_string() });
                }
                AnyAddress::Remote(address) => self.delete(context, &Place::Remote(address.clone())).await?,
            }
        }
        Ok(Status::Done)
    }

    async fn delete(&self, context: &Context, place: &Place) -> Result<(), CliError> {
        let opener = Opener::silent(context, &self.buckets);
        let (tree, names) = if self.recursive {
            let tree = opener.open(place.folder())?;
            let names: Vec<String> = tree.list().await?.into_iter().map(|item| item.name).collect();
            (tree, names)
        } else {
            let (above, name) = place.split()?;
            (opener.open(above)?, vec![name])
        };
        for name in names.iter().filter(|name| !self.recursive || self.filter.takes(name)) {
            let label = tree.label(name);
            if self.dryrun {
                context.output.note(&format!("(dryrun) delete {label}"));
                continue;
            }
            tree.remove(name).await?;
            context.output.note(&format!("deleted {label}"));
        }
        Ok(())
    }
}
