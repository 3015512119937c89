mod versions;

use std::collections::BTreeMap;

use casemate_api::objects::ObjectRef;
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_remote::Unusable;
use clap::Args;
use serde::Serialize;

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
  casemate rm -r --versions cm://builds                     empty a bucket that keeps versions
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
    /// With -r, in node's buckets, delete every version and every mark for good.
    #[arg(long, requires = "recursive")]
    versions: bool,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dryrun: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// What became of an object.
#[derive(Debug, Serialize)]
struct Fate {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// `deleted`, `planned` or `failed`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Rm {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let mut fates = Vec::new();
        let done = self.delete_each(context, &mut fates).await;
        if context.output.json() {
            context.output.value(&fates)?;
        }
        done?;
        let failed = fates.iter().filter(|fate| fate.state == FAILED).count();
        if failed == 0 {
            return Ok(Status::Done);
        }
        context.output.note(&format!("{failed} of {} failed", fates.len()));
        Ok(Status::Failed)
    }

    async fn delete_each(&self, context: &Context, fates: &mut Vec<Fate>) -> Result<(), CliError> {
        for address in &self.addresses {
            let place = match address {
                AnyAddress::Node(address) if self.versions => {
                    self.delete_versions(context, address, fates).await?;
                    continue;
                }
                AnyAddress::Node(address) if !self.recursive && !self.dryrun => {
                    let client = context.client()?;
                    let version = self.version_id.as_deref();
                    delete_object(&client, &address.object()?, version).await?;
                    self.tell(context, fates, fate(address.to_string(), version, None));
                    continue;
                }
                AnyAddress::Node(address) => Place::Node(address.clone()),
                AnyAddress::Remote(address) if self.versions => {
                    return Err(CliError::NoVersions { place: address.to_string() });
                }
                AnyAddress::Remote(address) if address.is_folder() && !self.recursive => {
                    return Err(CliError::NeedsRecursive { address: address.to_string() });
                }
                AnyAddress::Remote(address) => Place::Remote(address.clone()),
            };
            self.delete(context, &place, fates).await?;
        }
        Ok(())
    }

    async fn delete(&self, context: &Context, place: &Place, fates: &mut Vec<Fate>) -> Result<(), CliError> {
        let opener = Opener::silent(context, &self.buckets);
        if self.recursive {
            let tree = opener.open(place.folder())?;
            let Listed { items, unusable } = tree.list().await?;
            let takes = |name: &String| self.filter.takes(name);
            let names: Vec<String> = items.into_iter().map(|item| item.name).filter(takes).collect();
            for Unusable { key, reason } in unusable.into_iter().filter(|odd| takes(&odd.key)) {
                self.tell(context, fates, fate(tree.label(&key), None, Some(reason)));
            }
            return self.delete_all(context, &tree, &names, fates).await;
        }
        let (above, name) = place.split()?;
        let tree = opener.open(above)?;
        if !self.dryrun {
            tree.remove(&name).await?;
        }
        self.tell(context, fates, fate(tree.label(&name), None, None));
        Ok(())
    }

    /// Deletes many together.
    async fn delete_all(
        &self,
        context: &Context,
        tree: &Tree<'_>,
        names: &[String],
        fates: &mut Vec<Fate>,
    ) -> Result<(), CliError> {
        for names in names.chunks(TOGETHER_MAX) {
            let failed = if self.dryrun { Vec::new() } else { tree.remove_many(names).await? };
            let failed: BTreeMap<String, CliError> = failed.into_iter().collect();
            for name in names {
                let reason = failed.get(name).map(|error| chain(error));
                self.tell(context, fates, fate(tree.label(name), None, reason));
            }
        }
        Ok(())
    }

    /// Says what became of an object, and keeps it for whoever wants all as data.
    fn tell(&self, context: &Context, fates: &mut Vec<Fate>, fate: Fate) {
        let state = if self.dryrun && fate.state == DELETED { PLANNED } else { fate.state };
        let version = fate.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
        let what = format!("{}{version}", fate.address);
        match &fate.reason {
            Some(reason) => context.output.note(&format!("failed: {what}: {reason}")),
            None if self.dryrun => context.output.note(&format!("(dryrun) delete {what}")),
            None => context.output.note(&format!("deleted {what}")),
        }
        fates.push(Fate { state, ..fate });
    }
}

fn fate(address: String, version: Option<&str>, reason: Option<String>) -> Fate {
    let state = if reason.is_some() { FAILED } else { DELETED };
    Fate { address, version: version.map(str::to_owned), state, reason }
}

/// Deletes an object that is there. Where versions are kept, deleting what is not there would leave a mark, as S3 does,
/// and look like success to whoever mistyped a key.
async fn delete_object(client: &Client, object: &ObjectRef, version: Option<&str>) -> Result<(), CliError> {
    if version.is_none() {
        match client.objects_stat(object, None).await {
            Ok(_) => {}
            // Whoever may only delete is not asked to look.
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::Denied => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(client.objects_delete(object, version).await?)
}

const DELETED: &str = "deleted";
const PLANNED: &str = "planned";
const FAILED: &str = "failed";

/// As many as are said to be deleted at once.
const TOGETHER_MAX: usize = 10_000;
