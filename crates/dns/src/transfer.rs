//! Handing over the whole zone: AXFR (RFC 5936) to those who sign with the transfer key (TSIG, RFC 8945).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use casemate_model::Name;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TSIG;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, TsigError, make_tsig_record};
use hickory_proto::rr::{Name as DnsName, Record, TSigner};
use hickory_proto::serialize::binary::BinEncodable as _;
use zeroize::Zeroizing;

use crate::answer::{addresses_of_servers, fresh_soa, records_of, servers};
use crate::dns::{Asked, Dns, Inner, Reply, Transport};

/// A key that a zone's other servers have, too. Text form: `NAME:ALGORITHM:BASE64`, as `kdig -y` and `dig -y` have it in another order.
#[derive(Clone)]
pub struct TransferKey {
    signer: TSigner,
}

/// Text that is no [`TransferKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a transfer key is `NAME:hmac-sha256:BASE64`, or with hmac-sha384 or hmac-sha512, of 16 bytes or more"
)]
pub struct TransferKeyError;

/// A transfer that is under way: message after message, each signed behind the one before.
pub struct Transfer {
    inner: Arc<Inner>,
    signer: TSigner,
    /// What each message begins with.
    response: Message,
    mac: Vec<u8>,
    is_first: bool,
    end: Record,
    /// What is still to be sent of what was read.
    waiting: VecDeque<Record>,
    /// The last name that was read.
    after: Option<Name>,
    /// Whether all was read.
    is_read: bool,
}

/// How long ago a request may have been signed, in seconds.
const FUDGE: u16 = 300;

/// Bytes of records after which a message is full. One more has some 1 KiB at most, and a message 64 KiB.
const MESSAGE_BYTES: usize = 32 << 10;

/// Names that are read at a time.
const NAMES_AT_ONCE: u32 = 12;

/// Fewest bytes of a key.
const KEY_BYTES_MIN: usize = 16;

impl TransferKey {
    pub(crate) fn signer(&self) -> &TSigner {
        &self.signer
    }
}

impl FromStr for TransferKey {
    type Err = TransferKeyError;

    fn from_str(text: &str) -> Result<Self, TransferKeyError> {
        let mut parts = text.trim().splitn(3, ':');
        let mut next = || parts.next().ok_or(TransferKeyError);
        let (name, algorithm, key) = (next()?, next()?, next()?);
        let algorithm = match algorithm {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            _ => return Err(TransferKeyError),
        };
        let key = Zeroizing::new(data_encoding::BASE64.decode(key.as_bytes()).map_err(|_| TransferKeyError)?);
        if key.len() < KEY_BYTES_MIN {
            return Err(TransferKeyError);
        }
        let mut name = DnsName::from_ascii(name.to_ascii_lowercase()).map_err(|_| TransferKeyError)?;
        name.set_fqdn(true);
        let signer = TSigner::new(key.to_vec(), algorithm, name, FUDGE).map_err(|_| TransferKeyError)?;
        Ok(Self { signer })
    }
}

impl fmt::Debug for TransferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransferKey({})", self.signer.signer_name())
    }
}

/// Begins a transfer, if whoever asks may have it.
pub(crate) async fn begin(dns: &Dns, request: &[u8], asked: &Asked, transport: Transport) -> Reply {
    let inner = &dns.inner;
    let refuse = |code| {
        let mut refused = asked.response.clone();
        refused.metadata.response_code = code;
        refused.metadata.authoritative = false;
        refused.to_vec().map_or(Reply::Silence, Reply::Message)
    };
    if transport != Transport::Stream || asked.name != *inner.zone.origin() {
        return refuse(ResponseCode::Refused);
    }
    let Some(key) = &inner.transfer_key else { return refuse(ResponseCode::Refused) };
    let now = inner.clock.now().as_millis() / 1_000;
    let Some(mac) = signed(key.signer(), request, now) else { return refuse(ResponseCode::NotAuth) };
    let Ok(end) = fresh_soa(inner).await else { return refuse(ResponseCode::ServFail) };
    let mut response = asked.response.clone();
    response.edns = None;
    let mut waiting = VecDeque::from([end.clone()]);
    waiting.extend(servers(inner));
    waiting.extend(addresses_of_servers(inner));
    Reply::Transfer(Box::new(Transfer {
        inner: Arc::clone(inner),
        signer: key.signer().clone(),
        response,
        mac,
        is_first: true,
        end,
        waiting,
        after: None,
        is_read: false,
    }))
}

/// The code that a request is signed with, if it is, by the key, at about this time.
fn signed(signer: &TSigner, request: &[u8], now: u64) -> Option<Vec<u8>> {
    let message = Message::from_vec(request).ok()?;
    let tsig = message.signature()?;
    // Looked at before the library does, which counts back from it.
    if tsig.data.time < u64::from(u16::MAX) {
        return None;
    }
    let (mac, time, _) = signer.verify_message_byte(request, None, true).ok()?;
    (time.abs_diff(now) <= u64::from(FUDGE)).then_some(mac)
}

impl Transfer {
    /// The next message; `None` when the zone is handed over, or cannot be any more.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes < MESSAGE_BYTES {
            match self.waiting.pop_front() {
                Some(record) => {
                    bytes += record.to_bytes().ok()?.len();
                    records.push(record);
                }
                None if self.is_read => break,
                None => self.read().await?,
            }
        }
        if records.is_empty() { None } else { self.message(records) }
    }

    /// Whether the zone is handed over.
    pub fn is_over(&self) -> bool {
        self.is_read && self.waiting.is_empty()
    }

    async fn read(&mut self) -> Option<()> {
        let page = self.inner.view.page(self.after.as_ref(), NAMES_AT_ONCE).await;
        let page = page.inspect_err(|error| {
            tracing::warn!(error = error as &dyn std::error::Error, "a transfer was broken off");
        });
        let (page, last) = page.ok()?;
        for (name, says) in &page {
            self.waiting.extend(records_of(&self.inner, name, says));
        }
        match last {
            Some(last) => self.after = Some(last),
            None => {
                self.is_read = true;
                self.waiting.push_back(self.end.clone());
            }
        }
        Some(())
    }

    fn message(&mut self, records: Vec<Record>) -> Option<Vec<u8>> {
        let mut message = self.response.clone();
        message.answers = records;
        let unsigned = message.to_vec().ok()?;
        let now = self.inner.clock.now().as_millis() / 1_000;
        let tsig = |mac| {
            let algorithm = self.signer.algorithm().clone();
            TSIG::new(algorithm, now, FUDGE, mac, message.metadata.id, None::<TsigError>, Vec::new())
        };
        let digested = if self.is_first {
            self.signer.encode_response_tbs(&self.mac, &unsigned, &tsig(Vec::new())).ok()?
        } else {
            behind(&self.mac, &unsigned, now)
        };
        self.mac = self.signer.sign(&digested).ok()?;
        self.is_first = false;
        let record = make_tsig_record(self.signer.signer_name().clone(), tsig(self.mac.clone()));
        message.set_signature(Box::new(record));
        message.to_vec().ok()
    }
}

/// What is signed of a message that comes behind another (RFC 8945, section 5.3.1).
fn behind(mac: &[u8], message: &[u8], now: u64) -> Vec<u8> {
    let mut digested = u16::try_from(mac.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    digested.extend(mac);
    digested.extend(message);
    digested.extend(&now.to_be_bytes()[2..]);
    digested.extend(FUDGE.to_be_bytes());
    digested
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transfer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_name_an_algorithm_and_enough_bytes() {
        let key: TransferKey = "xfr:hmac-sha256:MDEyMzQ1Njc4OWFiY2RlZg==".parse().unwrap();
        assert_eq!(key.signer().signer_name().to_string(), "xfr.");
        assert_eq!(format!("{key:?}"), "TransferKey(xfr.)", "no secret is shown");
        for bad in
            ["", "xfr", "xfr:hmac-md5:MDEyMzQ1Njc4OWFiY2RlZg==", "xfr:hmac-sha256:MDEy", "xfr:hmac-sha256:?"]
        {
            assert_eq!(bad.parse::<TransferKey>().err(), Some(TransferKeyError), "{bad}");
        }
    }
}
