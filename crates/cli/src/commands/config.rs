use clap::{Args, Subcommand};

use super::node_options::NodeOptions;
use crate::config::{Severity, review};
use crate::context::Context;
use crate::report::{CliError, Status};

/// Check and show a node's configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    Check(Check),
    Show(Show),
}

impl Config {
    pub(crate) fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Check(command) => command.execute(context),
            Self::Show(command) => command.execute(context),
        }
    }
}

/// Check a configuration and what it points to, and judge both for the environment that it names.
///
/// Prints what a node prints that starts with it. Nothing is changed; files are written to see whether they can be, and
/// taken away again. Ends with code 1 if something is critical, with which a mainnet node does not start, with code 8 if
/// the worst is a warning, and with 0 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate config check --config /etc/casemate.toml
  CASEMATE_ENVIRONMENT=mainnet casemate config check")]
pub(crate) struct Check {
    #[command(flatten)]
    options: NodeOptions,
}

impl Check {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let findings = review(&self.options.config(context)?);
        if context.output.json() {
            context.output.value(&findings)?;
        } else {
            for finding in &findings {
                context.output.line(&finding.to_string())?;
            }
            if findings.is_empty() {
                context.output.note("the configuration is good");
            }
        }
        Ok(match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Critical) => Status::Failed,
            Some(Severity::Warning) => Status::Warned,
            Some(Severity::Recommendation) | None => Status::Done,
        })
    }
}

/// Show every key with the value that it has, from defaults, file, variables and options together.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate config show
  casemate config show --config node.toml --json")]
pub(crate) struct Show {
    #[command(flatten)]
    options: NodeOptions,
}

impl Show {
    fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let written = self.options.written(context)?;
        if context.output.json() {
            context.output.value(&written)?;
            return Ok(Status::Done);
        }
        let value = serde_json::to_value(&written).expect("configuration is JSON");
        show("", &value, context)?;
        Ok(Status::Done)
    }
}

/// Writes the keys of a table; those of sections with the section's name before them, as TOML takes them.
fn show(section: &str, table: &serde_json::Value, context: &Context) -> Result<(), CliError> {
    for (key, value) in table.as_object().into_iter().flatten() {
        if value.is_object() {
            show(&format!("{section}{key}."), value, context)?;
        } else {
            // JSON and TOML spell texts, numbers, truth values and lists alike.
            context.output.line(&format!("{section}{key} = {value}"))?;
        }
    }
    Ok(())
}
