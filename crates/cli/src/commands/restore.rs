use clap::Args;

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::report::{CliError, Status};

/// Make an older version of an object the newest again.
///
/// The version is copied, so that what is the newest now stays as a version too. An object that was deleted is there
/// again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate ls --versions cm://builds/app.wasm
  casemate restore cm://builds/app.wasm --version-id ver_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Restore {
    /// cm://BUCKET/KEY.
    address: Address,
    /// The version; `casemate ls --versions` lists them.
    #[arg(long, value_name = "ID")]
    version_id: String,
}

impl Restore {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let restored = context.client()?.objects_restore(&self.address.object()?, &self.version_id).await?;
        if context.output.json() {
            context.output.value(&restored)?;
            return Ok(Status::Done);
        }
        let address = of_object(&restored.bucket, &restored.key);
        context.output.note(&format!("restored {address} as version {}", restored.version));
        context.output.line(&restored.digest)?;
        Ok(Status::Done)
    }
}
