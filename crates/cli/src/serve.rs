//! `casemate serve`: runs a node until it is told to stop.

use std::sync::Arc;

use casemate_control::{Caller, ControlError};
use casemate_model::{Clock, Principal, Project, RequestId};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Environment, Severity, review};
use crate::wire::{Node, StartError, scheme};
use crate::world::{SystemClock, SystemEntropy};

/// Why serving ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A mainnet configuration has a critical finding.
    #[error("the configuration is not fit for mainnet: {finding}; `casemate config check` lists everything")]
    Unfit {
        /// The worst finding.
        finding: String,
    },
    /// The node could not be built.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The node's state is not sound, or its first login link could not be made.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Something that must run as long as the node does has ended.
    #[error("a part of the node has failed; the lines above say which")]
    Failed,
    /// Signals could not be waited for.
    #[error("signals cannot be waited for")]
    Signals(#[source] std::io::Error),
}

/// A node that serves, as its starter sees it.
pub(crate) struct Serving {
    /// The console's address with a one-time login link.
    pub(crate) console_link: String,
    /// The console's address.
    pub(crate) console_url: String,
    /// The address of S3, if it is served.
    pub(crate) s3_url: Option<String>,
    /// The address of mutual TLS, if it is served.
    pub(crate) mutual_url: Option<String>,
    /// Whether the data directory was new.
    pub(crate) first_start: bool,
}

/// Runs a node until SIGINT or SIGTERM. `ready` is called once it serves; a second signal while it stops ends the
/// process at once, as signals do.
pub(crate) async fn serve<F>(config: &Config, ready: impl FnOnce(Serving) -> F) -> Result<(), ServeError>
where
    F: Future<Output = ()> + Send + 'static,
{
    refuse_unfit(config)?;
    let node = Node::build(config).await?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    node.control.check_log().await?;
    node.control.start();
    let link = node.control.create_login_link(&operator()).await?.0;
    let console_url = format!("{}://{}", scheme(config), node.address);
    let serving = Serving {
        console_link: format!("{console_url}/#/login?token={}", link.expose_secret()),
        console_url,
        s3_url: node.s3_address.map(|address| format!("{}://{address}", scheme(config))),
        mutual_url: node.mutual_address.map(|address| format!("https://{address}")),
        first_start: node.first_start,
    };
    let Node { control, server, listeners, store, stopping, dns, peers, lock, .. } = node;
    let tls = listeners.tls.clone();
    let mut served = tokio::spawn(server.serve(listeners, stop.clone()));
    if let Some(tls) = tls {
        let asked = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
        tokio::spawn(tls.watch(Arc::new(SystemClock), asked, stop.clone()));
    }
    let spreading = peers.map(|peers| tokio::spawn(crate::peers::run(peers, control.clone(), stop.clone())));
    let answering = dns.map(|dns| tokio::spawn(dns.run(control.clone(), stop.clone())));
    tokio::spawn(crate::clock_watch::watch(store.clone(), Arc::new(SystemClock), stop.clone()));
    let introduced = tokio::spawn(ready(serving));
    let mut cut_off = None;
    let failed = tokio::select! {
        () = stop.cancelled() => false,
        () = control.failed() => true,
        // It serves until it is told to stop; if it was not told, it has failed.
        ended = &mut served => {
            cut_off = Some(ended.unwrap_or(0));
            !stop.is_cancelled()
        }
    };
    tracing::info!("stopping: no new connections, running requests may end");
    stop.cancel();
    introduced.abort();
    stopping.cancel();
    let stopped = control.stop();
    let cut_off = match cut_off {
        Some(cut_off) => cut_off,
        None => served.await.unwrap_or(0),
    };
    for ending in [answering, spreading].into_iter().flatten() {
        drop(ending.await);
    }
    control.close().await;
    store.close().await;
    drop(lock);
    tracing::info!(handed_back = stopped.handed_back, cut_off, "stopped");
    if failed { Err(ServeError::Failed) } else { Ok(()) }
}

/// Says what `config check` says, before anything is opened.
fn refuse_unfit(config: &Config) -> Result<(), ServeError> {
    let findings = review(config);
    for finding in &findings {
        match finding.severity {
            Severity::Critical => tracing::error!("{finding}"),
            Severity::Warning => tracing::warn!("{finding}"),
            Severity::Recommendation => tracing::info!("{finding}"),
        }
    }
    match findings.first() {
        Some(worst) if worst.severity == Severity::Critical && config.environment == Environment::Mainnet => {
            Err(ServeError::Unfit { finding: worst.to_string() })
        }
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the operator said twice that the node is to end")]
fn stop_on_signal(stop: CancellationToken) -> Result<(), ServeError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        signalled().await;
        stop.cancel();
        signalled().await;
        tracing::warn!("told to stop again: ending at once");
        // What was acknowledged is durable; the next start recovers the rest, as after a crash.
        std::process::exit(i32::from(crate::report::FAILED));
    });
    Ok(())
}

/// Whoever starts the node is its operator.
fn operator() -> Caller {
    let uid = rustix::process::geteuid().as_raw();
    let principal = Principal::local_user(uid, Project::default_project());
    Caller::new(principal, RequestId::generate(SystemClock.now(), &SystemEntropy), None)
}
