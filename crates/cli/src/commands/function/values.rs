use std::io::Read as _;
use std::path::PathBuf;

use casemate_api::ValueBefore;
use casemate_functions::{FunctionName, VALUE_BYTES_MAX, ValueKey};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Look at the values that a function keeps from one request to the next, and change them.
#[derive(Debug, Subcommand)]
pub(crate) enum Values {
    #[command(visible_alias = "list")]
    Ls(List),
    Get(Get),
    Set(Set),
    #[command(visible_alias = "remove")]
    Rm(Remove),
}

impl Values {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Ls(command) => command.execute(context).await,
            Self::Get(command) => command.execute(context).await,
            Self::Set(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
        }
    }
}

/// List the values of a function, by key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn values ls edge
  casemate fn values ls edge sessions/          those whose keys begin with sessions/")]
pub(crate) struct List {
    /// The function.
    name: FunctionName,
    /// What the keys begin with.
    #[arg(default_value = "")]
    prefix: String,
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let (name, prefix) = (self.name.as_str(), self.prefix.as_str());
        let read = |page| async move { client.functions_list_values(name, prefix, &page).await };
        let values = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&values)?;
            return Ok(Status::Done);
        }
        if values.is_empty() {
            output.note(match prefix {
                "" => "no values yet; the function sets them, or `casemate fn values set NAME KEY VALUE`",
                _ => "no value has a key that begins so",
            });
        }
        let rows = values.into_iter().map(|value| {
            vec![value.key, value.size_bytes.to_string(), value.revision.to_string(), value.updated]
        });
        let columns = [
            Column::Text("key"),
            Column::Number("bytes"),
            Column::Number("revision"),
            Column::Text("updated"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Write a value to standard output, byte by byte.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn values get edge visits
  casemate fn values get edge page > page.html")]
pub(crate) struct Get {
    /// The function.
    name: FunctionName,
    /// The key.
    key: ValueKey,
}

impl Get {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let value = context.client()?.functions_read_value(self.name.as_str(), self.key.as_str()).await?;
        context.output.data(&value)?;
        Ok(Status::Done)
    }
}

/// Set a value, of at most 64 KiB.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn values set edge greeting hello
  casemate fn values set edge page --file page.html
  casemate fn values set edge visits 0 --if-absent")]
pub(crate) struct Set {
    /// The function.
    name: FunctionName,
    /// The key.
    key: ValueKey,
    /// The value, or `-` for standard input.
    #[arg(required_unless_present = "file", allow_negative_numbers = true)]
    value: Option<String>,
    /// A file whose content is the value.
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
    /// Only if there is none.
    #[arg(long, conflicts_with = "if_revision")]
    if_absent: bool,
    /// Only if the value that is there has this revision.
    #[arg(long, value_name = "REVISION")]
    if_revision: Option<u64>,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let value = match (&self.value, &self.file) {
            (Some(value), _) if value == "-" => read_input()?,
            (Some(value), _) => value.clone().into_bytes(),
            (None, Some(file)) => casemate_fs::read_config_file(file, BYTES_MAX)?,
            (None, None) => Vec::new(),
        };
        let before = match (self.if_absent, self.if_revision) {
            (true, _) => ValueBefore::Nothing,
            (false, Some(revision)) => ValueBefore::Revision(revision),
            (false, None) => ValueBefore::Anything,
        };
        let at = (self.name.as_str(), self.key.as_str());
        let set = context.client()?.functions_set_value(at, value.into(), before).await?;
        if context.output.json() {
            context.output.value(&set)?;
        } else {
            context.output.note(&format!("set {}, revision {}", set.key, set.revision));
        }
        Ok(Status::Done)
    }
}

/// Remove a value.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate fn values rm edge visits")]
pub(crate) struct Remove {
    /// The function.
    name: FunctionName,
    /// The key.
    key: ValueKey,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.functions_remove_value(self.name.as_str(), self.key.as_str()).await?;
        context.output.note(&format!("removed {}", self.key));
        Ok(Status::Done)
    }
}

/// One byte more than a value may have, so that the node says what is too large.
const BYTES_MAX: u64 = VALUE_BYTES_MAX as u64 + 1;

fn read_input() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|source| CliError::Input { what: crate::stdin::STDIN.to_owned(), source })?;
    Ok(bytes)
}
