use std::time::Duration;

use casemate_api::objects::CreateShare;
use clap::Args;

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::span::span;

/// Make a link with which anybody can download an object, until a time.
///
/// The link is for one version, as it is now; it ends with its time, with the object's content, and with the API key in
/// whose name it was made. Each use is in the audit log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate share cm://builds/app.wasm
  casemate share cm://builds/app.wasm --expires-in 7d
  casemate share cm://builds/app.wasm --version-id ver_01kg9ys7kv040g2081040g2081 --expires-in 1h")]
pub(crate) struct Share {
    /// cm://BUCKET/KEY.
    address: Address,
    /// How long the link is good for, such as 30m, 12h or 7d; from one minute to 30 days.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = span)]
    expires_in: Duration,
    /// Share this version instead of the newest; `casemate ls --versions` lists them.
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
}

impl Share {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let object = self.address.object()?;
        let seconds = self.expires_in.as_secs();
        let wanted =
            CreateShare { bucket: object.bucket, key: object.key, version: self.version_id.clone(), seconds };
        let share = context.client()?.shares_create(&wanted).await?;
        if context.output.json() {
            context.output.value(&share)?;
            return Ok(Status::Done);
        }
        let address = of_object(&share.bucket, &share.key);
        context.output.note(&format!("whoever has this can read {address} until {}:", share.expires));
        context.output.line(&share.url)?;
        Ok(Status::Done)
    }
}
