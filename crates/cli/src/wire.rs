//! The composition root: every concrete part of a node is built here and joined here.
//!
//! ```text
//!   data directory (0700, locked)
//!     secrets/   node.key, pepper.N           made on first start, 0600; which key content is under
//!     state/     casemate.db                  -> Store -> Credentials, Catalog, Registry, Queue, AuditLog
//!     objects/   content/, quarantine/        -> Objects
//!     log/       tiles and checkpoint         -> Log -> LogKeeper
//!     sandbox/   scratch, compiled code       -> Sandbox
//!     functions/ the same for functions       -> FunctionSandbox
//!     casemate.sock                           -> local callers
//! ```

mod error;

use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;

use casemate_control::{Control, FunctionSandbox, LogKeeper, Parts, Settings as ControlSettings};
use casemate_fs::{Dir, DirLock};
use casemate_identity::{Authenticator, Peppers, RelyingParty};
use casemate_ledger::{AuditLog, Decision, Event, Log, NodeKey, TileStore};
use casemate_model::{Clock, Entropy, PrincipalKind, Project, RequestId};
use casemate_names::Names;
use casemate_objects::{Encryption, KeyChange, KeyPlaces, Objects, PieceKey, Settings as ObjectsSettings};
use casemate_peers::PeerNode;
use casemate_sandbox::{Sandbox, SandboxConfig};
use casemate_server::{Listeners, MutualTls, Server, Settings as ServerSettings, Tls};
use casemate_state::{PostgresOptions, RedisBuckets, SqliteOptions, Store, StoreLimits, TileFiles};
use casemate_throttle::{SharedBuckets, Throttle};
use casemate_webhooks::Sender;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::config::{Config, Database, RedisServer, TASK_WAIT_MAX};
use crate::dns::DnsService;
use crate::egress::Dialers;
use crate::peers;
use crate::peppers;
use crate::world::{SystemClock, SystemEntropy};

pub(crate) use error::StartError;

/// The name of the private socket in the data directory.
pub(crate) const SOCKET: &str = "casemate.sock";

/// In whose name access tokens are signed. Nodes with one pepper believe each other's.
const TOKEN_ISSUER: &str = "casemate";

/// Most bytes of a file that holds a secret.
const SECRET_BYTES_MAX: u64 = 4_096;

/// The files of the secrets directory, and the database that they belong to.
const NODE_KEY: &str = "node.key";
const DATABASE: &str = "state/casemate.db";

/// A node that is ready to serve.
pub(crate) struct Node {
    pub(crate) control: Control,
    pub(crate) server: Server,
    pub(crate) listeners: Listeners,
    pub(crate) address: SocketAddr,
    /// Where S3 is served.
    pub(crate) s3_address: Option<SocketAddr>,
    /// The address of mutual TLS, if it is served.
    pub(crate) mutual_address: Option<SocketAddr>,
    pub(crate) store: Store,
    /// Cancelled first when the node stops, so that endless answers end.
    pub(crate) stopping: CancellationToken,
    /// Whether this start made the node's key, that is, whether the data directory was new.
    pub(crate) first_start: bool,
    /// Names over DNS, if they are served.
    pub(crate) dns: Option<DnsService>,
    /// This node among peers, if it is to be.
    pub(crate) peers: Option<PeerNode>,
    /// Held as long as the node lives, so that no second one works in the same directory.
    pub(crate) lock: DirLock,
}

impl Node {
    /// Builds a node in its data directory.
    pub(crate) async fn build(config: &Config) -> Result<Self, StartError> {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
            (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let root = Dir::open_private(&config.data_directory).map_err(StartError::Directory)?;
        let lock = root.lock("casemate serve").map_err(StartError::Directory)?;
        let tls = config.tls.clone().map(Tls::open).transpose().map_err(StartError::Tls)?.map(Arc::new);
        let public = listen(config.listen).await?;
        let address = public.local_addr().map_err(StartError::Socket)?;
        let s3 = match config.s3_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let metrics = match config.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let secrets = root.private_subdir("secrets").map_err(StartError::Directory)?;
        refuse_lost_secrets(&root, &secrets)?;
        // In this order, so that a crash in between never looks like a lost secret.
        let found = peppers::read(&secrets, &*entropy)?;
        let (node_key, first_start) = node_key(&secrets, &*entropy)?;
        let store = open_store(config, &root, &node_key, Arc::clone(&clock)).await?;
        let world = (&*clock, &*entropy);
        let peppers = peppers::agree(&secrets, found, config.pepper_version, &store, world).await?;
        let party = relying_party(config, address);
        let mutual = match &config.mutual {
            Some(wanted) => Some(listen(wanted.listen).await?),
            None => None,
        };
        let mutual_address = local_address(mutual.as_ref())?;
        let outside = (Arc::clone(&clock), Arc::clone(&entropy));
        let peers = peers::wanted(config, &secrets, (&store, &node_key), (&clock, &*entropy))?;
        let world = (clock, entropy, mutual_address.map(|address| address.port()));
        let control =
            control(config, &root, (peppers, party), (&store, node_key, peers.as_ref()), world).await?;
        let dns = DnsService::wanted(config, (&secrets, tls.as_deref()), &control, outside).await?;
        let stopping = CancellationToken::new();
        let settings = server_settings(config, address, dns.as_ref());
        let server = Server::new(control.clone(), settings, crate::recorder::recorder()?, stopping.clone());
        let s3_address = local_address(s3.as_ref())?;
        let mutual = match (mutual, &config.mutual) {
            (Some(listener), Some(wanted)) => {
                Some((listener, Arc::new(MutualTls::new(control.clone(), wanted.names.clone())?)))
            }
            _ => None,
        };
        let listeners = Listeners { local: local_listener(&root)?, public, s3, mutual, metrics, tls };
        Ok(Self {
            control,
            server,
            listeners,
            address,
            s3_address,
            mutual_address,
            store,
            stopping,
            first_start,
            dns,
            peers,
            lock,
        })
    }
}

/// The site that passkeys are for: the address that browsers use. Without one, a node on loopback is `localhost` to them.
fn relying_party(config: &Config, address: SocketAddr) -> Option<RelyingParty> {
    let localhost = || format!("{}://localhost:{}", scheme(config), address.port());
    let url = match &config.console_url {
        Some(url) => url.clone(),
        None if address.ip().is_loopback() => localhost(),
        None => return None,
    };
    match url.parse() {
        Ok(party) => Some(party),
        Err(error) => {
            tracing::warn!(%url, error = &error as &dyn std::error::Error, "there are no passkeys");
            None
        }
    }
}

fn server_settings(config: &Config, address: SocketAddr, dns: Option<&DnsService>) -> ServerSettings {
    let console_url = || format!("{}://{address}", scheme(config));
    ServerSettings {
        s3_domain: config.s3_domain.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        own_uid: rustix::process::geteuid().as_raw(),
        console_url: config.console_url.clone().unwrap_or_else(console_url),
        cors_origins: config.cors_origins.clone(),
        encrypted: config.tls.is_some(),
        json_budget: config.json_budget,
        task_wait_max: TASK_WAIT_MAX,
        dns: dns.map(|service| service.dns().clone()),
    }
}

/// How the addresses of a node begin.
pub(crate) fn scheme(config: &Config) -> &'static str {
    if config.tls.is_some() { "https" } else { "http" }
}

pub(crate) async fn open_store(
    config: &Config,
    root: &Dir,
    node_key: &NodeKey,
    clock: Arc<dyn Clock>,
) -> Result<Store, StartError> {
    let limits = StoreLimits::DEFAULT;
    Ok(match &config.database {
        Database::Sqlite => {
            let directory = root.private_subdir("state").map_err(StartError::Directory)?;
            Store::open_sqlite(SqliteOptions { directory, clock, limits }).await?
        }
        Database::Postgres(url) => {
            let origin = node_key.origin().to_owned();
            Store::open_postgres(PostgresOptions { url: url.clone(), origin, clock, limits }).await?
        }
    })
}

/// Joins the engines into the use cases.
async fn control(
    config: &Config,
    root: &Dir,
    (peppers, relying_party): (Peppers, Option<RelyingParty>),
    (store, node_key, peers): (&Store, Arc<NodeKey>, Option<&PeerNode>),
    (clock, entropy, mutual_port): (Arc<dyn Clock>, Arc<dyn Entropy>, Option<u16>),
) -> Result<Control, StartError> {
    let subdirectory = |name| root.private_subdir(name).map_err(StartError::Directory);
    let store = Arc::new(store.clone());
    let tiles: Arc<dyn TileStore> =
        Arc::new(TileFiles::open(subdirectory("log")?).map_err(StartError::Directory)?);
    let (objects_directory, secrets) = (subdirectory("objects")?, subdirectory("secrets")?);
    let places = KeyPlaces { objects: &objects_directory, secrets: Some(&secrets) };
    let encryption = encryption(config, places, &*store, (&*clock, &entropy)).await?;
    let objects_settings = ObjectsSettings {
        object_bytes_max: config.object_bytes_max,
        free_bytes_min: config.free_bytes_min,
        quota: config.project_quota,
        // Tables that were made under a pepper that is retired since are made anew.
        piece_key: PieceKey::new(*peppers.oldest().key_for("tables of pieces")),
        encryption,
    };
    let objects = Objects::open(&objects_directory, store.clone(), objects_settings)?;
    let sandbox_config = SandboxConfig {
        ceiling: config.limits_ceiling,
        waive_walls: config.waive_walls,
        ..SandboxConfig::new(config.workers, subdirectory("sandbox")?, Arc::clone(&entropy))
    };
    let function_sandbox = function_sandbox(config, subdirectory("functions")?, &entropy);
    let dialers = Dialers::new();
    Ok(Control::new(Parts {
        users: store.clone(),
        factors: store.clone(),
        passkeys: store.clone(),
        authenticator: Authenticator::new(store.clone(), peppers, TOKEN_ISSUER.to_owned())
            .with_second_factor(config.second_factor),
        credentials: store.clone(),
        idempotency: store.clone(),
        objects,
        names: Names::new(store.clone()).with_commitments(config.name_commitments),
        peers: peers.map(|node| node.peers().clone()),
        witnesses: dialers.witnesses(&config.witnesses),
        queue: store.clone(),
        schedules: store.clone(),
        relays: store.clone(),
        proofs: store.clone(),
        nodes: store.clone(),
        sandbox: Sandbox::start(sandbox_config).await?,
        functions: store.clone(),
        function_values: store.clone(),
        function_sandbox,
        function_dialer: dialers.to(&config.functions.networks),
        throttle: throttle(config)?,
        overrides: store.clone(),
        webhooks: store.clone(),
        outbox: store.clone(),
        sender: Sender::new(dialers.to(&config.webhook_networks), Arc::clone(&clock)),
        audit: store,
        log: LogKeeper::new(Log::open(tiles, Arc::clone(&node_key))?),
        node_key,
        settings: ControlSettings {
            limits_ceiling: config.limits_ceiling,
            runs_max: if config.run_tasks { config.workers } else { 0 },
            registration: config.registration.clone(),
            idempotency: config.idempotency,
            relying_party,
            mutual_port,
            audits: config.audits,
            task_retention: config.task_retention,
            collect_grace: config.collect_grace,
        },
        clock,
        entropy,
    }))
}

/// Where functions run; nothing is started before one is called.
fn function_sandbox(config: &Config, directory: Dir, entropy: &Arc<dyn Entropy>) -> FunctionSandbox {
    let (ceiling, waive_walls) = (config.limits_ceiling, config.waive_walls);
    let (workers, entropy) = (config.functions.workers, Arc::clone(entropy));
    FunctionSandbox::new(move || SandboxConfig {
        ceiling,
        waive_walls,
        ..SandboxConfig::new(workers, directory.clone(), Arc::clone(&entropy))
    })
}

/// The limits of requests, which nodes with one Redis count together.
fn throttle(config: &Config) -> Result<Throttle, StartError> {
    let shared = match &config.redis {
        Some(RedisServer { url, authorities, .. }) => {
            let buckets = RedisBuckets::open(url, authorities.as_deref())?;
            Some(Arc::new(buckets) as Arc<dyn SharedBuckets>)
        }
        None => None,
    };
    Ok(Throttle::new(config.limits.clone(), shared))
}

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn local_address(listener: Option<&TcpListener>) -> Result<Option<SocketAddr>, StartError> {
    listener.map(TcpListener::local_addr).transpose().map_err(StartError::Socket)
}

fn local_listener(root: &Dir) -> Result<UnixListener, StartError> {
    let listener: StdUnixListener = root.listen_private(SOCKET).map_err(StartError::Directory)?;
    listener.set_nonblocking(true).map_err(StartError::Socket)?;
    UnixListener::from_std(listener).map_err(StartError::Socket)
}

pub(crate) fn node_key(secrets: &Dir, entropy: &dyn Entropy) -> Result<(Arc<NodeKey>, bool), StartError> {
    let (seed, made) = secret(secrets, NODE_KEY, entropy)?;
    Ok((Arc::new(NodeKey::from_seed(&seed)), made))
}

/// Refuses a node that has been here before and whose secrets are gone: with new ones it would be another node, whose
/// users' keys no longer work and whose log nobody knows.
fn refuse_lost_secrets(root: &Dir, secrets: &Dir) -> Result<(), StartError> {
    let there = |directory: &Dir, name: &str| match directory.open_file(name) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(StartError::Directory(error)),
    };
    let pepper = !peppers::versions(secrets).map_err(StartError::Directory)?.is_empty();
    let node_key = there(secrets, NODE_KEY)?;
    // Each is made before the next, so what is there shows what must be there.
    let missing = match (pepper, node_key) {
        (false, true) => peppers::file_name(1),
        (_, false) if there(root, DATABASE)? => NODE_KEY.to_owned(),
        _ => return Ok(()),
    };
    Err(StartError::SecretMissing { path: secrets.path().join(missing).display().to_string() })
}

/// Opens the key of stored content. That it is made, or wrapped anew, is in the log before it is done.
async fn encryption(
    config: &Config,
    places: KeyPlaces<'_>,
    log: &dyn AuditLog,
    (clock, entropy): (&dyn Clock, &Arc<dyn Entropy>),
) -> Result<Option<Encryption>, StartError> {
    if let Some(change) = KeyChange::ahead(places, &config.master_keys)? {
        let time = clock.now();
        let event = Event {
            time,
            request: RequestId::generate(time, &**entropy),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: "objects.encryption_key".into(),
            resource: "node".to_owned(),
            decision: Decision::Allowed,
            outcome: change.word().to_owned(),
            details: Vec::new(),
        };
        log.append(event).await.map_err(StartError::Recording)?;
        tracing::info!(change = change.word(), "the key that stored content is encrypted under");
    }
    Ok(Encryption::open(places, &config.master_keys, entropy)?)
}

/// Reads a secret of 32 bytes, or makes it; says which.
pub(crate) fn secret(
    secrets: &Dir,
    name: &str,
    entropy: &dyn Entropy,
) -> Result<(Zeroizing<[u8; 32]>, bool), StartError> {
    let bytes = match secrets.read_private(name, SECRET_BYTES_MAX) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.is_not_found() => {
            let mut made = Zeroizing::new([0; 32]);
            entropy.fill(made.as_mut_slice());
            secrets.create_new(name, made.as_slice()).map_err(StartError::Directory)?;
            return Ok((made, true));
        }
        Err(error) => return Err(StartError::Directory(error)),
    };
    let secret = <[u8; 32]>::try_from(bytes.as_slice());
    let path = || secrets.path().join(name).display().to_string();
    Ok((Zeroizing::new(secret.map_err(|_| StartError::Secret { path: path() })?), false))
}
