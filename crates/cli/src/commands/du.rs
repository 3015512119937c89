use std::collections::BTreeMap;

use casemate_remote::deltaglider::Listing;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::remote::{AnyAddress, BucketOptions, Opener, Place, RemoteAddress, say_unusable};
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Show how much the folders of a bucket hold, and what is stored for it.
///
/// What a node stores is shared between objects and known of its buckets only: `casemate bucket show` says it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate du s3://releases
  casemate du s3://releases/app/ --json
  casemate du cm://builds")]
pub(crate) struct Du {
    /// s3://BUCKET, s3://BUCKET/PREFIX, or the same of cm://, gs://, az:// and file://.
    address: AnyAddress,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// What a folder holds. References are not counted: no object is theirs alone.
#[derive(Debug, Default, Serialize)]
struct Usage {
    objects: u64,
    size_bytes: u64,
    /// None where nobody knows it of a folder.
    stored_bytes: Option<u64>,
}

/// What counts of an object.
struct Counted {
    key: String,
    size_bytes: u64,
    stored_bytes: Option<u64>,
}

impl Du {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match &self.address {
            AnyAddress::Remote(address) => self.of_remote(context, address).await,
            AnyAddress::Node(address) => {
                let place = Place::Node(address.clone()).folder();
                let tree = Opener::silent(context, &self.buckets).open(place)?;
                let objects = tree.list().await?.items.into_iter().map(|item| Counted {
                    key: item.name,
                    size_bytes: item.size_bytes,
                    stored_bytes: None,
                });
                say(context, &folders(objects, |folder| tree.label(folder)))?;
                Ok(Status::Done)
            }
        }
    }

    async fn of_remote(&self, context: &Context, address: &RemoteAddress) -> Result<Status, CliError> {
        let prefix = address.folder();
        let Listing { objects, unusable } = self.buckets.open(context, address)?.list(&prefix).await?;
        let objects = objects.into_iter().map(|object| Counted {
            key: object.key[prefix.len()..].to_owned(),
            size_bytes: object.size_bytes,
            stored_bytes: Some(object.stored_bytes),
        });
        say(context, &folders(objects, |folder| address.at(&format!("{prefix}{folder}")).to_string()))?;
        Ok(say_unusable(context.output, address, &unusable))
    }
}

/// Adds objects up by folder, and all together.
fn folders(
    objects: impl Iterator<Item = Counted>,
    label: impl Fn(&str) -> String,
) -> BTreeMap<String, Usage> {
    let mut folders: BTreeMap<String, Usage> = BTreeMap::new();
    for Counted { key, size_bytes, stored_bytes } in objects {
        let folder = key.split_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for name in [label(&folder), "total".to_owned()] {
            let usage = folders.entry(name).or_default();
            usage.objects += 1;
            usage.size_bytes += size_bytes;
            if let Some(stored) = stored_bytes {
                *usage.stored_bytes.get_or_insert(0) += stored;
            }
        }
    }
    folders
}

fn say(context: &Context, folders: &BTreeMap<String, Usage>) -> Result<(), CliError> {
    if context.output.json() {
        return context.output.value(folders);
    }
    let rows = folders.iter().map(|(name, usage)| {
        let stored = usage.stored_bytes.map_or_else(|| "-".to_owned(), |stored| stored.to_string());
        vec![name.clone(), usage.objects.to_string(), usage.size_bytes.to_string(), stored]
    });
    let columns = [
        Column::Text("folder"),
        Column::Number("objects"),
        Column::Number("bytes"),
        Column::Number("stored"),
    ];
    context.output.rows(&columns, rows.collect())
}
