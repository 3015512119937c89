//! One request to one receiver, without trust in it: an address that was checked is connected to and no other, nothing is
//! followed, little is read, and everything has an end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casemate_model::{Clock, EgressPolicy};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::endpoint::Host;
use crate::{Endpoint, Resolve, retry_after};

/// How long an attempt may take altogether, from the name to the end of the answer: what the specification recommends.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one address may take to be connected to, so that a dead one leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Most bytes of an answer's head that are held.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most bytes of an answer's body that are read, only so that its sender can end in peace. None is kept.
const BODY_BYTES_MAX: usize = 16 << 10;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends deliveries.
pub struct Sender {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    clock: Arc<dyn Clock>,
}

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it wants to be left in peace.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. The texts are shown to whoever made the webhook, so they say nothing of the node's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The name has no address.
    #[error("the host's name has no address")]
    Unresolved,
    /// Some address of the host is one that nothing may be sent to.
    #[error("the host is at an address that webhooks may not be sent to")]
    Refused,
    /// The endpoint is of plain HTTP, and not in a network where that is allowed.
    #[error("webhooks are sent to https addresses only")]
    Plain,
    /// No connection came about.
    #[error("no connection to the receiver came about")]
    Unreachable,
    /// The receiver's certificate is not good for its name.
    #[error("the receiver's certificate is not trusted")]
    NotTrusted,
    /// The connection ended before an answer, or what came was no HTTP.
    #[error("the receiver closed the connection or did not answer in HTTP")]
    Broken,
    /// Time was up.
    #[error("the receiver did not answer within {} seconds", ATTEMPT_TIMEOUT.as_secs())]
    TimedOut,
    /// The node does not know the secret any more.
    #[error("the webhook's secret is not known any more: rotate it")]
    NoSecret,
}

impl Answer {
    /// Whether the receiver has taken what was sent.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Sender {
    /// A sender that goes where `policy` lets it.
    pub fn new(
        policy: EgressPolicy,
        resolver: Arc<dyn Resolve>,
        tls: Arc<ClientConfig>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { policy, resolver, tls: TlsConnector::from(tls), clock }
    }

    /// Tells whether an endpoint could be sent to as far as its text goes: names are looked up only to send.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), SendError> {
        match endpoint.host() {
            Host::Address(address) => self.judge(endpoint, &[*address]),
            Host::Name(_) if !endpoint.encrypted() && self.policy == EgressPolicy::default() => {
                Err(SendError::Plain)
            }
            Host::Name(_) => Ok(()),
        }
    }

    /// Sends a body under its id, the second of the attempt and the signature over all three.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        headers: [String; 3],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        timeout(ATTEMPT_TIMEOUT, self.attempt(endpoint, headers, body))
            .await
            .unwrap_or(Err(SendError::TimedOut))
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        headers: [String; 3],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        let addresses = self.addresses(endpoint).await?;
        let stream = connect(&addresses, endpoint.port()).await?;
        let request = request(endpoint, headers, body)?;
        let response = if endpoint.encrypted() {
            let name = ServerName::try_from(endpoint.host_text()).map_err(|_| SendError::NotTrusted)?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| of_tls(&error))?;
            exchange(stream, request).await?
        } else {
            exchange(stream, request).await?
        };
        self.read(response).await
    }

    /// The addresses to connect to. All of the host's are checked, and one that is refused spoils them all: a name that
    /// leads inside sometimes is not to be tried until it does.
    async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<IpAddr>, SendError> {
        let addresses = match endpoint.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|_| SendError::Unresolved)?,
        };
        if addresses.is_empty() {
            return Err(SendError::Unresolved);
        }
        self.judge(endpoint, &addresses)?;
        Ok(addresses)
    }

    fn judge(&self, endpoint: &Endpoint, addresses: &[IpAddr]) -> Result<(), SendError> {
        if addresses.iter().any(|address| self.policy.check(*address).is_err()) {
            return Err(SendError::Refused);
        }
        let named = addresses.iter().all(|address| self.policy.is_named(*address));
        if endpoint.encrypted() || named { Ok(()) } else { Err(SendError::Plain) }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, SendError> {
        let status = response.status().as_u16();
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let answer =
            Answer { status, retry_after: wait.and_then(|text| retry_after(text, self.clock.now())) };
        let mut body = response.into_body();
        let mut read = 0;
        // What the answer says beyond its head decides nothing, so neither does how it ends.
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > BODY_BYTES_MAX {
                break;
            }
        }
        Ok(answer)
    }
}

/// Connects to the first of the addresses that takes a connection. No name is looked up here, so what was checked is what is
/// connected to.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, SendError> {
    for address in addresses.iter().take(ADDRESSES_MAX) {
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, connecting).await {
            return Ok(stream);
        }
    }
    Err(SendError::Unreachable)
}

fn of_tls(error: &std::io::Error) -> SendError {
    let of_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if of_tls { SendError::NotTrusted } else { SendError::Broken }
}

fn request(
    endpoint: &Endpoint,
    headers: [String; 3],
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.path().parse().map_err(|_| SendError::Broken)?;
    let all = request.headers_mut();
    let value = |text: &str| HeaderValue::try_from(text).map_err(|_| SendError::Broken);
    all.insert(header::HOST, value(&endpoint.authority())?);
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    all.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("casemate-webhooks/", env!("CARGO_PKG_VERSION"))),
    );
    all.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let [id, timestamp, signature] = headers;
    all.insert(WEBHOOK_ID, value(&id)?);
    all.insert(WEBHOOK_TIMESTAMP, value(&timestamp)?);
    all.insert(WEBHOOK_SIGNATURE, value(&signature)?);
    Ok(request)
}

/// Sends the request on a connection of its own, which ends with the answer.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shaking = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = shaking.await.map_err(|_| SendError::Broken)?;
    // It ends when the answer is dropped; what goes wrong on it shows in the exchange.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(request).await.map_err(|_| SendError::Broken)
}

#[cfg(test)]
mod tests;
