mod answers;
mod networks;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use casemate_identity::ClientCertificate;
use casemate_limits::Gate;
use casemate_model::client_network;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::tls::{MutualTls, Tls, client_of};
use answers::Connection;
pub(crate) use answers::Face;
use networks::Places;

/// Most connections at once on the public address; further ones are closed at once.
const PUBLIC_MAX: usize = 4_096;

/// Most of them from one network, so that no client keeps all others out.
const NETWORK_MAX: usize = 512;

/// Most connections that are waited for to finish their TLS handshake; further ones are closed at once.
const HANDSHAKES_MAX: usize = 1_024;

/// Most of them from one network. Who is not slow needs one for a few milliseconds.
const NETWORK_HANDSHAKES_MAX: usize = 64;

/// How long a handshake may take. It needs two answers of the client, and no more time than those take to travel.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most connections at once on the private socket, whose places nobody outside can take.
const LOCAL_MAX: usize = 1_024;

/// How long a client may take to send a request's headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long running requests may go on after the node was told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Most bytes that are buffered for one connection's headers.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Where requests come in.
pub struct Listeners {
    /// The private socket, whose callers are known by uid.
    pub local: UnixListener,
    /// The public address.
    pub public: TcpListener,
    /// The address of S3, if it is served.
    pub s3: Option<TcpListener>,
    /// The address of the API for clients with a certificate of the node's authority, if there is one.
    pub mutual: Option<(TcpListener, Arc<MutualTls>)>,
    /// The address of metrics for whoever reaches it, if there is one.
    pub metrics: Option<TcpListener>,
    /// What the public address and that of S3 speak TLS with; without it they speak plain HTTP.
    pub tls: Option<Arc<Tls>>,
}

/// The next connection of a listener; never one if there is none.
async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine with this uid, on the private socket.
    Local(u32),
    /// Some address.
    Remote(SocketAddr),
    /// Some address, whose certificate the node's authority has signed.
    Certified(SocketAddr, ClientCertificate),
}

impl Peer {
    /// What connections of one client have in common: the address, for IPv6 the first 64 bits of it.
    pub(crate) fn network(self) -> Option<IpAddr> {
        match self {
            Self::Local(_) => None,
            Self::Remote(address) | Self::Certified(address, _) => Some(client_network(address.ip())),
        }
    }
}

/// Serves `api` and `s3` on `listeners` until `stop`, then lets running requests end; returns how many did not in time.
pub(crate) async fn serve(listeners: Listeners, (api, s3): (Face, Face), stop: CancellationToken) -> usize {
    let local = Gate::new(LOCAL_MAX);
    let door = Door {
        places: Places::new(PUBLIC_MAX, NETWORK_MAX),
        waiting: Places::new(HANDSHAKES_MAX, NETWORK_HANDSHAKES_MAX),
        lock: listeners.tls.as_deref().map_or(Lock::None, |tls| Lock::Tls(TlsAcceptor::from(tls.config()))),
        stop: stop.clone(),
    };
    let (mutual, mutual_door) = match listeners.mutual {
        Some((listener, tls)) => (Some(listener), Door { lock: Lock::Mutual(tls), ..door.clone() }),
        None => (None, door.clone()),
    };
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listeners.local.accept() => match accepted {
                // The kernel reports who connected; a socket that it cannot report is not served.
                Ok((stream, _)) => if let (Ok(credential), Some(slot)) = (stream.peer_cred(), local.enter()) {
                    let peer = Peer::Local(credential.uid());
                    tokio::spawn(talk(stream, peer, api.clone(), slot, graceful.watcher()));
                },
                Err(error) => pause(&error).await,
            },
            accepted = listeners.public.accept() => match accepted {
                Ok((stream, address)) => door.admit(stream, address, &api, &graceful),
                Err(error) => pause(&error).await,
            },
            accepted = accept(listeners.s3.as_ref()) => match accepted {
                Ok((stream, address)) => door.admit(stream, address, &s3, &graceful),
                Err(error) => pause(&error).await,
            },
            accepted = accept(mutual.as_ref()) => match accepted {
                Ok((stream, address)) => mutual_door.admit(stream, address, &api, &graceful),
                Err(error) => pause(&error).await,
            },
        }
    }
    drop((listeners.local, listeners.public, listeners.s3, mutual));
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    if drained.is_ok() { 0 } else { local.taken() + door.places.taken() }
}

/// What is asked of connections before they are served.
#[derive(Clone)]
enum Lock {
    /// Nothing.
    None,
    /// TLS.
    Tls(TlsAcceptor),
    /// TLS and a certificate of the client.
    Mutual(Arc<MutualTls>),
}

/// Where connections from outside come in.
#[derive(Clone)]
struct Door {
    /// Connections that are served.
    places: Places,
    /// Connections that have not yet shaken hands. They take none of the places above, so whoever is slow there is in nobody's way.
    waiting: Places,
    lock: Lock,
    stop: CancellationToken,
}

impl Door {
    /// Serves a connection, if there is a place for it.
    fn admit(&self, stream: TcpStream, address: SocketAddr, face: &Face, graceful: &GracefulShutdown) {
        // Small answers should not wait for more; if the option fails they merely do.
        drop(stream.set_nodelay(true));
        let (peer, face, watcher) = (Peer::Remote(address), face.clone(), graceful.watcher());
        let acceptor = match &self.lock {
            Lock::None => {
                match self.places.enter(peer) {
                    Some(place) => drop(tokio::spawn(talk(stream, peer, face, place, watcher))),
                    None => refused("places"),
                }
                return;
            }
            Lock::Tls(acceptor) => acceptor.clone(),
            Lock::Mutual(mutual) => TlsAcceptor::from(mutual.config()),
        };
        let certified = matches!(self.lock, Lock::Mutual(_));
        let Some(waiting) = self.waiting.enter(peer) else { return refused("handshakes") };
        let (places, stop, handshake) = (self.places.clone(), self.stop.clone(), acceptor.accept(stream));
        tokio::spawn(async move {
            let shaken = tokio::select! {
                () = stop.cancelled() => return,
                shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake) => shaken,
            };
            drop(waiting);
            match (shaken, places.enter(peer)) {
                (Ok(Ok(stream)), Some(place)) if certified => match client_of(stream.get_ref().1) {
                    Some(client) => {
                        talk(stream, Peer::Certified(address, client), face, place, watcher).await;
                    }
                    None => refused("no_certificate"),
                },
                (Ok(Ok(stream)), Some(place)) => talk(stream, peer, face, place, watcher).await,
                (Ok(Ok(_)), None) => refused("places"),
                (Ok(Err(_)), _) => refused("no_tls"),
                (Err(_), _) => refused("slow_handshake"),
            }
        });
    }
}

/// Counts a connection that was closed before anything was asked on it.
fn refused(reason: &'static str) {
    metrics::counter!("casemate_connections_refused_total", "reason" => reason).increment(1);
}

pub(crate) async fn pause(error: &std::io::Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection, and keeps its place until it ends. HTTP/1 only: what is not spoken cannot be abused.
pub(crate) async fn talk<S, P>(stream: S, peer: Peer, face: Face, place: P, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Connection::new(stream, face.headers);
    let turn = stream.turn.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        turn.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let (answered, turn) = (face.clone().answer(request), turn.clone());
        async move { Ok::<_, Infallible>(turn.until_end_of(answered.await)) }
    });
    let mut builder = http1::Builder::new();
    // The time for a request's headers runs from the start of the connection, and from the answer before.
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // A client that hangs up in the middle is everyday; there is nobody left to tell.
    drop(watcher.watch(connection).await);
    drop(place);
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::layers::SecurityHeaders;

    /// What comes back for `request` from routes that may panic.
    async fn said_to(request: &str) -> String {
        let panics = get(async || -> &'static str { panic!("a route that panics") });
        let router =
            Router::new().route("/", panics).route("/ok", get(async || "HTTP/1.1 400 said by a route"));
        let face = Face { router, headers: SecurityHeaders { s3: false, encrypted: true } };
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let graceful = GracefulShutdown::new();
        let peer = Peer::Remote("192.0.2.1:1".parse().expect("an address"));
        let talking = tokio::spawn(talk(theirs, peer, face, (), graceful.watcher()));
        // The answer may come before everything was taken.
        drop(ours.write_all(request.as_bytes()).await);
        let mut answer = String::new();
        ours.read_to_string(&mut answer).await.expect("an answer");
        talking.await.expect("the connection ends");
        answer
    }

    #[tokio::test]
    async fn a_panic_and_what_is_no_http_are_answered_with_all_headers() {
        let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(HEADER_BYTES_MAX * 2));
        let kept = "GET /ok HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n";
        let answers = said_to(kept).await;
        let (_, second) = answers.split_once("said by a route").expect("the first answer");
        assert!(second.starts_with("HTTP/1.1 400 "), "{answers}");
        assert!(second.contains("\r\ncontent-security-policy: "), "also later on a connection: {second}");
        for (request, status) in
            [(ask("/"), 500), (ask("/ok"), 200), ("nonsense\r\n\r\n".into(), 400), (long, 431)]
        {
            let answer = said_to(&request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            for name in [
                "content-security-policy",
                "x-content-type-options",
                "strict-transport-security",
                "expect-ct",
            ] {
                assert_eq!(answer.matches(&format!("{name}: ")).count(), 1, "{name}: {answer}");
            }
        }
        assert!(
            said_to(&ask("/ok")).await.ends_with("\r\n\r\nHTTP/1.1 400 said by a route"),
            "content is untouched"
        );
    }

    #[test]
    fn one_client_is_one_network() {
        let network = |address: &str| Peer::Remote(address.parse().expect("an address")).network();
        assert_eq!(network("[2001:db8::1]:1"), network("[2001:db8::ffff:2]:2"));
        assert_ne!(network("[2001:db8::1]:1"), network("[2001:db8:0:1::1]:1"));
        assert_eq!(network("[::ffff:192.0.2.1]:1"), network("192.0.2.1:2"));
        assert_eq!(Peer::Local(0).network(), None);
    }
}
