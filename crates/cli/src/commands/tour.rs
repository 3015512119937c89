mod scenes;
mod stage;

use std::path::PathBuf;

use casemate_api::Client;
use clap::Args;

use crate::context::Context;
use crate::output::Output;
use crate::report::{CliError, Status};

use stage::Stage;

/// See what Casemate does, on real programs and real input, in a minute.
///
/// It stores two versions of a program, gives it a name, runs it, shows what it used, checks the receipt offline, and
/// lets three hostile programs run into their limits. Everything goes through the same API as your own commands, and
/// stays: look at it afterwards with `casemate ls cm://tour` and `casemate task list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  casemate tour
  casemate tour --guests target/guests --data examples/data")]
pub(crate) struct Tour {
    /// Where the tour's programs are, as `make guests` builds them. Beside the binary's directory otherwise.
    #[arg(long, value_name = "DIR")]
    guests: Option<PathBuf>,
    /// Where the tour's text and picture are.
    #[arg(long, value_name = "DIR", default_value = "examples/data")]
    data: PathBuf,
}

impl Tour {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        self.walk(&context.client()?, context.output).await?;
        Ok(Status::Done)
    }

    /// Walks the tour on the node of `client`.
    pub(super) async fn walk(&self, client: &Client, output: Output) -> Result<(), CliError> {
        let stage = Stage::new(client, output, self.guests.clone(), self.data.clone());
        scenes::play(&stage).await
    }
}
