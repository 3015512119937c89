use clap::Args;
use clap_complete::Shell;

use crate::app;
use crate::context::Context;
use crate::report::{CliError, Status};

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate completions bash > ~/.local/share/bash-completion/completions/casemate
  casemate completions zsh > ~/.zfunc/_casemate
  casemate completions fish > ~/.config/fish/completions/casemate.fish")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut app::command_line(), "casemate", &mut script);
        context.output.data(&script)?;
        Ok(Status::Done)
    }
}
