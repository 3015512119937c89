use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use casemate_api::BaseUrl;
use casemate_fs::{Dir, DirLock};
use casemate_model::{Networks, NetworksError, NodeName};
use casemate_node::{Membership, Node, NodeConfig, NodeError, RelayConfig, join, measure};
use casemate_sandbox::{Sandbox, SandboxConfig};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::egress::Dialers;
use crate::report::{CliError, Status};
use crate::world::{SystemClock, SystemEntropy};

/// Most bytes of a file with a join token.
const TOKEN_BYTES_MAX: u64 = 4 << 10;

/// Have this machine join a server, and work for it until it is told to stop.
///
/// The machine makes a key that never leaves it, measures what it has, and takes tasks of the project that the token is of. They
/// run in the same jail as on the server. `casemate node run` goes on after a restart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node join https://node1.example.org:7070 --token-file join.token
  casemate node join http://127.0.0.1:7070 --token casemate_jtk_… --name box-2 --slots 4
  casemate node join https://node1.example.org:7070 --token-file join.token --join-only")]
pub(crate) struct Join {
    /// The server's address, as for --url.
    #[arg(value_name = "URL")]
    server: String,
    /// The join token. Whoever sees the command line can use it until it is used.
    #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
    token: Option<String>,
    /// A file with the join token.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// What the node is called; the machine's name unless given.
    #[arg(long)]
    name: Option<NodeName>,
    /// Join, and do not work yet.
    #[arg(long)]
    join_only: bool,
    #[command(flatten)]
    machine: Machine,
}

/// Work for the server that this machine has joined, until it is told to stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate node run
  casemate node run --directory /srv/casemate-node --slots 8
  casemate node run --rotate-key          sign with another key from now on

SIGINT and SIGTERM stop it: guests are killed and their tasks given back. RUST_LOG chooses what is logged.")]
pub(crate) struct Run {
    /// Make another key first; the former one is not believed any more.
    #[arg(long)]
    rotate_key: bool,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Debug, Args)]
struct Machine {
    /// Where the node keeps its key and certificate; `joined` in the data directory unless given.
    #[arg(long, value_name = "DIR", env = "CASEMATE_NODE_DIR", hide_env_values = true)]
    directory: Option<PathBuf>,
    /// Tasks at once; as many as there are processors unless given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,
    /// Let members of the project who may start relay sessions connect to others through this machine, by an HTTPS proxy at this
    /// address. Nothing is let through otherwise.
    #[arg(long, value_name = "ADDRESS")]
    relay_listen: Option<SocketAddr>,
    /// Host and port where they reach it; as --relay-listen unless given.
    #[arg(long, value_name = "HOST:PORT", requires = "relay_listen")]
    relay_address: Option<String>,
    /// A network beside the public ones that they may connect to, such as 10.1.0.0/16; give it several times for several.
    #[arg(long, value_name = "NETWORK", requires = "relay_listen")]
    relay_allow: Vec<Networks>,
}

impl Join {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        start_logging(context);
        let (directory, _lock) = self.machine.open(context)?;
        let url = BaseUrl::parse(&self.server)?;
        let client = context.stranger(&url)?;
        let name = self.name()?;
        let token = self.token()?;
        let sandbox = self.machine.sandbox(&directory).await?;
        context.output.note("measuring the machine");
        let capabilities = measure(&sandbox).await?;
        let joined = join((&client, &url), &directory, (token, &name), capabilities, &SystemEntropy).await?;
        context.output.note(&format!("joined as {} ({})", joined.name(), joined.id()));
        if self.join_only {
            sandbox.shutdown().await;
            return Ok(Status::Done);
        }
        self.machine.work(context, joined, sandbox).await
    }

    fn token(&self) -> Result<String, CliError> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(path)) => {
                let bytes = casemate_fs::read_config_file(path, TOKEN_BYTES_MAX)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            (None, None) => String::new(),
        };
        Ok(text.trim().to_owned())
    }

    /// The name that was given, or the machine's.
    fn name(&self) -> Result<NodeName, CliError> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let uname = rustix::system::uname();
        let host = uname.nodename().to_string_lossy().to_ascii_lowercase();
        Ok(host.parse()?)
    }
}

impl Run {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        start_logging(context);
        let (directory, _lock) = self.machine.open(context)?;
        let mut joined = Membership::open(&directory)?;
        if self.rotate_key || joined.is_rotating() {
            joined.rotate(&SystemEntropy).await?;
            context.output.note("the node signs with another key from now on");
        }
        let sandbox = self.machine.sandbox(&directory).await?;
        self.machine.work(context, joined, sandbox).await
    }
}

impl Machine {
    /// The node's directory, and the lock that keeps others from working in it.
    fn open(&self, context: &Context) -> Result<(Dir, DirLock), CliError> {
        let path = match &self.directory {
            Some(path) => path.clone(),
            None => context.data_directory()?.join("joined"),
        };
        let directory = Dir::open_private(&path)?;
        let lock = directory.lock("casemate node").map_err(NodeError::from)?;
        Ok((directory, lock))
    }

    fn slots(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.slots.unwrap_or_else(|| u32::try_from(cores).unwrap_or(1))
    }

    fn relay(&self) -> Result<Option<RelayConfig>, CliError> {
        let Some(listen) = self.relay_listen else { return Ok(None) };
        let texts: Vec<_> = self.relay_allow.iter().map(ToString::to_string).collect();
        let networks = texts.join(" ").parse();
        let networks: Networks =
            networks.map_err(|error: NetworksError| NodeError::Relay(error.to_string()))?;
        let address = self.relay_address.clone().unwrap_or_else(|| listen.to_string());
        Ok(Some(RelayConfig { listen, address, dialer: Dialers::new().to(&networks) }))
    }

    async fn sandbox(&self, directory: &Dir) -> Result<Sandbox, CliError> {
        let place = directory.private_subdir("sandbox")?;
        let config = SandboxConfig::new(self.slots() as usize, place, Arc::new(SystemEntropy));
        Ok(Sandbox::start(config).await.map_err(NodeError::from)?)
    }

    async fn work(
        &self,
        context: &Context,
        joined: Membership,
        sandbox: Sandbox,
    ) -> Result<Status, CliError> {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        let config = NodeConfig {
            slots: self.slots(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            relay: self.relay()?,
        };
        let node = Node::new(&joined, sandbox, config).await?;
        context.output.note(&format!("working for {} as {}; Ctrl-C stops", joined.url(), joined.name()));
        node.work(joined, stop).await?;
        context.output.note("stopped");
        Ok(Status::Done)
    }
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), CliError> {
    let failed = |source| CliError::Runtime { source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

fn start_logging(context: &Context) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    crate::logging::start(filter, false, context.output.talk_on_terminal());
}
