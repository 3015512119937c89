use casemate_api::Client;
use clap::Args;
use tracing_subscriber::EnvFilter;

use super::node_options::NodeOptions;
use super::tour::Tour;
use crate::config::Config;
use crate::context::Context;
use crate::output::Output;
use crate::report::{CliError, Status};
use crate::serve::{Serving, serve};

/// Start a node, and go on until it is told to stop.
///
/// It needs nothing but its data directory, which is made when absent. Commands of the same user reach it over the
/// private socket there; the console and other machines over the address that it listens on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate serve
  casemate serve --data-dir /srv/casemate --listen 127.0.0.1:7070
  casemate serve --config node.toml
  casemate serve --tour                 walk the tour if this is the first start

SIGINT and SIGTERM stop it: requests end, guests are killed and their tasks handed back to the queue. \
RUST_LOG chooses what is logged, such as RUST_LOG=debug.")]
pub(crate) struct Serve {
    #[command(flatten)]
    options: NodeOptions,
    /// Walk the tour if the data directory is new.
    #[arg(long)]
    tour: bool,
    #[command(flatten)]
    guide: Tour,
}

impl Serve {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let config = self.options.config(context)?;
        start_logging(&config, context.output);
        let client = Context::client_in(&config.data_directory);
        let (output, tour, guide) = (context.output, self.tour, self.guide.clone());
        serve(&config, move |serving: Serving| async move {
            if tour && serving.first_start {
                walk(&guide, &client, output).await;
            }
            output.note(&format!("The console is at {}", serving.console_url));
            if output.talk_on_terminal() {
                output.note(&format!(
                    "Sign in with this link, once, within 15 minutes: {}",
                    serving.console_link
                ));
            } else {
                // A link opens the console for whoever reads it, and this may be a file that many do.
                output.note("Sign in with the link that `casemate login` makes.");
            }
            if let Some(url) = serving.mutual_url {
                output.note(&format!(
                    "Mutual TLS is at {url}; `casemate key certificate` gets a certificate for it."
                ));
            }
            if let Some(url) = serving.s3_url {
                output.note(&format!("S3 is at {url}; `casemate key create --s3` makes its credentials."));
            }
            output.note("Ctrl-C stops the node.");
        })
        .await?;
        Ok(Status::Done)
    }
}

/// A tour that goes wrong does not stop the node; it says what happened.
async fn walk(guide: &Tour, client: &Client, output: Output) {
    if let Err(error) = guide.walk(client, output).await {
        output.note(&crate::report::describe(&error));
    }
}

fn start_logging(config: &Config, output: Output) {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    crate::logging::start(wanted, config.log_json, output.talk_on_terminal());
}
