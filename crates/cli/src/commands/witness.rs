//! `casemate witness`: seeing that logs of others only grow.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use casemate_fs::Dir;
use casemate_ledger::{NodePublicKey, WitnessKey};
use casemate_witness::Witness as Witnessing;
use clap::{Args, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::wire::{StartError, secret};
use crate::world::{SystemClock, SystemEntropy};

/// Where the witness's key, and what it saw of each log, is in its directory.
const KEY: &str = "witness.key";
const LOGS: &str = "logs";

/// See that logs of others only grow, and say so.
#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    Serve(Serve),
}

impl Witness {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Serve(command) => command.execute(context).await,
        }
    }
}

/// Cosign checkpoints of logs that only grow, until Ctrl-C (C2SP tlog-witness).
///
/// The newest checkpoint of each log is kept in a directory, and another is cosigned only if it follows. Whoever lost
/// that directory must begin under another name. It speaks HTTP: put it behind something that speaks TLS if others reach it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate witness serve --name witness.example.org/one --directory /srv/witness \\
      --log 'casemate/fe812c12f3ab4ce6+daa02c27+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs'

The line that it prints first goes into the configuration of the nodes whose logs those are, as `witnesses`.")]
pub(crate) struct Serve {
    /// The name of the witness: where it is found, such as a domain and a path.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// The key of a log that it sees, as `casemate audit checkpoint --key` prints it; give it several times for several.
    #[arg(long = "log", value_name = "KEY", required = true)]
    logs: Vec<NodePublicKey>,
    /// Where its key and what it saw is kept; made when absent.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7500")]
    listen: SocketAddr,
}

/// Reads the name of a witness.
fn name(text: &str) -> Result<String, String> {
    let is_name = WitnessKey::from_seed(text, &[0; 32]).is_some();
    let expected = "it is 1 to 128 characters without spaces and plus signs, such as witness.example.org/one";
    is_name.then(|| text.to_owned()).ok_or_else(|| expected.to_owned())
}

/// The directory of what a witness saw. A new witness gets one before it gets a key, and none without it goes on.
fn seen(root: &Dir) -> Result<Dir, CliError> {
    let begun = root.entries()?.iter().any(|entry| entry.name == KEY);
    if begun && root.subdir(LOGS).is_err_and(|error| error.is_not_found()) {
        return Err(StartError::Forgotten { path: root.path().join(LOGS).display().to_string() }.into());
    }
    let seen = root.private_subdir(LOGS)?;
    seen.sweep_staged()?;
    Ok(seen)
}

impl Serve {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let root = Dir::open_private(&self.directory)?;
        let _lock = root.lock("casemate witness")?;
        let seen = seen(&root)?;
        let (seed, _) = secret(&root, KEY, &SystemEntropy)?;
        let key = WitnessKey::from_seed(&self.name, &seed).expect("its name was read as one");
        let public = key.public_key().clone();
        let witness = Arc::new(Witnessing::new(key, self.logs.clone(), seen, Arc::new(SystemClock)));
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|source| StartError::Listen { address: self.listen, source })?;
        let address = listener.local_addr().map_err(StartError::Socket)?;
        context.output.line(&format!("http://{address} {public}"))?;
        let stop = CancellationToken::new();
        let (ended, mut terminated) =
            (stop.clone(), signal(SignalKind::terminate()).map_err(StartError::Socket)?);
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            ended.cancel();
        });
        casemate_witness::serve(witness, listener, stop).await;
        Ok(Status::Done)
    }
}
