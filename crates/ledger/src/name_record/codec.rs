//! The bytes of name records, in the order of `docs/formats/name.md`.

use casemate_model::{Digest, DnsRecord, DnsRecords, Name, Tags};

use super::{NameChange, NameRecord, SignedNameRecord, Standing};
use crate::canonical::{DecodeError, EncodeError, Kind, Reader, Writer};
use crate::{OwnerPublicKey, OwnerSignature};

pub(super) fn encode(record: &NameRecord) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new(&KIND);
    writer.display(&record.registry);
    writer.u8(number_of(&NameChange::ALL, record.change) + 1);
    writer.u8(number_of(&Standing::ALL, record.standing));
    writer.text("name", record.name.as_str(), Name::BYTES_MAX)?;
    writer.u64(record.epoch);
    writer.u64(record.sequence);
    writer.display(&record.project);
    match &record.offered_to {
        None => writer.u8(0),
        Some(project) => {
            writer.u8(1);
            writer.display(project);
        }
    }
    for key in [&record.owner, &record.recovery, &record.successor] {
        match key {
            None => writer.u8(0),
            Some(key) => key.write(&mut writer),
        }
    }
    match &record.digest {
        None => writer.u8(0),
        Some(digest) => {
            writer.u8(1);
            writer.digest(digest);
        }
    }
    writer.u32(record.dns.ttl());
    writer.count("dns", record.dns.records().len(), DnsRecords::COUNT_MAX)?;
    for line in record.dns.records() {
        writer.text("dns", &line.to_string(), DnsRecords::BYTES_MAX)?;
    }
    writer.text("tags", &record.tags.to_string(), TAGS_BYTES_MAX)?;
    writer.time(record.issued);
    writer.time(record.take_until);
    writer.time(record.expires);
    writer.digest(&record.previous);
    Ok(writer.finish())
}

pub(super) fn decode(bytes: &[u8]) -> Result<NameRecord, DecodeError> {
    let mut reader = Reader::new(&KIND, bytes)?;
    let record = NameRecord {
        registry: reader.display("registry")?,
        change: read_one_of(&NameChange::ALL, reader.u8("change")?.wrapping_sub(1), "change")?,
        standing: read_one_of(&Standing::ALL, reader.u8("standing")?, "standing")?,
        name: read_text(&mut reader, "name", Name::BYTES_MAX)?,
        epoch: reader.u64("epoch")?,
        sequence: reader.u64("sequence")?,
        project: reader.display("project")?,
        offered_to: match reader.u8("offered to")? {
            0 => None,
            1 => Some(reader.display("offered to")?),
            _ => return Err(DecodeError::Value { field: "offered to" }),
        },
        owner: OwnerPublicKey::read(&mut reader, "owner")?,
        recovery: OwnerPublicKey::read(&mut reader, "recovery")?,
        successor: OwnerPublicKey::read(&mut reader, "successor")?,
        digest: read_digest(&mut reader)?,
        dns: read_dns(&mut reader)?,
        tags: read_text::<Tags>(&mut reader, "tags", TAGS_BYTES_MAX)?,
        issued: reader.time("issued")?,
        take_until: reader.time("take until")?,
        expires: reader.time("expires")?,
        previous: reader.digest("previous")?,
    };
    reader.finish()?;
    Ok(record)
}

/// Frames a record's bytes and its signatures.
pub(super) fn join(body: &[u8], signatures: &[OwnerSignature]) -> Vec<u8> {
    let mut writer = Writer::new(&SIGNED_KIND);
    writer.u32(u32::try_from(body.len()).expect("a record is short"));
    writer.raw(body);
    writer.u8(u8::try_from(signatures.len()).expect("a record has few signatures"));
    for signature in signatures {
        let bytes = signature.to_bytes();
        writer.u16(u16::try_from(bytes.len()).expect("a signature is short"));
        writer.raw(&bytes);
    }
    writer.finish()
}

pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], Vec<OwnerSignature>), DecodeError> {
    let mut reader = Reader::new(&SIGNED_KIND, bytes)?;
    let length = reader.u32("record")?;
    let body = reader.raw("record", usize::try_from(length).unwrap_or(usize::MAX))?;
    let count = usize::from(reader.u8("signatures")?);
    if count > SignedNameRecord::SIGNATURES_MAX {
        return Err(DecodeError::Value { field: "signatures" });
    }
    let mut signatures = Vec::with_capacity(count);
    for _ in 0..count {
        let length = reader.count("signature", OwnerSignature::BYTES_MAX)?;
        let signature = OwnerSignature::from_bytes(reader.raw("signature", length)?);
        signatures.push(signature.ok_or(DecodeError::Value { field: "signature" })?);
    }
    reader.finish()?;
    Ok((body, signatures))
}

fn number_of<T: PartialEq>(all: &[T], value: T) -> u8 {
    let place = all.iter().position(|other| *other == value).expect("all of them are listed");
    u8::try_from(place).expect("there are few")
}

fn read_one_of<T: Copy>(all: &[T], number: u8, field: &'static str) -> Result<T, DecodeError> {
    all.get(usize::from(number)).copied().ok_or(DecodeError::Value { field })
}

/// Reads a value that has one text form; another spelling of it is refused.
fn read_text<T: std::str::FromStr + ToString>(
    reader: &mut Reader<'_>,
    field: &'static str,
    max: usize,
) -> Result<T, DecodeError> {
    let text = reader.text(field, max)?;
    let value: Option<T> = text.parse().ok();
    value.filter(|value| value.to_string() == text).ok_or(DecodeError::Value { field })
}

fn read_digest(reader: &mut Reader<'_>) -> Result<Option<Digest>, DecodeError> {
    match reader.u8("digest")? {
        0 => Ok(None),
        1 => Ok(Some(reader.digest("digest")?)),
        _ => Err(DecodeError::Value { field: "digest" }),
    }
}

fn read_dns(reader: &mut Reader<'_>) -> Result<DnsRecords, DecodeError> {
    let wrong = DecodeError::Value { field: "dns" };
    let ttl = reader.u32("dns")?;
    let count = reader.count("dns", DnsRecords::COUNT_MAX)?;
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        records.push(read_text::<DnsRecord>(reader, "dns", DnsRecords::BYTES_MAX)?);
    }
    let dns = DnsRecords::new(ttl, records.clone()).map_err(|_| wrong.clone())?;
    if dns.records() == records { Ok(dns) } else { Err(wrong) }
}

/// Sixteen tags of 63 characters, and spaces between them.
const TAGS_BYTES_MAX: usize = Tags::COUNT_MAX * 64;

const KIND: Kind =
    Kind { noun: "name record", magic: *b"CMNR", version: 1, bytes_max: NameRecord::BYTES_MAX };

const SIGNED_KIND: Kind =
    Kind { noun: "signed name record", magic: *b"CMNS", version: 1, bytes_max: SignedNameRecord::BYTES_MAX };

/// Three hybrid keys, what a name says in DNS, its tags, its text, and less than 1 KiB for everything else.
const _: () = assert!(
    3 * 1985 + DnsRecords::BYTES_MAX + 2 * DnsRecords::COUNT_MAX + TAGS_BYTES_MAX + Name::BYTES_MAX + 1024
        <= NameRecord::BYTES_MAX
);
