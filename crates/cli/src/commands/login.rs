use clap::Args;

use crate::context::Context;
use crate::report::{CliError, Status};

/// Print a link that signs you in to the console, once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate login
  xdg-open \"$(casemate login)\"")]
pub(crate) struct Login {}

impl Login {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let link = context.client()?.sessions_link().await?;
        if context.output.json() {
            context.output.value(&link)?;
        } else {
            context.output.note(&format!("good for one sign-in, until {}", link.expires));
            context.output.line(&link.url)?;
        }
        Ok(Status::Done)
    }
}
