//! `casemate relay`: somebody's way through a node.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casemate_api::relays::{RelaySession, RelayStatus, StartRelay, StartedRelay};
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_model::{ByteSize, NodeId, RelayId, TaskId};
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::output::Output;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Connect to others through a node that relays.
#[derive(Debug, Subcommand)]
pub(crate) enum Relay {
    Open(Open),
    #[command(visible_alias = "list")]
    Ls(List),
    Show(Show),
    Stop(Stop),
}

impl Relay {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Open(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Stop(command) => command.execute(context).await,
        }
    }
}

/// Open a relay session, and keep it open until Ctrl-C.
///
/// Prints the address of an HTTPS proxy with user and password. The proxy's certificate is kept in FILE: believe that one and no
/// other. Names are looked up at the node, and it connects to private addresses only if its operator has said so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate relay open --to example.org:443 --certificate relay.pem
  curl --proxy \"$ADDRESS\" --proxy-cacert relay.pem https://example.org/
  casemate relay open --to '*.example.org:443' --to 192.0.2.1:22 --for 10m --bytes 100MiB --certificate relay.pem")]
pub(crate) struct Open {
    /// A destination, as host and port; give it several times for several.
    #[arg(long = "to", value_name = "HOST:PORT", required = true)]
    destinations: Vec<String>,
    /// The node; any that relays unless given.
    #[arg(long, value_name = "NODE")]
    node: Option<NodeId>,
    /// The task that it is for.
    #[arg(long, value_name = "TASK")]
    task: Option<TaskId>,
    /// How long it is open at most, such as 10m; an hour is the most.
    #[arg(long = "for", value_name = "TIME", value_parser = crate::limits::millis, default_value = "1h")]
    duration_ms: u64,
    /// Most bytes, both ways together.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    bytes: ByteSize,
    /// Where to keep the proxy's certificate.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Start it, print it, and leave it: it ends after a minute unless it is heard of.
    #[arg(long)]
    detach: bool,
}

/// How often the server hears that somebody is there; it ends a session after a minute without a word.
const BEAT: Duration = Duration::from_secs(15);

impl Open {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let wanted = StartRelay {
            task_id: self.task.map(|task| task.to_string()),
            node_id: self.node.map(|node| node.to_string()),
            destinations: self.destinations.clone(),
            duration_seconds: self.duration_ms / 1_000,
            bytes_max: Some(self.bytes.as_u64()),
        };
        let label = self.certificate.display().to_string();
        // First, so that a session whose certificate cannot be kept is never opened. Nothing is replaced before it is committed.
        refuse_other_file(&self.certificate)?;
        let mut file = casemate_fs::create_user_file(&self.certificate)?;
        let started = client.relays_start(&wanted).await?;
        file.write_all(started.certificate.as_bytes())
            .map_err(|source| CliError::Write { what: format!("`{label}`"), source })?;
        file.commit()?;
        if output.json() {
            output.value(&started)?;
        } else {
            output.line(&proxy(&started))?;
        }
        let id = &started.session.session_id;
        if self.detach {
            output.note(&format!("{id} ends after a minute unless it is heard of"));
            return Ok(Status::Done);
        }
        output.note(&format!("{id} is open until {}; Ctrl-C ends it", started.session.expires_at));
        keep_open(&client, id, output).await
    }
}

/// Refuses a file that is something else than the certificate of a session before, so that a slip of the pen costs nothing.
fn refuse_other_file(path: &Path) -> Result<(), CliError> {
    match casemate_fs::read_config_file(path, CERTIFICATE_BYTES_MAX) {
        Ok(there) if there.is_empty() || there.starts_with(PEM_BEGINS) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Ok(_) | Err(_) => Err(CliError::NotReplaced { path: path.display().to_string() }),
    }
}

/// How a certificate in PEM begins, and more bytes than one has.
const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;
const PEM_BEGINS: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The address of a session's proxy, with what opens it.
fn proxy(started: &StartedRelay) -> String {
    format!("https://{}:{}@{}", started.session.session_id, started.session_token, started.address)
}

/// Says that somebody is there until Ctrl-C, or until the session is over.
async fn keep_open(client: &Client, id: &str, output: Output) -> Result<Status, CliError> {
    // Told to end in another way, it ends as by Ctrl-C.
    let mut terminated = signal(SignalKind::terminate()).map_err(|source| CliError::Runtime { source })?;
    loop {
        tokio::select! {
            Some(()) = terminated.recv() => {
                client.relays_stop(id).await?;
                return Ok(Status::Done);
            }
            _ = tokio::signal::ctrl_c() => {
                let stopped = client.relays_stop(id).await?;
                output.note(&told(&stopped));
                return Ok(Status::Done);
            }
            () = tokio::time::sleep(BEAT) => {}
        }
        match client.relays_heartbeat(id).await {
            Ok(_) | Err(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }) => {}
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => {
                output.note(&told(&client.relays_show(id).await?));
                return Ok(Status::Done);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn told(session: &RelaySession) -> String {
    let RelaySession { session_id, status, bytes_out, bytes_in, .. } = session;
    format!("{session_id} is {}: {bytes_out} bytes out, {bytes_in} bytes in", status.as_str())
}

/// List relay sessions, newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate relay ls
  casemate relay ls --json | jq -r '.[] | select(.status == \"open\") | .session_id'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let read = |page| async move { client.relays_list(&page).await };
        let sessions = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&sessions)?;
            return Ok(Status::Done);
        }
        if sessions.is_empty() {
            output
                .note("no relay sessions; `casemate relay open --to HOST:PORT --certificate FILE` opens one");
        }
        let rows = sessions.into_iter().map(|session| {
            let (out, into) = (session.bytes_out.to_string(), session.bytes_in.to_string());
            let to = session.allowed_destinations.join(" ");
            vec![session.session_id, session.status.as_str().to_owned(), session.node_id, to, out, into]
        });
        let columns = [
            Column::Text("session"),
            Column::Text("status"),
            Column::Text("node"),
            Column::Text("to"),
            Column::Number("out"),
            Column::Number("in"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Show a relay session.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate relay show rly_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Show {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    id: RelayId,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let session = client.relays_show(&self.id.to_string()).await?;
        if output.json() {
            output.value(&session)?;
            return Ok(Status::Done);
        }
        output.fields(&[
            ("session", session.session_id.clone()),
            ("status", session.status.as_str().to_owned()),
            ("node", session.node_id.clone()),
            ("task", session.task_id.clone().unwrap_or_else(|| "-".to_owned())),
            ("to", session.allowed_destinations.join(" ")),
            (
                "bytes",
                format!("{} out, {} in, {} at most", session.bytes_out, session.bytes_in, session.bytes_max),
            ),
            ("requester", session.requester_id.clone()),
            ("created", session.created_at.clone()),
            ("last heard of", session.last_heartbeat.clone()),
            ("ends", session.expires_at.clone()),
        ])?;
        Ok(Status::Done)
    }
}

/// End a relay session. Its connections end within seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate relay stop rly_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Stop {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    id: RelayId,
}

impl Stop {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let session = context.client()?.relays_stop(&self.id.to_string()).await?;
        if context.output.json() {
            context.output.value(&session)?;
        } else {
            context.output.note(&told(&session));
        }
        Ok(if session.status == RelayStatus::Open { Status::Failed } else { Status::Done })
    }
}
