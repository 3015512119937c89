use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use casemate_limits::Gate;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::client_address::network;

/// Most connections at once on the public address; further ones are closed at once.
const PUBLIC_MAX: usize = 4_096;

/// Most of them from one network, so that no client keeps all others out.
const NETWORK_MAX: u32 = 512;

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
    /// The address of metrics for whoever reaches it, if there is one.
    pub metrics: Option<TcpListener>,
}

/// The next connection to S3; never one if it is not served.
async fn accept_s3(listener: Option<&TcpListener>) -> std::io::Result<(tokio::net::TcpStream, SocketAddr)> {
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
}

impl Peer {
    /// What connections of one client have in common: the address, for IPv6 the first 64 bits of it.
    pub(crate) fn network(self) -> Option<IpAddr> {
        match self {
            Self::Local(_) => None,
            Self::Remote(address) => Some(network(address.ip())),
        }
    }
}

/// How many connections each network has.
#[derive(Clone, Default)]
struct Networks(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// A place among the connections of a network, given back when it is dropped.
struct NetworkPlace {
    networks: Networks,
    network: IpAddr,
}

impl Networks {
    fn enter(&self, peer: Peer) -> Option<NetworkPlace> {
        let network = peer.network()?;
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= NETWORK_MAX {
            return None;
        }
        *count += 1;
        Some(NetworkPlace { networks: self.clone(), network })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

impl Drop for NetworkPlace {
    fn drop(&mut self) {
        let mut counts = self.networks.counts();
        if let Entry::Occupied(mut count) = counts.entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Serves `router` on `listeners` until `stop`, then lets running requests end; returns how many did not in time.
pub(crate) async fn serve(
    listeners: Listeners,
    (router, s3): (Router, Router),
    stop: CancellationToken,
) -> usize {
    let (local, public, networks) = (Gate::new(LOCAL_MAX), Gate::new(PUBLIC_MAX), Networks::default());
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listeners.local.accept() => match accepted {
                // The kernel reports who connected; a socket that it cannot report is not served.
                Ok((stream, _)) => if let (Ok(credential), Some(slot)) = (stream.peer_cred(), local.enter()) {
                    start(stream, Peer::Local(credential.uid()), &router, slot, &graceful);
                },
                Err(error) => pause(&error).await,
            },
            accepted = listeners.public.accept() => match accepted {
                Ok((stream, address)) => {
                    // Small answers should not wait for more; if the option fails they merely do.
                    drop(stream.set_nodelay(true));
                    let peer = Peer::Remote(address);
                    match public.enter().zip(networks.enter(peer)) {
                        Some(place) => start(stream, peer, &router, place, &graceful),
                        None => metrics::counter!("casemate_connections_refused_total").increment(1),
                    }
                }
                Err(error) => pause(&error).await,
            },
            accepted = accept_s3(listeners.s3.as_ref()) => match accepted {
                Ok((stream, address)) => {
                    drop(stream.set_nodelay(true));
                    let peer = Peer::Remote(address);
                    match public.enter().zip(networks.enter(peer)) {
                        Some(place) => start(stream, peer, &s3, place, &graceful),
                        None => metrics::counter!("casemate_connections_refused_total").increment(1),
                    }
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(listeners);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    if drained.is_ok() { 0 } else { local.taken() + public.taken() }
}

pub(crate) async fn pause(error: &std::io::Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection, and keeps its place until it ends.
///
/// HTTP/1 only: without TLS no client agrees on HTTP/2, and what is not spoken cannot be abused.
pub(crate) fn start<S, P>(stream: S, peer: Peer, router: &Router, place: P, graceful: &GracefulShutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Send + 'static,
{
    let router = router.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let response = router.oneshot(request).await;
            response.map_err(|never: Infallible| never)
        }
    });
    let mut builder = http1::Builder::new();
    // The time for a request's headers runs from the start of the connection, and from the answer before.
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that hangs up in the middle is everyday; there is nobody left to tell.
        drop(watched.await);
        drop(place);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_does_not_take_all_places() {
        let networks = Networks::default();
        let from = |address: &str| networks.enter(Peer::Remote(address.parse().expect("an address")));
        let places: Vec<_> = (0..NETWORK_MAX).map(|_| from("192.0.2.1:1").expect("a place")).collect();
        assert!(from("192.0.2.1:2").is_none() && from("192.0.2.2:1").is_some());
        drop(places);
        assert!(from("192.0.2.1:3").is_some());
        assert_eq!(networks.counts().len(), 0, "nobody is remembered who has left");
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
