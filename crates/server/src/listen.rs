use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use casemate_limits::Gate;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Most connections at once; further ones wait in the kernel's backlog until one ends or is refused by it.
const CONNECTIONS_MAX: usize = 4_096;

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
            Self::Remote(address) => Some(match address.ip().to_canonical() {
                IpAddr::V4(ip) => IpAddr::V4(ip),
                IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            }),
        }
    }
}

/// Serves `router` on `listeners` until `stop`, then lets running requests end; returns how many did not in time.
pub(crate) async fn serve(listeners: Listeners, router: Router, stop: CancellationToken) -> usize {
    let gate = Gate::new(CONNECTIONS_MAX);
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listeners.local.accept() => match accepted {
                // The kernel reports who connected; a socket that it cannot report is not served.
                Ok((stream, _)) => if let Ok(credential) = stream.peer_cred() {
                    start(stream, Peer::Local(credential.uid()), &router, &gate, &graceful);
                },
                Err(error) => pause(&error).await,
            },
            accepted = listeners.public.accept() => match accepted {
                Ok((stream, address)) => {
                    // Small answers should not wait for more; if the option fails they merely do.
                    drop(stream.set_nodelay(true));
                    start(stream, Peer::Remote(address), &router, &gate, &graceful);
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(listeners);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    if drained.is_ok() { 0 } else { gate.taken() }
}

async fn pause(error: &std::io::Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection. Over the limit it is closed at once, so that those inside keep their room.
fn start<S>(stream: S, peer: Peer, router: &Router, gate: &Gate, graceful: &GracefulShutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(slot) = gate.enter() else {
        metrics::counter!("casemate_connections_refused_total").increment(1);
        return;
    };
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
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).expect("32 KiB fit"))
        .keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that hangs up in the middle is everyday; there is nobody left to tell.
        drop(watched.await);
        drop(slot);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_one_network() {
        let network = |address: &str| Peer::Remote(address.parse().expect("an address")).network();
        assert_eq!(network("[2001:db8::1]:1"), network("[2001:db8::ffff:2]:2"));
        assert_ne!(network("[2001:db8::1]:1"), network("[2001:db8:0:1::1]:1"));
        assert_eq!(network("[::ffff:192.0.2.1]:1"), network("192.0.2.1:2"));
        assert_eq!(Peer::Local(0).network(), None);
    }
}
