//! Telling a zone's other servers that it has changed (RFC 1996).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, RecordType};
use tokio::net::UdpSocket;

use crate::dns::Dns;

/// How long each answer is waited for, and so how often it is tried.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 512;

/// Tells one server that the zone has changed; false if it did not say that it heard.
pub async fn notify(dns: &Dns, server: SocketAddr, id: u16) -> bool {
    let Some(message) = message(dns, id) else { return false };
    let unspecified: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let Ok(socket) = UdpSocket::bind(unspecified).await else { return false };
    // Connected, so that nobody else's datagrams come in.
    if socket.connect(server).await.is_err() {
        return false;
    }
    for wait in WAITS {
        if socket.send(&message).await.is_ok() && heard(&socket, id, wait).await {
            return true;
        }
    }
    false
}

fn message(dns: &Dns, id: u16) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Notify);
    message.metadata.authoritative = true;
    let mut query = Query::query(dns.inner.zone.origin().clone(), RecordType::SOA);
    query.set_query_class(DNSClass::IN);
    message.add_query(query);
    message.to_vec().ok()
}

async fn heard(socket: &UdpSocket, id: u16, wait: Duration) -> bool {
    let mut answer = [0; ANSWER_BYTES_MAX];
    let receiving = async {
        loop {
            let Ok(length) = socket.recv(&mut answer).await else { return false };
            let Ok(message) = Message::from_vec(&answer[..length]) else { continue };
            let is_answer = message.metadata.message_type == MessageType::Response;
            if message.metadata.id == id && is_answer {
                return true;
            }
        }
    };
    tokio::time::timeout(wait, receiving).await.unwrap_or(false)
}
