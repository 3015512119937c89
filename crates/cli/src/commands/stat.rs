use casemate_api::objects::ObjectInfo;
use clap::Args;

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::report::{CliError, Status};

/// Show an object's size, digest and times.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate stat cm://builds/app/1.4.wasm
  casemate stat cm://builds/app/1.4.wasm --json | jq -r .digest")]
pub(crate) struct Stat {
    /// cm://BUCKET/KEY.
    address: Address,
}

impl Stat {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let object = context.client()?.objects_stat(&self.address.object()?).await?;
        if context.output.json() {
            context.output.value(&object)?;
            return Ok(Status::Done);
        }
        let ObjectInfo { object, stored_bytes, base } = object;
        let on_disk = match (stored_bytes, base) {
            (None, _) => "whole so far".to_owned(),
            (Some(bytes), None) => format!("{bytes} bytes"),
            (Some(bytes), Some(base)) => format!("{bytes} bytes, as a difference to {base}"),
        };
        context.output.fields(&[
            ("object", of_object(&object.bucket, &object.key)),
            ("digest", object.digest),
            ("bytes", object.size_bytes.to_string()),
            ("on disk", on_disk),
            ("type", object.media_type),
            ("stored", object.stored),
        ])?;
        Ok(Status::Done)
    }
}
