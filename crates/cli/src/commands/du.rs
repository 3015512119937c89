use std::collections::BTreeMap;

use casemate_remote::deltaglider::Listing;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::remote::{BucketOptions, RemoteAddress, say_unusable};
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Show how much the folders of a bucket hold, and what is stored for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate du s3://releases
  casemate du s3://releases/app/ --json")]
pub(crate) struct Du {
    /// s3://BUCKET, or s3://BUCKET/PREFIX.
    address: RemoteAddress,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// What a folder holds. References are not counted: no object is theirs alone.
#[derive(Debug, Default, Serialize)]
struct Usage {
    objects: u64,
    size_bytes: u64,
    stored_bytes: u64,
}

impl Du {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let prefix = self.address.folder();
        let Listing { objects, unusable } = self.buckets.open(context, &self.address)?.list(&prefix).await?;
        let mut folders: BTreeMap<String, Usage> = BTreeMap::new();
        for object in objects {
            let below = object.key[prefix.len()..].split_once('/');
            let folder = below.map_or(String::new(), |(folder, _)| format!("{folder}/"));
            for name in [self.address.at(&format!("{prefix}{folder}")).to_string(), "total".to_owned()] {
                let usage = folders.entry(name).or_default();
                usage.objects += 1;
                usage.size_bytes += object.size_bytes;
                usage.stored_bytes += object.stored_bytes;
            }
        }
        if context.output.json() {
            context.output.value(&folders)?;
            return Ok(say_unusable(context.output, &self.address, &unusable));
        }
        let rows = folders.into_iter().map(|(name, usage)| {
            let Usage { objects, size_bytes, stored_bytes } = usage;
            vec![name, objects.to_string(), size_bytes.to_string(), stored_bytes.to_string()]
        });
        let columns = [
            Column::Text("folder"),
            Column::Number("objects"),
            Column::Number("bytes"),
            Column::Number("stored"),
        ];
        context.output.rows(&columns, rows.collect())?;
        Ok(say_unusable(context.output, &self.address, &unusable))
    }
}
