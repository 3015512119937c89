//! Stopping names: for who runs the node, and who holds a name above.

use casemate_api::names::StopName;
use casemate_model::Name as NameText;
use clap::Args;

use crate::context::Context;
use crate::report::{CliError, Status};

use super::show;

/// Let nobody use a name, and what is below it, for now.
///
/// For who runs the node, and who holds a name above it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name suspend shop.acme --reason 'sells what it should not'")]
pub(crate) struct Suspend {
    #[command(flatten)]
    stop: Stop,
}

/// Let a name be used again that was suspended, or revoked not long ago.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name resume shop.acme")]
pub(crate) struct Resume {
    #[command(flatten)]
    stop: Stop,
}

/// Take a name away.
///
/// It may not be used from then on, and is gone after 7 days unless it is resumed. For who runs the node, and who holds a name
/// above it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name revoke shop.acme --reason 'the contract is over'")]
pub(crate) struct Revoke {
    #[command(flatten)]
    stop: Stop,
}

#[derive(Debug, Args)]
struct Stop {
    /// The name.
    name: NameText,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Stop {
    fn body(&self) -> StopName {
        StopName { reason: self.reason.clone() }
    }
}

impl Suspend {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        show(context, context.client()?.names_suspend(self.stop.name.as_str(), &self.stop.body()).await?)
    }
}

impl Resume {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        show(context, context.client()?.names_resume(self.stop.name.as_str(), &self.stop.body()).await?)
    }
}

impl Revoke {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        show(context, context.client()?.names_revoke(self.stop.name.as_str(), &self.stop.body()).await?)
    }
}
