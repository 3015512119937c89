//! Names over DNS, as a node serves them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casemate_control::{Change, Control};
use casemate_dns::{Dns, DnsListeners, DnsSettings, Signer, TransferKey};
use casemate_fs::Dir;
use casemate_model::{Clock, Entropy};
use casemate_server::Tls;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::broadcast::error::RecvError;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, DnsConfig};
use crate::wire::{StartError, listen, secret};

/// The key that signs answers.
const KEY: &str = "dns.key";

/// Most bytes of a file with a transfer key.
const TRANSFER_KEY_BYTES_MAX: u64 = 1_024;

/// How long other changes are waited for before the zone's other servers hear of one.
const NOTIFY_PAUSE: Duration = Duration::from_secs(1);

/// A zone, and where it is asked.
pub(crate) struct DnsService {
    dns: Dns,
    listeners: DnsListeners,
    notify: Vec<SocketAddr>,
    address: SocketAddr,
}

impl DnsService {
    /// The service that the configuration wants, if it wants one.
    pub(crate) async fn wanted(
        config: &Config,
        files: (&Dir, Option<&Tls>),
        control: &Control,
        (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
    ) -> Result<Option<Self>, StartError> {
        match &config.dns {
            Some(wanted) => Ok(Some(Self::build(wanted, files, control, (clock, &*entropy)).await?)),
            None => Ok(None),
        }
    }

    /// Opens the sockets, and makes the zone's key when absent.
    async fn build(
        config: &DnsConfig,
        (secrets, tls): (&Dir, Option<&Tls>),
        control: &Control,
        (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
    ) -> Result<Self, StartError> {
        let connections = listen(config.listen).await?;
        // The same port for both, also if it was any free one.
        let address = connections.local_addr().map_err(StartError::Socket)?;
        let datagrams = UdpSocket::bind(address).await;
        let datagrams = datagrams.map_err(|source| StartError::Listen { address, source })?;
        let tls = match (config.tls_listen, tls) {
            (Some(address), Some(tls)) => {
                let listener: TcpListener = listen(address).await?;
                Some((listener, TlsAcceptor::from(tls.config_for(b"dot"))))
            }
            _ => None,
        };
        let signer = if config.sign {
            let (seed, _) = secret(secrets, KEY, entropy)?;
            let signer = Signer::new(config.zone.origin().clone(), &seed).map_err(StartError::Zone)?;
            let ds = signer.ds().map_err(StartError::Zone)?;
            tracing::info!("dns: the zone above says of this one: {ds}");
            Some(signer)
        } else {
            None
        };
        let transfer_key = match &config.transfer_key_file {
            Some(path) => Some(read_key(path)?),
            None => None,
        };
        let settings =
            DnsSettings { zone: config.zone.clone(), signer, transfer_key, answers: config.answers };
        let dns = Dns::new(settings, Arc::new(control.clone()), clock);
        let listeners = DnsListeners { datagrams, connections, tls };
        Ok(Self { dns, listeners, notify: config.notify.clone(), address })
    }

    /// The zone, for those who ask in other ways.
    pub(crate) fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Answers until `stop`, and tells the zone's other servers of changes.
    pub(crate) async fn run(self, control: Control, stop: CancellationToken) {
        let Self { dns, listeners, notify, address } = self;
        tracing::info!(%address, "names are answered for over DNS");
        let telling = tell(dns.clone(), notify, control, stop.clone());
        tokio::join!(casemate_dns::serve(dns, listeners, stop), telling);
    }
}

fn read_key(path: &std::path::Path) -> Result<TransferKey, StartError> {
    let bytes = casemate_fs::read_config_file(path, TRANSFER_KEY_BYTES_MAX).map_err(StartError::Directory)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    text.parse().map_err(|source| StartError::TransferKey { path: path.display().to_string(), source })
}

/// Tells servers when a name has changed here; once for many changes that come together.
async fn tell(dns: Dns, servers: Vec<SocketAddr>, control: Control, stop: CancellationToken) {
    if servers.is_empty() {
        return;
    }
    let mut feed = control.feed().follow(None).live;
    let mut id: u16 = 0;
    loop {
        let item = tokio::select! {
            () = stop.cancelled() => return,
            item = feed.recv() => item,
        };
        match item {
            Ok(item) if matches!(item.change, Change::Name { .. }) => {}
            Ok(_) => continue,
            // Something was missed, perhaps a name.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(NOTIFY_PAUSE) => {}
        }
        // What came meanwhile is told with it.
        feed = feed.resubscribe();
        id = id.wrapping_add(1);
        for server in &servers {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = casemate_dns::notify(&dns, *server, id) => heard,
            };
            if !heard {
                tracing::warn!(%server, "a server of the zone did not hear that it has changed");
            }
        }
    }
}
