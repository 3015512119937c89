//! `cargo xtask`: the checks of the workspace, the same at home and in CI, and the builder of the example guests.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool that talks to a terminal")]
#![allow(
    clippy::disallowed_methods,
    reason = "a tool outside the product reads the sources, the clock and its arguments"
)]

mod ci;
mod error;
mod fuzz;
mod guests;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

use error::XtaskError;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci [STEP...]     run the checks, all or those named: fmt tidy lint guests test doc deny build console
  tidy             the same as `ci tidy`
  guests           build the example guests into the target directory
  fuzz [SECONDS]   run each fuzz target for so long (20 unless told)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), XtaskError> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "ci" => ci::run(&Workspace::find()?, rest),
        "tidy" => tidy::run(&Workspace::find()?),
        "guests" => guests::build(&Workspace::find()?),
        "fuzz" => fuzz::run(&Workspace::find()?, rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => Err(XtaskError::UnknownCommand(unknown.to_owned())),
    }
}
