//! The sockets that a zone is asked on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use casemate_limits::Places;
use casemate_model::client_network;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::dns::{Dns, Reply, Transport};

/// Where a zone is asked.
pub struct DnsListeners {
    /// For datagrams.
    pub datagrams: UdpSocket,
    /// For connections.
    pub connections: TcpListener,
    /// For connections over TLS (RFC 7858), and who accepts them.
    pub tls: Option<(TcpListener, TlsAcceptor)>,
}

/// Datagrams that are answered at once.
const DATAGRAM_TASKS: usize = 16;

/// The largest datagram that is read: no question is longer.
const DATAGRAM_BYTES_MAX: usize = 4_096;

/// Connections at once, of all kinds, and of one network.
const CONNECTIONS_MAX: usize = 512;
const CONNECTIONS_OF_NETWORK_MAX: usize = 64;

/// How long a connection may be silent, and how long it may take to take an answer.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// How long a connection may take to agree on its keys.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// Answers until `stop`.
pub async fn serve(dns: Dns, listeners: DnsListeners, stop: CancellationToken) {
    let DnsListeners { datagrams, connections, tls } = listeners;
    let (datagrams, places) = (Arc::new(datagrams), Places::new(CONNECTIONS_OF_NETWORK_MAX, CONNECTIONS_MAX));
    let mut all = JoinSet::new();
    // Each takes a datagram and answers it before it takes the next: so many are worked on, and the kernel keeps the rest.
    for _ in 0..DATAGRAM_TASKS {
        all.spawn(answer_datagrams(dns.clone(), Arc::clone(&datagrams), stop.clone()));
    }
    all.spawn(accept(dns.clone(), connections, None, places.clone(), stop.clone()));
    if let Some((listener, acceptor)) = tls {
        all.spawn(accept(dns, listener, Some(acceptor), places, stop.clone()));
    }
    while all.join_next().await.is_some() {}
}

async fn answer_datagrams(dns: Dns, socket: Arc<UdpSocket>, stop: CancellationToken) {
    let mut request = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut request) => received,
        };
        let Ok((length, from)) = received else {
            // An answer that nobody wanted comes back as an error of the socket; it is none of this one.
            tokio::task::yield_now().await;
            continue;
        };
        // Nobody asks from port 0, and what is answered there goes nowhere.
        if from.port() == 0 {
            continue;
        }
        if let Reply::Message(answer) = dns.reply(&request[..length], from, Transport::Udp).await {
            // Whoever does not get it asks again.
            drop(socket.send_to(&answer, from).await);
        }
    }
}

async fn accept(
    dns: Dns,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Places<IpAddr>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Whoever finds no place is closed at once, and asks again.
        let Some(place) = places.enter(client_network(from.ip())) else { continue };
        let (dns, acceptor) = (dns.clone(), tls.clone());
        connections.spawn(async move {
            let _place = place;
            // A client that goes away has what it wanted.
            drop(connection(dns, stream, from, acceptor).await);
        });
    }
    connections.shutdown().await;
}

async fn connection(
    dns: Dns,
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => converse(dns, stream, from).await,
        Some(acceptor) => {
            let accepting = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream));
            converse(dns, accepting.await??, from).await
        }
    }
}

/// Answers one question after the other (RFC 7766), each with its length before it.
async fn converse(
    dns: Dns,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
) -> io::Result<()> {
    loop {
        let length = match tokio::time::timeout(IDLE_MAX, stream.read_u16()).await {
            Ok(Ok(length)) => usize::from(length),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let mut request = vec![0; length];
        tokio::time::timeout(IDLE_MAX, stream.read_exact(&mut request)).await??;
        match dns.reply(&request, from, Transport::Stream).await {
            Reply::Silence => return Ok(()),
            Reply::Message(answer) => send(&mut stream, &answer).await?,
            Reply::Transfer(mut transfer) => {
                while let Some(message) = transfer.next().await {
                    send(&mut stream, &message).await?;
                }
                // Whoever gets no more must not wait for it.
                if !transfer.is_over() {
                    return Ok(());
                }
            }
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(message);
    tokio::time::timeout(IDLE_MAX, stream.write_all(&framed)).await?
}
