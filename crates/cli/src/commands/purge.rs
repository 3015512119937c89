use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::remote::{BucketOptions, RemoteAddress};
use crate::report::{CliError, Status};

/// Delete DeltaGlider's temporary objects that have expired.
///
/// Nothing of the users is touched.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate purge s3://releases
  casemate purge s3://releases --json")]
pub(crate) struct Purge {
    /// s3://BUCKET.
    bucket: RemoteAddress,
    #[command(flatten)]
    buckets: BucketOptions,
}

impl Purge {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let report = self.buckets.open(context, self.bucket.whole_bucket()?)?.purge().await?;
        for key in &report.failed {
            context.output.note(&format!("failed: {}", self.bucket.at(key)));
        }
        if context.output.json() {
            context.output.value(&json!({
                "expired": report.expired,
                "deleted": report.deleted,
                "bytes_freed": report.bytes_freed,
                "failed": report.failed,
            }))?;
        } else {
            context.output.fields(&[
                ("expired", report.expired.to_string()),
                ("deleted", report.deleted.to_string()),
                ("bytes freed", report.bytes_freed.to_string()),
            ])?;
        }
        Ok(if report.failed.is_empty() { Status::Done } else { Status::Failed })
    }
}
