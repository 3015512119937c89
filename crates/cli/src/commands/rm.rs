use clap::Args;

use crate::address::Address;
use crate::context::Context;
use crate::report::{CliError, Status};

/// Delete objects.
///
/// Content that a name, a task or another object refers to stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate rm cm://builds/app/1.3.wasm
  casemate rm cm://builds/a.wasm cm://builds/b.wasm")]
pub(crate) struct Rm {
    /// cm://BUCKET/KEY, one or more.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<Address>,
}

impl Rm {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        for address in &self.addresses {
            client.objects_delete(&address.object()?).await?;
            context.output.note(&format!("deleted {address}"));
        }
        Ok(Status::Done)
    }
}
