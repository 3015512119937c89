use casemate_remote::deltaglider::StatsMode;
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::remote::{BucketOptions, RemoteAddress, say_unusable};
use crate::report::{CliError, Status};

/// Count what a bucket holds, and what deltas save there.
///
/// The result is also left in the bucket, where DeltaGlider keeps it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate stats s3://releases                from one list of the bucket
  casemate stats s3://releases --sampled      asks one delta of each folder
  casemate stats s3://releases --detailed     asks every delta")]
pub(crate) struct Stats {
    /// s3://BUCKET.
    bucket: RemoteAddress,
    /// Ask one delta of each folder for the size of its file.
    #[arg(long, conflicts_with = "detailed")]
    sampled: bool,
    /// Ask every delta.
    #[arg(long)]
    detailed: bool,
    #[command(flatten)]
    buckets: BucketOptions,
}

impl Stats {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let address = self.bucket.whole_bucket()?;
        let mode = match (self.sampled, self.detailed) {
            (_, true) => StatsMode::Detailed,
            (true, false) => StatsMode::Sampled,
            (false, false) => StatsMode::Quick,
        };
        let stats = self.buckets.open(context, address)?.stats(&address.bucket, mode).await?;
        if context.output.json() {
            context.output.value(&json!({
                "bucket": address.to_string(),
                "objects": stats.object_count,
                "deltas": stats.delta_objects,
                "whole": stats.direct_objects,
                "size_bytes": stats.total_bytes,
                "stored_bytes": stats.stored_bytes,
                "saved_bytes": stats.saved_bytes(),
                "saved_share": stats.saved_share(),
                "exact": mode == StatsMode::Detailed && stats.unusable.is_empty(),
            }))?;
            return Ok(say_unusable(context.output, address, &stats.unusable));
        }
        context.output.fields(&[
            ("bucket", address.to_string()),
            ("objects", stats.object_count.to_string()),
            ("as deltas", stats.delta_objects.to_string()),
            ("whole", stats.direct_objects.to_string()),
            ("bytes", stats.total_bytes.to_string()),
            ("stored", stats.stored_bytes.to_string()),
            ("saved", format!("{} ({:.1} %)", stats.saved_bytes(), stats.saved_share() * 100.0)),
        ])?;
        Ok(say_unusable(context.output, address, &stats.unusable))
    }
}
