use std::path::PathBuf;

use casemate_api::users::{LogIn, Tokens};
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_model::UserName;
use clap::Args;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::secret_line::secret_line;

/// Most bytes of a file with a password.
const PASSWORD_FILE_BYTES_MAX: u64 = 4 << 10;

/// Sign in to a node as a user; or print a link that signs you in to the console, once.
#[derive(Debug, Args)]
#[command(after_help = "\
The password, and a code where the user has an authenticator app, are asked for, or read from standard input, one a line.
The session is kept in your state directory until `casemate logout`, and used for the node at the same --url when there is no
API key.

Examples:
  casemate login
  xdg-open \"$(casemate login)\"
  casemate login ada --url https://casemate.example.org
  casemate login ada --url https://casemate.example.org --password-file password.txt")]
pub(crate) struct Login {
    /// What the user signs in as. Without it, a link for the console is printed.
    #[arg(value_name = "USER")]
    name: Option<UserName>,
    /// A file with the password.
    #[arg(long, value_name = "FILE", requires = "name")]
    password_file: Option<PathBuf>,
}

impl Login {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match &self.name {
            Some(name) => self.sign_in(name, context).await,
            None => print_link(context).await,
        }
    }

    async fn sign_in(&self, name: &UserName, context: &Context) -> Result<Status, CliError> {
        let (client, place) = context.client_to_sign_in()?;
        let password = self.password()?;
        let mut log_in = LogIn {
            username: name.to_string(),
            password: password.to_string(),
            code: None,
            project: context.project().map(ToOwned::to_owned),
        };
        let tokens = match client.sessions_log_in(&log_in).await {
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::SecondFactorRequired => {
                log_in.code = Some(secret_line("Code of the app, or a recovery code: ")?.to_string());
                client.sessions_log_in(&log_in).await?
            }
            answer => answer?,
        };
        self.keep(context, (&client, place), tokens).await?;
        context.output.note(&format!("signed in to {} as {name}", client.address()));
        Ok(Status::Done)
    }

    async fn keep(
        &self,
        context: &Context,
        (client, place): (&Client, crate::signed_in::SignedIn),
        tokens: Tokens,
    ) -> Result<(), CliError> {
        // A session that is replaced is of no use to anybody any more.
        if place.exists()? {
            let former = place.clone().join(client.clone(), client.clone());
            if former.sessions_sign_out().await.is_err() {
                context
                    .output
                    .note("the session before could not be ended; it ends by itself within 30 days");
            }
        }
        let name = self.name.as_ref().map(ToString::to_string).unwrap_or_default();
        place.keep(&name, tokens).await
    }

    fn password(&self) -> Result<Zeroizing<String>, CliError> {
        let Some(path) = &self.password_file else { return secret_line("Password: ") };
        let bytes = Zeroizing::new(casemate_fs::read_secret_file(path, PASSWORD_FILE_BYTES_MAX)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| CliError::NotText { path: path.clone() })?;
        Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

async fn print_link(context: &Context) -> Result<Status, CliError> {
    let link = context.client()?.sessions_link().await?;
    if context.output.json() {
        context.output.value(&link)?;
    } else {
        context.output.note(&format!("good for one sign-in, until {}", link.expires));
        context.output.line(&link.url)?;
    }
    Ok(Status::Done)
}

/// End the session with a node that `casemate login USER` began.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate logout --url https://casemate.example.org")]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, place) = context.client_to_sign_in()?;
        if !place.exists()? {
            context.output.note(&format!("nobody is signed in to {}", client.address()));
            return Ok(Status::Done);
        }
        let ended = place.clone().join(client.clone(), client.clone()).sessions_sign_out().await;
        match ended {
            // What the node does not know any more has ended.
            Ok(()) | Err(ClientError::SignedOut { .. }) => {}
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::Unauthenticated => {}
            Err(error) => return Err(error.into()),
        }
        place.forget().await?;
        context.output.note(&format!("signed out of {}", client.address()));
        Ok(Status::Done)
    }
}
