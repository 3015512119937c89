use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use casemate_limits::{Quota, TokenBuckets};
use casemate_model::{Clock, Timestamp, client_network};
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use crate::answer;
use crate::sign::{SharedSigner, Signer};
use crate::transfer::{self, Transfer, TransferKey};
use crate::view::View;
use crate::zone::Zone;

/// A zone that answers. Cheap to clone.
#[derive(Clone)]
pub struct Dns {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) zone: Zone,
    pub(crate) view: Arc<dyn View>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signer: SharedSigner,
    pub(crate) transfer_key: Option<TransferKey>,
    /// The zone's serial number, and when it was read.
    pub(crate) serial: Mutex<Option<(Timestamp, u32)>>,
    answers: Option<Quota>,
    answered: TokenBuckets,
}

/// What a zone is made of.
pub struct DnsSettings {
    /// Where it is.
    pub zone: Zone,
    /// Signs answers, if they are signed.
    pub signer: Option<Signer>,
    /// Who may have the whole zone, if anybody.
    pub transfer_key: Option<TransferKey>,
    /// Answers over UDP that a network gets, and how many at once; without end if absent.
    pub answers: Option<Quota>,
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By datagram: its sender's address may be forged, and long answers do not fit.
    Udp,
    /// By a connection.
    Stream,
    /// In a request of HTTP, whose answer is one message.
    Http,
}

/// What is sent back.
pub enum Reply {
    /// Nothing.
    Silence,
    /// A message.
    Message(Vec<u8>),
    /// Message after message.
    Transfer(Box<Transfer>),
}

/// The largest datagram that is sent: one that no path takes apart (DNS flag day 2020).
const DATAGRAM_BYTES_MAX: u16 = 1_232;

/// What a datagram has at least, for those who say nothing (RFC 1035).
const DATAGRAM_BYTES_MIN: u16 = 512;

/// Networks that answers are counted for.
const NETWORKS_MAX: usize = 65_536;

/// Which part of the answers that are too many are cut short instead of left out: whoever is real asks again by a connection.
const SLIP: u64 = 2;

impl Dns {
    /// A zone that says what `view` says.
    pub fn new(settings: DnsSettings, view: Arc<dyn View>, clock: Arc<dyn Clock>) -> Self {
        let DnsSettings { zone, signer, transfer_key, answers } = settings;
        let (signer, answered) = (signer.map(Arc::new), TokenBuckets::new(NETWORKS_MAX));
        let serial = Mutex::new(None);
        Self { inner: Arc::new(Inner { zone, view, clock, signer, transfer_key, serial, answers, answered }) }
    }

    /// Answers a message. Whatever is no question gets no answer, or the shortest.
    pub async fn reply(&self, request: &[u8], from: SocketAddr, transport: Transport) -> Reply {
        metrics::counter!("casemate_dns_queries_total", "transport" => transport.as_str()).increment(1);
        let Some(query) = self.read(request) else { return Reply::Silence };
        if self.is_limited(from, transport) {
            return cut(query.into_response());
        }
        let asked = match query {
            Read::Asked(asked) => asked,
            Read::Refused(refused) => return written(refused, transport, DATAGRAM_BYTES_MIN),
        };
        // What changed since a serial number is not kept: whoever asks for that gets all (RFC 1995, section 4).
        if matches!(asked.query_type, RecordType::AXFR | RecordType::IXFR) {
            return transfer::begin(self, request, &asked, transport).await;
        }
        let size = asked.datagram_bytes;
        written(answer::answer(&self.inner, asked).await, transport, size)
    }

    /// Whether whoever asks by datagrams has had too many answers. That is known before anything is done for them.
    fn is_limited(&self, from: SocketAddr, transport: Transport) -> bool {
        let Some(quota) = self.inner.answers.filter(|_| transport == Transport::Udp) else { return false };
        let network = client_network(from.ip());
        let allowed = self.inner.answered.take(&network, quota, 1, self.inner.clock.now()).allowed;
        if !allowed {
            metrics::counter!("casemate_dns_limited_total").increment(1);
        }
        !allowed
    }

    /// Reads a message, or refuses it; `None` if it is not even to be answered.
    fn read(&self, request: &[u8]) -> Option<Read> {
        let message = Message::from_vec(request).ok();
        let Some(message) = message else {
            // What has a header and is a question gets to know that it cannot be read.
            let id = u16::from_be_bytes(*request.first_chunk()?);
            let is_question = request.len() >= 12 && request[2] & 0x80 == 0;
            let refused = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
            return is_question.then_some(Read::Refused(refused));
        };
        if message.metadata.message_type != MessageType::Query {
            return None;
        }
        let refused = |code| {
            let mut refused = response_to(&message);
            refused.metadata.response_code = code;
            refused.metadata.authoritative = false;
            Some(Read::Refused(refused))
        };
        if message.metadata.op_code != OpCode::Query {
            return refused(ResponseCode::NotImp);
        }
        let [query] = message.queries.as_slice() else { return refused(ResponseCode::FormErr) };
        if message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return refused(ResponseCode::BADVERS);
        }
        if query.query_class() != DNSClass::IN {
            return refused(ResponseCode::Refused);
        }
        let edns = message.edns.as_ref();
        let wanted = edns.map_or(DATAGRAM_BYTES_MIN, Edns::max_payload);
        Some(Read::Asked(Asked {
            name: query.name().clone(),
            query_type: query.query_type(),
            wants_signatures: edns.is_some_and(|edns| edns.flags().dnssec_ok),
            datagram_bytes: wanted.clamp(DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX),
            response: response_to(&message),
        }))
    }
}

/// A question of our zone, perhaps.
pub(crate) struct Asked {
    pub(crate) name: hickory_proto::rr::Name,
    pub(crate) query_type: RecordType,
    pub(crate) wants_signatures: bool,
    datagram_bytes: u16,
    /// The answer, with nothing in it yet.
    pub(crate) response: Message,
}

enum Read {
    Asked(Asked),
    Refused(Message),
}

impl Read {
    fn into_response(self) -> Message {
        match self {
            Self::Asked(asked) => asked.response,
            Self::Refused(refused) => refused,
        }
    }
}

/// What who asks too often gets: nothing, or no more than that there is more.
fn cut(mut response: Message) -> Reply {
    if u64::from(response.metadata.id) % SLIP != 0 {
        return Reply::Silence;
    }
    shorten(&mut response);
    response.to_vec().map_or(Reply::Silence, Reply::Message)
}

/// Writes a message, cut short if it does not fit.
fn written(mut message: Message, transport: Transport, size: u16) -> Reply {
    metrics::counter!("casemate_dns_answers_total", "code" => code_name(message.metadata.response_code))
        .increment(1);
    let too_long = |bytes: &Vec<u8>| transport == Transport::Udp && bytes.len() > usize::from(size);
    match message.to_vec().ok() {
        Some(bytes) if !too_long(&bytes) => Reply::Message(bytes),
        _ => {
            shorten(&mut message);
            message.to_vec().map_or(Reply::Silence, Reply::Message)
        }
    }
}

/// An answer to a message with nothing in it.
fn response_to(request: &Message) -> Message {
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    let Metadata { recursion_desired, checking_disabled, .. } = request.metadata;
    response.metadata.recursion_desired = recursion_desired;
    response.metadata.checking_disabled = checking_disabled;
    response.metadata.authoritative = true;
    response.queries = request.queries.iter().take(1).cloned().collect();
    if let Some(asked) = &request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_BYTES_MAX).set_version(0).set_dnssec_ok(asked.flags().dnssec_ok);
        response.edns = Some(edns);
    }
    response
}

/// Says no more than that there is more.
fn shorten(message: &mut Message) {
    message.answers.clear();
    message.authorities.clear();
    message.additionals.clear();
    message.metadata.truncation = true;
}

/// Codes as metrics have them: few, whatever is asked.
fn code_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "noerror",
        ResponseCode::NXDomain => "nxdomain",
        ResponseCode::Refused => "refused",
        ResponseCode::ServFail => "servfail",
        ResponseCode::FormErr => "formerr",
        ResponseCode::NotImp => "notimp",
        _ => "other",
    }
}

impl Transport {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Stream => "stream",
            Self::Http => "http",
        }
    }
}
