mod rule;

use casemate_api::objects::{Bucket as Shown, BucketSample, ConfigureBucket, CreateBucket, Versioning};
use casemate_model::{BucketName, ByteSize};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::address::bucket_name;
use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Make, list, show, configure and delete buckets.
#[derive(Debug, Subcommand)]
pub(crate) enum Bucket {
    Create(Create),
    Ls(List),
    Show(Show),
    Usage(Usage),
    Configure(Configure),
    #[command(subcommand)]
    Rule(rule::Rule),
    Rm(Delete),
}

impl Bucket {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Create(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Usage(command) => command.execute(context).await,
            Self::Configure(command) => command.execute(context).await,
            Self::Rule(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
        }
    }
}

/// Make an empty bucket. A bucket is also made by the first object that is stored in it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket create builds
  casemate bucket create backups --versioning on")]
pub(crate) struct Create {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
    /// Whether every change makes a version.
    #[arg(long, value_name = "STATE")]
    versioning: Option<VersioningState>,
}

impl Create {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let versioning = self.versioning.map(VersioningState::wire);
        let wanted = CreateBucket { bucket: self.bucket.to_string(), versioning };
        let made = context.client()?.buckets_create(&wanted).await?;
        if context.output.json() {
            context.output.value(&made)?;
        } else {
            context.output.note(&format!("made cm://{}", made.bucket));
        }
        Ok(Status::Done)
    }
}

/// List buckets with what they hold, what that takes on the disk, and what sharing and packing save.
///
/// What a bucket takes is measured within a minute of a change, that of large buckets every hour.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket ls
  casemate bucket ls --json | jq '.[] | select(.versioning == \"on\") | .bucket'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let buckets =
            self.paging.collect(output, |page| async move { client.buckets_list(&page).await }).await?;
        if output.json() {
            output.value(&buckets)?;
            return Ok(Status::Done);
        }
        if buckets.is_empty() {
            output.note("no buckets yet; `casemate bucket create NAME` makes one");
        }
        let rows = buckets.into_iter().map(|bucket| {
            let content_bytes = bucket.size_bytes + bucket.version_bytes;
            let (stored, saved) = stored_and_saved(bucket.measured.as_ref());
            vec![
                format!("cm://{}", bucket.bucket),
                bucket.objects.to_string(),
                bucket.versions.to_string(),
                content_bytes.to_string(),
                stored,
                saved,
                bucket.versioning.as_str().to_owned(),
            ]
        });
        let columns = [
            Column::Text("bucket"),
            Column::Number("objects"),
            Column::Number("versions"),
            Column::Number("bytes"),
            Column::Number("stored"),
            Column::Number("saved"),
            Column::Text("versioning"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Show a bucket: what it holds, what that takes on the disk, and its settings.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket show builds
  casemate bucket show builds --json | jq .measured.stored_bytes")]
pub(crate) struct Show {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let bucket = context.client()?.buckets_show(self.bucket.as_str()).await?;
        say(context, &bucket)
    }
}

/// Show what the project holds in all buckets, and the most that its operator lets it hold.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket usage
  casemate bucket usage --project acme --json")]
pub(crate) struct Usage {}

impl Usage {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let usage = context.client()?.buckets_usage().await?;
        if context.output.json() {
            context.output.value(&usage)?;
            return Ok(Status::Done);
        }
        let of = |max: Option<u64>| max.map_or_else(|| "any number".to_owned(), |max| max.to_string());
        context.output.fields(&[
            ("objects and versions", format!("{} of {}", usage.objects, of(usage.objects_max))),
            ("bytes", format!("{} of {}", usage.bytes, of(usage.bytes_max))),
            ("of them in unfinished uploads", usage.upload_bytes.to_string()),
        ])?;
        Ok(Status::Done)
    }
}

/// Change settings of a bucket.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket configure builds --versioning on
  casemate bucket configure builds --versioning suspended")]
pub(crate) struct Configure {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
    /// Whether every change makes a version. What kept versions once can only be suspended.
    #[arg(long, value_name = "STATE", required = true)]
    versioning: Option<VersioningState>,
}

impl Configure {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let versioning = self.versioning.map(VersioningState::wire);
        let change = ConfigureBucket { versioning, ..ConfigureBucket::default() };
        let bucket = context.client()?.buckets_configure(self.bucket.as_str(), &change).await?;
        say(context, &bucket)
    }
}

/// Delete a bucket in which there is nothing: no object, no version and no upload.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate bucket rm builds
  casemate rm -r --versions cm://builds && casemate bucket rm builds")]
pub(crate) struct Delete {
    /// The bucket's name, or its address.
    #[arg(value_parser = bucket_name)]
    bucket: BucketName,
}

impl Delete {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.buckets_delete(self.bucket.as_str()).await?;
        if context.output.json() {
            context.output.value(&json!({ "bucket": self.bucket.as_str(), "state": "deleted" }))?;
        } else {
            context.output.note(&format!("deleted cm://{}", self.bucket));
        }
        Ok(Status::Done)
    }
}

/// Whether a bucket keeps versions, on a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VersioningState {
    /// Every change makes a version.
    On,
    /// Versions that were made stay, and no new ones are made.
    Suspended,
}

impl VersioningState {
    const fn wire(self) -> Versioning {
        match self {
            Self::On => Versioning::On,
            Self::Suspended => Versioning::Suspended,
        }
    }
}

fn say(context: &Context, bucket: &Shown) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(bucket)?;
        return Ok(Status::Done);
    }
    let (stored, saved) = stored_and_saved(bucket.measured.as_ref());
    context.output.fields(&[
        ("bucket", format!("cm://{}", bucket.bucket)),
        ("objects", format!("{} ({})", bucket.objects, ByteSize::bytes(bucket.size_bytes))),
        ("versions", format!("{} ({})", bucket.versions, ByteSize::bytes(bucket.version_bytes))),
        ("stored", stored),
        ("saved", saved),
        ("versioning", bucket.versioning.as_str().to_owned()),
        ("lifecycle rules", bucket.lifecycle.len().to_string()),
        ("created", bucket.created.clone()),
    ])?;
    Ok(Status::Done)
}

/// The bytes that a bucket takes, and what that saves.
fn stored_and_saved(sample: Option<&BucketSample>) -> (String, String) {
    let Some(sample) = sample else {
        return ("-".to_owned(), "-".to_owned());
    };
    (sample.stored_bytes.to_string(), saved(sample))
}

/// What packing and sharing save, in whole percent; less than nothing is nothing.
fn saved(sample: &BucketSample) -> String {
    if sample.content_bytes == 0 {
        return "-".to_owned();
    }
    let saved = sample.content_bytes.saturating_sub(sample.stored_bytes);
    let percent = u128::from(saved) * 100 / u128::from(sample.content_bytes);
    format!("{percent}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved() {
        let sample = |content_bytes, stored_bytes| BucketSample {
            day: String::new(),
            measured: String::new(),
            objects: 0,
            versions: 0,
            content_bytes,
            stored_bytes,
        };
        for (content, stored, text) in
            [(0, 0, "-"), (100, 25, "75%"), (100, 120, "0%"), (u64::MAX, 1, "99%"), (3, 3, "0%")]
        {
            assert_eq!(saved(&sample(content, stored)), text, "{content} {stored}");
        }
    }
}
