//! What a zone answers to one question.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use casemate_model::{DnsPrefix, DnsRecords, Name, StoreError};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, HINFO, NS, SOA};
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};

use crate::dns::{Asked, Inner};
use crate::rdata::{rdata_of, type_of};
use crate::sign::{LOOK_WAIT_MAX, Signer};
use crate::zone::Place;

/// How long it is kept that something is not there, in seconds.
pub(crate) const NEGATIVE_TTL: u32 = 60;

/// How long what the zone itself is may be kept, in seconds.
const ZONE_TTL: u32 = 3_600;

/// How old the zone's serial number may be where it only goes with something else.
const SERIAL_AGE_MAX: Duration = Duration::from_secs(1);

/// How often other names of a name are followed.
const ALIASES_MAX: usize = 8;

/// What is found at a place.
enum Found {
    /// Records, none of them if nothing of the wanted type is there; and which types are.
    Records { records: Vec<Record>, types: Vec<RecordType> },
    /// Nothing at all.
    Nothing,
    /// It is not ours to say.
    Outside,
}

/// Answers a question.
pub(crate) async fn answer(inner: &Inner, asked: Asked) -> Message {
    let mut response = asked.response.clone();
    let made = tokio::time::timeout(LOOK_WAIT_MAX, fill(inner, &asked, &mut response)).await;
    match made {
        Ok(Ok(())) => response,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a question of DNS has no answer");
            failed(asked.response)
        }
        Err(_) => failed(asked.response),
    }
}

fn failed(mut response: Message) -> Message {
    response.metadata.response_code = ResponseCode::ServFail;
    response.metadata.authoritative = false;
    response
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sign(#[from] crate::sign::SignerError),
}

async fn fill(inner: &Inner, asked: &Asked, response: &mut Message) -> Result<(), Unanswered> {
    let signer = inner.signer.as_deref().filter(|_| asked.wants_signatures);
    let (mut at, mut seen) = (asked.name.clone(), Vec::new());
    for _ in 0..ALIASES_MAX {
        // Who leads back to where one was says nothing more.
        if seen.contains(&at) {
            break;
        }
        seen.push(at.clone());
        match find(inner, &at, asked.query_type).await? {
            Found::Outside => {
                if response.answers.is_empty() {
                    response.metadata.response_code = ResponseCode::Refused;
                    response.metadata.authoritative = false;
                }
                break;
            }
            Found::Nothing => {
                deny(inner, response, signer, (&at, None)).await?;
                break;
            }
            Found::Records { records, types } if records.is_empty() => {
                deny(inner, response, signer, (&at, Some(&types))).await?;
                break;
            }
            Found::Records { records, .. } => {
                let alias = alias_of(&records, asked.query_type);
                response.answers.extend(records);
                match alias {
                    Some(target) => at = target,
                    None => break,
                }
            }
        }
    }
    if let Some(signer) = signer {
        sign_all(&mut response.answers, signer, inner)?;
        sign_all(&mut response.authorities, signer, inner)?;
    }
    Ok(())
}

/// Where a `CNAME` leads that stands for what was asked for.
fn alias_of(records: &[Record], wanted: RecordType) -> Option<DnsName> {
    match records {
        [Record { data: RData::CNAME(target), .. }] if wanted != RecordType::CNAME => Some(target.0.clone()),
        _ => None,
    }
}

async fn find(inner: &Inner, at: &DnsName, wanted: RecordType) -> Result<Found, StoreError> {
    let (name, prefix) = match inner.zone.place_of(at) {
        Place::Outside => return Ok(Found::Outside),
        Place::Nowhere => return Ok(Found::Nothing),
        Place::Origin => return origin(inner, at, wanted).await,
        Place::Server(addresses) => {
            let all = addresses_at(at, &addresses);
            let mut types: Vec<_> = all.iter().map(Record::record_type).collect();
            types.dedup();
            let records = all.into_iter().filter(|record| record.record_type() == wanted).collect();
            return Ok(Found::Records { records, types });
        }
        Place::Name { name, prefix } => (name, prefix),
    };
    let look = inner.view.look(&name).await?;
    let said = look.says.as_deref().map(|says| at_prefix(says, prefix.as_ref()));
    match said {
        Some(found) if !found.is_empty() => Ok(of_name(at, &found, look.says.as_deref(), wanted)),
        // A name that says nothing here is there all the same, and so is the way to what is below it.
        Some(_) if prefix.is_none() || is_way(look.says.as_ref(), prefix.as_ref()) => {
            Ok(Found::Records { records: Vec::new(), types: Vec::new() })
        }
        None if prefix.is_none() && look.has_below => {
            Ok(Found::Records { records: Vec::new(), types: Vec::new() })
        }
        _ => Ok(Found::Nothing),
    }
}

fn at_prefix<'r>(says: &'r DnsRecords, prefix: Option<&DnsPrefix>) -> Vec<&'r casemate_model::DnsRecord> {
    says.records().iter().filter(|record| record.prefix.as_ref() == prefix).collect()
}

/// Whether something stands below a prefix: `_tcp` is there if `_http._tcp` is.
fn is_way(says: Option<&Arc<DnsRecords>>, prefix: Option<&DnsPrefix>) -> bool {
    let (Some(says), Some(prefix)) = (says, prefix) else { return false };
    let end = format!(".{prefix}");
    says.records()
        .iter()
        .filter_map(|record| record.prefix.as_ref())
        .any(|other| other.as_str().ends_with(&end))
}

fn of_name(
    at: &DnsName,
    found: &[&casemate_model::DnsRecord],
    says: Option<&DnsRecords>,
    wanted: RecordType,
) -> Found {
    let ttl = says.map_or(NEGATIVE_TTL, DnsRecords::ttl);
    let mut types: Vec<RecordType> = found.iter().map(|record| type_of(record)).collect();
    types.dedup();
    let record = |rdata| Record::from_rdata(at.clone(), ttl, rdata);
    if wanted == RecordType::ANY {
        // The least that is an answer (RFC 8482).
        let hinfo = RData::HINFO(HINFO::new("RFC8482".to_owned(), String::new()));
        return Found::Records { records: vec![record(hinfo)], types };
    }
    let is_wanted = |kind: RecordType| kind == wanted || kind == RecordType::CNAME;
    let records = found.iter().filter(|found| is_wanted(type_of(found)));
    Found::Records { records: records.map(|found| record(rdata_of(found))).collect(), types }
}

fn addresses_at(at: &DnsName, addresses: &[IpAddr]) -> Vec<Record> {
    let rdata = |address: &IpAddr| match address {
        IpAddr::V4(address) => RData::A(A(*address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(*address)),
    };
    addresses.iter().map(|address| Record::from_rdata(at.clone(), ZONE_TTL, rdata(address))).collect()
}

/// The addresses of the zone's servers that are in the zone.
pub(crate) fn addresses_of_servers(inner: &Inner) -> Vec<Record> {
    let zone = &inner.zone;
    let servers = zone.servers().iter().filter(|(server, _)| zone.origin().zone_of(server));
    servers.flat_map(|(server, addresses)| addresses_at(server, addresses)).collect()
}

async fn origin(inner: &Inner, at: &DnsName, wanted: RecordType) -> Result<Found, StoreError> {
    let mut types = vec![RecordType::NS, RecordType::SOA];
    types.extend(inner.signer.as_ref().map(|_| RecordType::DNSKEY));
    let records = match wanted {
        RecordType::SOA => vec![fresh_soa(inner).await?],
        RecordType::NS => servers(inner),
        RecordType::DNSKEY => inner
            .signer
            .iter()
            .map(|signer| Record::from_rdata(at.clone(), ZONE_TTL, signer.dnskey()))
            .collect(),
        RecordType::ANY => vec![soa(inner).await?],
        _ => Vec::new(),
    };
    Ok(Found::Records { records, types })
}

/// The zone's servers.
pub(crate) fn servers(inner: &Inner) -> Vec<Record> {
    let names = inner.zone.servers().iter().map(|(name, _)| RData::NS(NS(name.clone())));
    names.map(|ns| Record::from_rdata(inner.zone.origin().clone(), ZONE_TTL, ns)).collect()
}

/// The zone's state as it is now.
pub(crate) async fn fresh_soa(inner: &Inner) -> Result<Record, StoreError> {
    let now = inner.clock.now();
    let serial = inner.view.serial().await?;
    *inner.serial.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, serial));
    Ok(soa_with(inner, serial))
}

/// The zone's state as it was a moment ago: many ask for what is not there.
async fn soa(inner: &Inner) -> Result<Record, StoreError> {
    let known = *inner.serial.lock().unwrap_or_else(PoisonError::into_inner);
    match known {
        Some((read, serial)) if inner.clock.now().saturating_since(read) < SERIAL_AGE_MAX => {
            Ok(soa_with(inner, serial))
        }
        _ => fresh_soa(inner).await,
    }
}

fn soa_with(inner: &Inner, serial: u32) -> Record {
    let zone = &inner.zone;
    let server = zone.servers().first().map_or_else(DnsName::root, |(name, _)| name.clone());
    // Refresh, retry and expiry are what RIPE-203 recommends for small zones.
    let soa = SOA::new(server, zone.contact().clone(), serial, 3_600, 600, 1_209_600, NEGATIVE_TTL);
    Record::from_rdata(zone.origin().clone(), NEGATIVE_TTL, RData::SOA(soa))
}

/// Says that something is not there: nothing at all, or nothing but these types.
async fn deny(
    inner: &Inner,
    response: &mut Message,
    signer: Option<&Signer>,
    (at, types): (&DnsName, Option<&[RecordType]>),
) -> Result<(), Unanswered> {
    response.authorities.push(soa(inner).await?);
    match signer {
        // What is signed says by its types whether the name is there, and no code says otherwise (RFC 9824, section 3).
        Some(signer) => response.authorities.extend(signer.denial(at, types, NEGATIVE_TTL)),
        None if types.is_none() => response.metadata.response_code = ResponseCode::NXDomain,
        None => {}
    }
    Ok(())
}

/// Adds to each set of records its signature.
fn sign_all(records: &mut Vec<Record>, signer: &Signer, inner: &Inner) -> Result<(), Unanswered> {
    let now = inner.clock.now();
    let mut signatures = Vec::new();
    let mut rest: &[Record] = records;
    while let [first, ..] = rest {
        let same =
            |record: &&Record| record.name == first.name && record.record_type() == first.record_type();
        let count = rest.iter().take_while(|record| same(record)).count();
        // A made-up answer to ANY is signed like what it stands for.
        let set: Vec<&Record> = rest.iter().take(count).collect();
        signatures.extend(signer.sign(&set, now)?);
        rest = &rest[count..];
    }
    records.extend(signatures);
    Ok(())
}

/// All that a name says, as records of the zone.
pub(crate) fn records_of(inner: &Inner, name: &Name, says: &DnsRecords) -> Vec<Record> {
    let record = |record: &casemate_model::DnsRecord| {
        let at = inner.zone.name_of(name, record.prefix.as_ref())?;
        // Where one of the zone's servers is, nobody else says anything.
        if let Place::Server(_) = inner.zone.place_of(&at) {
            return None;
        }
        Some(Record::from_rdata(at, says.ttl(), rdata_of(record)))
    };
    says.records().iter().filter_map(record).collect()
}
