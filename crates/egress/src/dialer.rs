use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use casemate_model::EgressPolicy;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Host, Resolve};

/// How long one address may take to be connected to, so that a dead one leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Most bytes of an answer's head that are held.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Connects to hosts, as far as a policy lets it.
#[derive(Clone)]
pub struct Dialer {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

/// Why there is no connection. The texts may be shown to whoever named the host, so they say nothing of the node's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the host's name has no address")]
    Unresolved,
    /// Some address of the host is one that nothing may be sent to.
    #[error("the host is at an address that nothing may be sent to")]
    Refused,
    /// The connection would not be encrypted, and not be in a network where that is allowed.
    #[error("only encrypted connections are made")]
    Plain,
    /// No connection came about.
    #[error("no connection came about")]
    Unreachable,
    /// The certificate is not good for the name.
    #[error("the host's certificate is not trusted")]
    NotTrusted,
    /// The connection ended too early, or what came was not what was to be spoken.
    #[error("the connection ended too early")]
    Broken,
}

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Dialer {
    /// A dialer that goes where `policy` lets it.
    pub fn new(policy: EgressPolicy, resolver: Arc<dyn Resolve>, tls: Arc<ClientConfig>) -> Self {
        Self { policy, resolver, tls: TlsConnector::from(tls) }
    }

    /// Tells whether a host could be connected to as far as its text goes: names are looked up only to connect.
    pub fn check(&self, host: &Host, encrypted: bool) -> Result<(), DialError> {
        match host {
            Host::Address(address) => self.judge(&[*address], encrypted),
            Host::Name(_) if !encrypted && self.policy == EgressPolicy::default() => Err(DialError::Plain),
            Host::Name(_) => Ok(()),
        }
    }

    /// Connects to a host.
    pub async fn connect(
        &self,
        host: &Host,
        port: u16,
        encrypted: bool,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static, DialError> {
        let addresses = self.addresses(host, encrypted).await?;
        let stream = connect(&addresses, port).await?;
        if !encrypted {
            return Ok(Box::new(stream) as Box<dyn Stream>);
        }
        let name = ServerName::try_from(host.text()).map_err(|_| DialError::NotTrusted)?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| of_tls(&error))?;
        Ok(Box::new(stream))
    }

    /// Connects to a host for somebody who speaks to it whatever it likes. What is said is not the node's, so it is not asked
    /// whether it is encrypted.
    pub async fn tunnel(&self, host: &Host, port: u16) -> Result<TcpStream, DialError> {
        let addresses = self.addresses(host, true).await?;
        connect(&addresses, port).await
    }

    /// The addresses to connect to. All of the host's are checked, and one that is refused spoils them all: a name that
    /// leads inside sometimes is not to be tried until it does.
    async fn addresses(&self, host: &Host, encrypted: bool) -> Result<Vec<IpAddr>, DialError> {
        let addresses = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|_| DialError::Unresolved)?,
        };
        if addresses.is_empty() {
            return Err(DialError::Unresolved);
        }
        self.judge(&addresses, encrypted)?;
        Ok(addresses)
    }

    fn judge(&self, addresses: &[IpAddr], encrypted: bool) -> Result<(), DialError> {
        if addresses.iter().any(|address| self.policy.check(*address).is_err()) {
            return Err(DialError::Refused);
        }
        let named = addresses.iter().all(|address| self.policy.is_named(*address));
        if encrypted || named { Ok(()) } else { Err(DialError::Plain) }
    }
}

/// Connects to the first of the addresses that takes a connection. No name is looked up here, so what was checked is what is
/// connected to.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, DialError> {
    for address in addresses.iter().take(ADDRESSES_MAX) {
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, connecting).await {
            return Ok(stream);
        }
    }
    Err(DialError::Unreachable)
}

fn of_tls(error: &std::io::Error) -> DialError {
    let of_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if of_tls { DialError::NotTrusted } else { DialError::Broken }
}

/// Sends a request on a connection of its own, which ends with the answer.
pub async fn exchange<S, B>(stream: S, request: Request<B>) -> Result<Response<Incoming>, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let shaking = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = shaking.await.map_err(|_| DialError::Broken)?;
    // It ends when the answer is dropped; what goes wrong on it shows in the exchange.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(request).await.map_err(|_| DialError::Broken)
}
