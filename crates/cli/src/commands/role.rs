use casemate_api::users::PutRole;
use casemate_model::{Grant, Role as RoleName};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// List the roles of the project, and make roles of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    #[command(visible_alias = "ls")]
    List(List),
    Set(Set),
    Remove(Remove),
}

impl Role {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Set(command) => command.execute(context).await,
            Self::Remove(command) => command.execute(context).await,
        }
    }
}

/// List roles with what they stand for, those that are built in first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate role list
  casemate role list --json | jq -r '.[] | select(.built_in | not) | .role'")]
pub(crate) struct List {}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let roles = context.client()?.roles_list().await?.items;
        if context.output.json() {
            context.output.value(&roles)?;
            return Ok(Status::Done);
        }
        let rows = roles.into_iter().map(|one| {
            let made = if one.built_in { "built in" } else { "the project's" };
            vec![one.role, made.to_owned(), one.scopes.join(" ")]
        });
        context.output.rows(&["role", "made", "scopes"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Make a role of the project, or change what it stands for; it changes for all who have it within a second.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate role set release-manager --scope 'objects:write:releases/*' --scope names:write")]
pub(crate) struct Set {
    /// The role's name.
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// What it stands for, such as objects:read or objects:write:releases/*; give it several times for several.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Grant>,
}

impl Set {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let put = PutRole { scopes: self.scopes.iter().map(ToString::to_string).collect() };
        context.client()?.roles_put(self.role.as_str(), &put).await?;
        context.output.note(&format!("set the role {}", self.role));
        Ok(Status::Done)
    }
}

/// Remove a role of the project that nobody has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate role remove release-manager")]
pub(crate) struct Remove {
    /// The role's name.
    #[arg(value_name = "ROLE")]
    role: RoleName,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.roles_remove(self.role.as_str()).await?;
        context.output.note(&format!("removed the role {}", self.role));
        Ok(Status::Done)
    }
}
