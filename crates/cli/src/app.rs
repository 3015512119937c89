use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use crate::commands::Command;
use crate::context::{Context, Global};
use crate::interrupt::{self, Interrupted};
use crate::report::{self, Status};

/// Run code you don't trust on your own machines, and prove what it did.
#[derive(Debug, Parser)]
#[command(name = "casemate", version, max_term_width = 100, after_help = HELP)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  casemate serve                              start a node
  casemate tour                               see what it does, in a minute
  casemate run app.wasm --input book.txt      run a WebAssembly program on a file
  casemate verify receipt.txt                 check a receipt, without node or network

Objects have addresses: cm://BUCKET/KEY; those of buckets elsewhere s3://, gs://, az:// and \
file:///DIRECTORY//KEY. Commands talk to the node of this user over its private \
socket, unless --url names another one.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 conflict, 6 limited, \
7 unavailable.";

/// Threads for work that blocks. A node's transfers take up to three each (source, disk, hash), of which there are
/// [`casemate_server::TRANSFERS_MAX`]; as many as there are transfers are left for everything else.
const BLOCKING_THREADS_MAX: usize = 4 * casemate_server::TRANSFERS_MAX;

/// Reads the command line, does what it says, and reports what failed.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(arguments.global);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build() {
        Ok(runtime) => runtime,
        Err(source) => return report::fail(&report::CliError::Runtime { source }),
    };
    start_logging(&arguments.command);
    let done = runtime.block_on(execute(&arguments.command, &context));
    context.close();
    let done = match done {
        Ok(done) => done,
        Err(interrupted) => {
            // Files that are being finished are finished, or removed.
            runtime.shutdown_timeout(FINISHING_TIME_MAX);
            context.output.note("interrupted; what was not written whole was removed");
            return ExitCode::from(interrupted.exit_code());
        }
    };
    // A thread that still reads standard input must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::Failed) => ExitCode::from(report::FAILED),
        Ok(Status::Warned) => ExitCode::from(report::WARNED),
        Err(error) => report::fail(&error),
    }
}

/// Does what a command says, until a signal comes; some have their own way to end.
async fn execute(
    command: &Command,
    context: &Context,
) -> Result<Result<Status, report::CliError>, Interrupted> {
    if command.heeds_signals() {
        return Ok(command.execute(context).await);
    }
    interrupt::unless_interrupted(command.execute(context)).await
}

/// How long to wait for files that are being finished when a signal came.
const FINISHING_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// Commands other than a node log only for whoever asks for it by `RUST_LOG`.
fn start_logging(command: &Command) {
    if matches!(command, Command::Serve(_)) {
        return;
    }
    // What serves says what goes wrong unasked; a command says it when it ends.
    let unasked = matches!(command, Command::Witness(_)).then(|| EnvFilter::new("info"));
    if let Some(filter) = EnvFilter::try_from_default_env().ok().or(unasked) {
        crate::logging::start(filter, false, std::io::stderr().is_terminal());
    }
}

/// The whole command line, for completions.
pub(crate) fn command_line() -> clap::Command {
    Arguments::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command_line().debug_assert();
    }
}
