//! The way of others through this machine: an HTTP proxy over TLS that takes `CONNECT` and nothing else.
//!
//! Nothing leads anywhere without a session that the server has told of: its token is recognised by a digest, its destinations
//! are the ones that it names, and what its names mean is looked up here, where private addresses are refused unless this
//! machine's operator has said otherwise. Bytes are counted before they are handed on.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use casemate_api::relays::{RelayOffer, RelayOrder, Relayed};
use casemate_api::tls::crypto_provider;
use casemate_egress::{DialError, Dialer};
use casemate_limits::{Place, Places};
use casemate_model::{Digest, client_network};
use casemate_relays::{Destinations, TokenDigest};
use data_encoding::BASE64;
use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::NodeError;

/// Connections of all sessions, and of one.
const CONNECTIONS_MAX: usize = 512;
const CONNECTIONS_OF_SESSION: usize = 64;
/// Connections that have not said yet who they are: so many of everybody, and of one network.
const STRANGERS_MAX: usize = 256;
const STRANGERS_OF_NETWORK_MAX: usize = 32;
/// How long somebody may take to say what it wants, over TLS or in HTTP.
const HEAD_WITHIN: Duration = Duration::from_secs(3);
/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Bytes that are handed on at once.
const CHUNK_BYTES: usize = 16 << 10;

/// How this machine relays.
#[derive(Clone)]
pub struct RelayConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Host and port where others reach that.
    pub address: String,
    /// Connects to destinations.
    pub dialer: Dialer,
}

/// The proxy of a machine that relays.
pub(crate) struct Relay {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    dialer: Dialer,
    offer: RelayOffer,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    connections: Arc<Semaphore>,
    strangers: Places<IpAddr>,
}

/// A session that the server has told of.
struct Session {
    token: TokenDigest,
    destinations: Destinations,
    bytes_max: u64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    connections: Arc<Semaphore>,
    until: Mutex<Instant>,
    /// Cancelled when it is over.
    over: CancellationToken,
}

/// Why a request was not let through.
enum Refused {
    Method,
    Token,
    Destination,
    Prohibited,
    TooMany,
    Unreachable,
}

impl Relay {
    /// Listens, with a certificate that is made now and believed because the server is told of it.
    pub(crate) async fn listen(config: RelayConfig) -> Result<Self, NodeError> {
        let RelayConfig { listen, address, dialer } = config;
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let failed = |error: rcgen::Error| NodeError::Relay(error.to_string());
        let made = rcgen::generate_simple_self_signed([host]).map_err(failed)?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let key = key.map_err(|error| NodeError::Relay(error.to_owned()))?;
        let mut tls = ServerConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
            })
            .map_err(|error| NodeError::Relay(error.to_string()))?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| NodeError::Relay(format!("{listen}: {error}")))?;
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            dialer,
            offer: RelayOffer { address, certificate: made.cert.pem() },
            sessions: Mutex::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            strangers: Places::new(STRANGERS_OF_NETWORK_MAX, STRANGERS_MAX),
        })
    }

    /// Where others reach it.
    pub(crate) fn offer(&self) -> RelayOffer {
        self.offer.clone()
    }

    /// Takes connections until it is dropped.
    pub(crate) async fn serve(self: Arc<Self>) -> std::convert::Infallible {
        loop {
            let Ok((stream, from)) = self.listener.accept().await else {
                // Too many open files, mostly: some end in a moment.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            // One that is too many is closed at once.
            let Some(stranger) = self.strangers.enter(client_network(from.ip())) else { continue };
            let relay = Arc::clone(&self);
            tokio::spawn(async move { relay.take(stream, stranger).await });
        }
    }

    /// Hears what a stranger wants. Once that is known, the connection is a session's, and goes on elsewhere.
    async fn take(self: Arc<Self>, stream: TcpStream, _stranger: Place<IpAddr>) {
        let Ok(Ok(stream)) = timeout(HEAD_WITHIN, self.acceptor.accept(stream)).await else { return };
        let service = service_fn(|request| {
            let relay = Arc::clone(&self);
            async move { Ok::<_, std::convert::Infallible>(relay.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES_MAX)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // What goes wrong on it is over with it.
        drop(connection.await);
    }

    /// Lets a request through, or says why not.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.open(&request).await {
            Ok((session, places, to)) => {
                tokio::spawn(async move {
                    if let Ok(from) = hyper::upgrade::on(request).await {
                        session.carry(TokioIo::new(from), to).await;
                    }
                    drop(places);
                });
                Response::new(Full::default())
            }
            Err(refused) => refused.answer(),
        }
    }

    async fn open(
        &self,
        request: &Request<Incoming>,
    ) -> Result<(Arc<Session>, [OwnedSemaphorePermit; 2], TcpStream), Refused> {
        // Who it is comes first: strangers learn nothing.
        let session = self.session_of(request.headers()).ok_or(Refused::Token)?;
        if request.method() != Method::CONNECT {
            return Err(Refused::Method);
        }
        let authority = request.uri().authority().ok_or(Refused::Destination)?;
        let (host, port) = session.destinations.allow(authority.as_str()).ok_or(Refused::Destination)?;
        let place = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().map_err(|_| Refused::TooMany);
        let places = [place(&session.connections)?, place(&self.connections)?];
        let to = self.dialer.tunnel(&host, port).await.map_err(|error| match error {
            DialError::Refused => Refused::Prohibited,
            _ => Refused::Unreachable,
        })?;
        Ok((session, places, to))
    }

    /// The session whose id and token a request presents.
    fn session_of(&self, headers: &HeaderMap) -> Option<Arc<Session>> {
        let text = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
        let (scheme, credential) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = BASE64.decode(credential.trim().as_bytes()).ok()?;
        let (id, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let session = self.sessions().get(id).cloned()?;
        let open = !session.over.is_cancelled() && Instant::now() < session.until();
        (open && session.token.fits(token)).then_some(session)
    }

    /// Takes the sessions that there are; others are over. What is over is kept until it was told what went through it.
    pub(crate) fn order(&self, orders: &[RelayOrder]) {
        let mut sessions = self.sessions();
        sessions.retain(|id, session| {
            let ordered = orders.iter().any(|order| order.session == *id);
            let over = session.over.is_cancelled();
            if !ordered {
                session.over.cancel();
            }
            // One that is over here and still ordered begins anew below: the server was away for longer than it lasts.
            !over
        });
        for order in orders {
            let until = Instant::now() + Duration::from_millis(order.remaining_ms);
            if let Some(session) = sessions.get(&order.session) {
                *session.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
            } else if let Some(session) = Session::of(order, until) {
                let session = Arc::new(session);
                tokio::spawn(Arc::clone(&session).end_in_time());
                sessions.insert(order.session.clone(), session);
            } else {
                tracing::error!(
                    session = order.session,
                    "the server told of a relay session that cannot be read"
                );
            }
        }
    }

    /// What has gone through.
    pub(crate) fn relayed(&self) -> Vec<Relayed> {
        let sessions = self.sessions();
        let all = sessions.iter().map(|(id, session)| Relayed {
            session: id.clone(),
            bytes_out: session.bytes_out.load(Ordering::Relaxed),
            bytes_in: session.bytes_in.load(Ordering::Relaxed),
        });
        all.collect()
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn of(order: &RelayOrder, until: Instant) -> Option<Self> {
        Some(Self {
            token: TokenDigest::from_digest(order.token.parse::<Digest>().ok()?),
            destinations: Destinations::parse(order.destinations.iter().map(String::as_str)).ok()?,
            bytes_max: order.bytes_max,
            bytes_out: AtomicU64::new(order.bytes_out),
            bytes_in: AtomicU64::new(order.bytes_in),
            connections: Arc::new(Semaphore::new(CONNECTIONS_OF_SESSION)),
            until: Mutex::new(until),
            over: CancellationToken::new(),
        })
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session when its time is over and the server has not told of more.
    async fn end_in_time(self: Arc<Self>) {
        loop {
            let until = self.until();
            if until <= Instant::now() {
                return self.over.cancel();
            }
            tokio::select! {
                () = self.over.cancelled() => return,
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Hands bytes on, both ways, until one side ends or the session does.
    async fn carry<F, T>(&self, from: F, to: T)
    where
        F: AsyncRead + AsyncWrite + Unpin,
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut from_read, mut from_write) = tokio::io::split(from);
        let (mut to_read, mut to_write) = tokio::io::split(to);
        let both = async {
            tokio::join!(
                self.one_way(&mut from_read, &mut to_write, &self.bytes_out),
                self.one_way(&mut to_read, &mut from_write, &self.bytes_in),
            )
        };
        tokio::select! {
            () = self.over.cancelled() => {}
            _ = both => {}
        }
    }

    async fn one_way<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &self,
        from: &mut R,
        to: &mut W,
        count: &AtomicU64,
    ) {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if !self.charge(count, length as u64) {
                return self.over.cancel();
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
        // The other way may go on.
        drop(to.shutdown().await);
    }

    /// Counts bytes that are to be handed on; false if that would be more than the session carries.
    fn charge(&self, count: &AtomicU64, bytes: u64) -> bool {
        count.fetch_add(bytes, Ordering::Relaxed);
        let all =
            self.bytes_out.load(Ordering::Relaxed).saturating_add(self.bytes_in.load(Ordering::Relaxed));
        all <= self.bytes_max
    }
}

impl Refused {
    fn answer(&self) -> Response<Full<Bytes>> {
        let (status, text) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "only CONNECT is answered here\n"),
            Self::Token => (StatusCode::PROXY_AUTHENTICATION_REQUIRED, "no open session has this token\n"),
            Self::Destination => (StatusCode::FORBIDDEN, "the session does not lead there\n"),
            Self::Prohibited => (
                StatusCode::FORBIDDEN,
                "this node connects to no such address: its --relay-allow says which\n",
            ),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "the session has too many connections\n"),
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "no connection to the destination came about\n"),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let scheme = HeaderValue::from_static("Basic realm=\"casemate relay\"");
            response.headers_mut().insert(PROXY_AUTHENTICATE, scheme);
        }
        response
    }
}
