//! `casemate user`: who may sign in, and as what.

use casemate_api::users::{ChangePassword, CreateUser, GiveRole, ResetPassword};
use casemate_model::{InvitationId, Role, SessionId, UserName};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::secret_line::{new_password, secret_line};
use crate::tables::Column;

/// Invite, list, block and change users, and their roles in the project.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    Invite(Invite),
    Invitations(Invitations),
    Withdraw(Withdraw),
    Create(Create),
    #[command(visible_alias = "ls")]
    List(List),
    Show(Show),
    Members(Members),
    Role(GiveRoleTo),
    Remove(Remove),
    Block(Block),
    Unblock(Unblock),
    ResetFactors(ResetFactors),
    Password(PasswordOf),
    Sessions(Sessions),
    EndSession(EndSession),
}

impl User {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Invite(command) => command.execute(context).await,
            Self::Invitations(command) => command.execute(context).await,
            Self::Withdraw(command) => command.execute(context).await,
            Self::Create(command) => command.execute(context).await,
            Self::List(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Members(command) => command.execute(context).await,
            Self::Role(command) => command.execute(context).await,
            Self::Remove(command) => command.execute(context).await,
            Self::Block(command) => command.execute(context).await,
            Self::Unblock(command) => command.execute(context).await,
            Self::ResetFactors(command) => command.execute(context).await,
            Self::Password(command) => command.execute(context).await,
            Self::Sessions(command) => command.execute(context).await,
            Self::EndSession(command) => command.execute(context).await,
        }
    }
}

/// Print a link with which somebody becomes a user of the project, once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user invite --role admin
  casemate user invite --role viewer --project lab")]
pub(crate) struct Invite {
    /// The role that the user gets: viewer, developer, operator, auditor, admin, or a role of the project.
    #[arg(long, default_value_t = Role::DEVELOPER)]
    role: Role,
}

impl Invite {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let give = GiveRole { role: self.role.to_string() };
        let created = context.client()?.invitations_create(&give).await?;
        if context.output.json() {
            context.output.value(&created)?;
        } else {
            let expires = &created.invitation.expires;
            context.output.note(&format!("makes one user ({}), until {expires}", created.invitation.role));
            context.output.line(&created.url)?;
        }
        Ok(Status::Done)
    }
}

/// List invitations that were not used yet.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user invitations")]
pub(crate) struct Invitations {
    #[command(flatten)]
    paging: Paging,
}

impl Invitations {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (&context.client()?, context.output);
        let pages = |page| async move { client.invitations_list(&page).await };
        let found = self.paging.collect(output, pages).await?;
        if output.json() {
            output.value(&found)?;
            return Ok(Status::Done);
        }
        if found.is_empty() {
            output.note("no invitations; `casemate user invite` makes one");
        }
        let rows = found.into_iter().map(|one| vec![one.id, one.role, one.expires]).collect();
        output.rows(&["invitation", "role", "expires"].map(Column::Text), rows)?;
        Ok(Status::Done)
    }
}

/// Take an invitation back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user withdraw inv_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Withdraw {
    /// The invitation's id.
    #[arg(value_name = "INVITATION")]
    id: InvitationId,
}

impl Withdraw {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.invitations_withdraw(&self.id.to_string()).await?;
        context.output.note(&format!("withdrew {}", self.id));
        Ok(Status::Done)
    }
}

/// Make a user. The password is asked for, or read from standard input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user create ada --role admin
  casemate user create ada --role developer < password.txt
  casemate user create builder --service --role developer")]
pub(crate) struct Create {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
    /// The user's role in the project: viewer, developer, operator, auditor, admin, or a role of the project.
    #[arg(long, default_value_t = Role::DEVELOPER)]
    role: Role,
    /// Make a service account, which has keys and no password.
    #[arg(long)]
    service: bool,
}

impl Create {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let password = if self.service { None } else { Some(new_password()?.to_string()) };
        let user = CreateUser {
            name: self.name.to_string(),
            password,
            role: self.role.to_string(),
            service: self.service,
        };
        let made = context.client()?.users_create(&user).await?;
        if context.output.json() {
            context.output.value(&made)?;
        } else {
            context.output.note(&format!("made {} ({}, {})", made.user.name, made.user.id, self.role));
        }
        Ok(Status::Done)
    }
}

/// List the node's users.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user list
  casemate user list --json | jq -r '.[] | select(.blocked) | .name'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (&context.client()?, context.output);
        let users = self.paging.collect(output, |page| async move { client.users_list(&page).await }).await?;
        if output.json() {
            output.value(&users)?;
            return Ok(Status::Done);
        }
        if users.is_empty() {
            output.note("no users yet; `casemate user invite --role admin` prints a link for the first");
        }
        let rows = users.into_iter().map(|user| {
            let status = match (&user.blocked, user.has_password || user.kind == "service") {
                (Some(time), _) => format!("blocked {time}"),
                (None, true) => "good".to_owned(),
                (None, false) => "no password".to_owned(),
            };
            vec![user.name, user.kind, user.id, user.created, status]
        });
        output.rows(&["user", "kind", "id", "made", "status"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Show a user with its roles.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user show ada")]
pub(crate) struct Show {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let found = context.client()?.users_show(self.name.as_str()).await?;
        if context.output.json() {
            context.output.value(&found)?;
            return Ok(Status::Done);
        }
        let output = context.output;
        output.line(&format!("{} ({}, {})", found.user.name, found.user.kind, found.user.id))?;
        if let Some(time) = &found.user.blocked {
            output.line(&format!("blocked since {time}"))?;
        }
        let rows = found.roles.into_iter().map(|one| vec![one.project, one.role]).collect();
        output.rows(&["project", "role"].map(Column::Text), rows)?;
        Ok(Status::Done)
    }
}

/// List who has a role in the project.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user members --project lab")]
pub(crate) struct Members {
    #[command(flatten)]
    paging: Paging,
}

impl Members {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (&context.client()?, context.output);
        let members =
            self.paging.collect(output, |page| async move { client.members_list(&page).await }).await?;
        if output.json() {
            output.value(&members)?;
            return Ok(Status::Done);
        }
        let rows = members.into_iter().map(|one| {
            let status = if one.user.blocked.is_some() { "blocked" } else { "good" };
            vec![one.user.name, one.role, one.since, status.to_owned()]
        });
        output.rows(&["user", "role", "since", "status"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Give a user a role in the project, in place of any other.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user role ada operator
  casemate user role ada viewer --project lab")]
pub(crate) struct GiveRoleTo {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
    /// The role.
    #[arg(value_name = "ROLE")]
    role: Role,
}

impl GiveRoleTo {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let give = GiveRole { role: self.role.to_string() };
        context.client()?.members_set(self.name.as_str(), &give).await?;
        context.output.note(&format!("{} is {} now", self.name, self.role));
        Ok(Status::Done)
    }
}

/// Take a user's role in the project away, which ends its sessions there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user remove ada --project lab")]
pub(crate) struct Remove {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.members_remove(self.name.as_str()).await?;
        context.output.note(&format!("{} has no role in the project any more", self.name));
        Ok(Status::Done)
    }
}

/// Block a user, which ends its sessions at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user block ada")]
pub(crate) struct Block {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
}

impl Block {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.users_block(self.name.as_str(), true).await?;
        context.output.note(&format!("blocked {}", self.name));
        Ok(Status::Done)
    }
}

/// Let a blocked user in again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user unblock ada")]
pub(crate) struct Unblock {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
}

impl Unblock {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.users_block(self.name.as_str(), false).await?;
        context.output.note(&format!("{} may sign in again", self.name));
        Ok(Status::Done)
    }
}

/// Remove a user's authenticator app, recovery codes and passkeys, who has lost them; which ends all its sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user reset-factors ada")]
pub(crate) struct ResetFactors {
    /// What the user signs in as.
    #[arg(value_name = "USER")]
    name: UserName,
}

impl ResetFactors {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.users_reset_factors(self.name.as_str()).await?;
        context.output.note(&format!("{} signs in with the password alone now", self.name));
        Ok(Status::Done)
    }
}

/// Set a user's password, or change your own. Passwords are asked for, or read from standard input, one a line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user password ada
  casemate user password --own")]
pub(crate) struct PasswordOf {
    /// What the user signs in as.
    #[arg(value_name = "USER", required_unless_present = "own")]
    name: Option<UserName>,
    /// Change the password of the user who you have signed in as; the former one comes first.
    #[arg(long, conflicts_with = "name")]
    own: bool,
}

impl PasswordOf {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        if let Some(name) = &self.name {
            let reset = ResetPassword { password: new_password()?.to_string() };
            context.client()?.users_reset_password(name.as_str(), &reset).await?;
            context.output.note(&format!("set the password of {name}, and ended all its sessions"));
        } else {
            let former = secret_line("Former password: ")?.to_string();
            let change = ChangePassword { former, new: new_password()?.to_string() };
            context.client()?.users_change_password(&change).await?;
            context.output.note("changed your password, and ended your other sessions");
        }
        Ok(Status::Done)
    }
}

/// List the sessions of the user who you have signed in as.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user sessions")]
pub(crate) struct Sessions {
    #[command(flatten)]
    paging: Paging,
}

impl Sessions {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (&context.client()?, context.output);
        let sessions =
            self.paging.collect(output, |page| async move { client.sessions_list(&page).await }).await?;
        if output.json() {
            output.value(&sessions)?;
            return Ok(Status::Done);
        }
        let rows = sessions.into_iter().map(|one| {
            let client = if one.current { format!("{} (this one)", one.client) } else { one.client };
            vec![one.id, one.project, client, one.created, one.expires]
        });
        output.rows(&["session", "project", "client", "opened", "ends"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// End one of your own sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate user end-session ses_01kg9ys7kv040g2081040g2081")]
pub(crate) struct EndSession {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    id: SessionId,
}

impl EndSession {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.sessions_end(&self.id.to_string()).await?;
        context.output.note(&format!("ended {}", self.id));
        Ok(Status::Done)
    }
}
