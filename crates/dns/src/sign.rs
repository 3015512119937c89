//! Signing as one answers (DNSSEC): RRSIG for each set, and denials that name nothing else (RFC 9824).

use std::sync::Arc;
use std::time::Duration;

use casemate_model::Timestamp;
use ed25519_dalek::{Signer as _, SigningKey as Ed25519Key};
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, PublicKeyBuf, TBS};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use quick_cache::sync::Cache;

/// Signs what a zone answers, with one key for all.
pub struct Signer {
    key: Ed25519Key,
    dnskey: DNSKEY,
    key_tag: u16,
    zone: Name,
    /// Signatures of this hour, by what they are of.
    signed: Cache<SetKey, Record>,
}

/// A set of records as they were signed: in which hour, where, and what they said.
type SetKey = (u64, Name, RecordType, Vec<u8>);

/// Why something cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The library refused it.
    #[error("records cannot be signed")]
    Proto(#[from] hickory_proto::ProtoError),
    /// The key cannot be named.
    #[error("the zone's key cannot be digested")]
    Digest,
}

/// The flags of a key that signs a zone and itself (RFC 4034, section 2.1.1).
const ZONE_KEY_AND_ENTRY_POINT: u16 = 257;

/// How long before now signatures begin, for clocks that are behind.
const BEFORE: u64 = 3_600;

/// How long signatures hold.
const LIFETIME: u64 = 7 * 24 * 3_600;

/// Signatures that are kept: 64 bytes each and what they are of.
const SIGNATURES_MAX: usize = 16_384;

/// What a name that is not there has (RFC 9824, section 3.1).
const NXNAME: RecordType = RecordType::Unknown(128);

impl Signer {
    /// A signer of the zone at `zone` by the key of `seed`.
    pub fn new(zone: Name, seed: &[u8; 32]) -> Result<Self, SignerError> {
        let key = Ed25519Key::from_bytes(seed);
        let public = PublicKeyBuf::new(key.verifying_key().to_bytes().to_vec(), Algorithm::ED25519);
        let dnskey = DNSKEY::with_flags(ZONE_KEY_AND_ENTRY_POINT, public);
        let key_tag = dnskey.calculate_key_tag()?;
        Ok(Self { key, dnskey, key_tag, zone, signed: Cache::new(SIGNATURES_MAX) })
    }

    /// What the zone above says of the key: the text of a DS record.
    pub fn ds(&self) -> Result<String, SignerError> {
        let digest = self.dnskey.to_digest(&self.zone, DigestType::SHA256)?;
        let ds = DS::new(self.key_tag, Algorithm::ED25519, DigestType::SHA256, digest.as_ref().to_vec());
        Ok(format!("{} IN DS {ds}", self.zone))
    }

    /// The key as the zone says it.
    pub(crate) fn dnskey(&self) -> RData {
        RData::DNSSEC(DNSSECRData::DNSKEY(self.dnskey.clone()))
    }

    /// The signature of a set of records, which have one place and one type.
    pub(crate) fn sign(&self, set: &[&Record], now: Timestamp) -> Result<Option<Record>, SignerError> {
        let Some(first) = set.first() else { return Ok(None) };
        let hour = now.as_millis() / 3_600_000;
        let said: Vec<u8> = set.iter().flat_map(|record| record.data.to_string().into_bytes()).collect();
        let name = first.name.to_lowercase();
        let key = (hour, name.clone(), first.record_type(), said);
        if let Some(mut signed) = self.signed.get(&key) {
            signed.name = first.name.clone();
            return Ok(Some(signed));
        }
        let seconds = |time: u64| SerialNumber::new(u32::try_from(time & u64::from(u32::MAX)).unwrap_or(0));
        let input = SigInput {
            type_covered: first.record_type(),
            algorithm: Algorithm::ED25519,
            num_labels: name.num_labels(),
            original_ttl: first.ttl,
            sig_expiration: seconds(hour * 3_600 + LIFETIME),
            sig_inception: seconds((hour * 3_600).saturating_sub(BEFORE)),
            key_tag: self.key_tag,
            signer_name: self.zone.clone(),
        };
        let lowered: Vec<Record> = set
            .iter()
            .map(|record| Record::from_rdata(name.clone(), record.ttl, record.data.clone()))
            .collect();
        let signed = TBS::from_input(&name, DNSClass::IN, &input, lowered.iter())?;
        let signature = self.key.sign(signed.as_ref()).to_bytes().to_vec();
        let rrsig = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, signature)));
        let record = Record::from_rdata(first.name.clone(), first.ttl, rrsig);
        self.signed.insert(key, record.clone());
        Ok(Some(record))
    }

    /// Says that there is nothing else at a place than records of these types; none if there is nothing at all.
    pub(crate) fn denial(&self, at: &Name, types: Option<&[RecordType]>, ttl: u32) -> Option<Record> {
        let at = at.to_lowercase();
        let next = at.prepend_label([0_u8].as_slice()).ok()?;
        let meta = [RecordType::NSEC, RecordType::RRSIG];
        let types: Vec<RecordType> = match types {
            Some(types) => types.iter().copied().chain(meta).collect(),
            None => meta.into_iter().chain([NXNAME]).collect(),
        };
        let nsec = RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(next, types)));
        Some(Record::from_rdata(at, ttl, nsec))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("zone", &self.zone)
            .field("key_tag", &self.key_tag)
            .finish_non_exhaustive()
    }
}

/// A signer that is shared by all that answer.
pub(crate) type SharedSigner = Option<Arc<Signer>>;

/// How long an answer may take to be made, looking included.
pub(crate) const LOOK_WAIT_MAX: Duration = Duration::from_secs(2);
