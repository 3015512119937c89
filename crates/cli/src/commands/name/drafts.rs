//! Looking at a draft before it is signed: nobody signs what somebody else made of it.

use std::time::Duration;

use casemate_api::names::{DraftName, NameChange, NameDns, NameDraft};
use casemate_ledger::{NameRecord, SignedNameRecord, Standing};
use casemate_model::{DnsRecords, Name, Tag, Tags};
use data_encoding::BASE64;

use crate::report::CliError;

/// How long a draft may be handed in, at most.
const TAKE_MAX: Duration = Duration::from_secs(60 * 60);

/// The record of a draft, if it says what was asked for and is in all else the version before.
pub(super) fn drafted(draft: &NameDraft, name: &Name, wanted: &DraftName) -> Result<NameRecord, CliError> {
    let odd = || CliError::OddAnswer { what: "the draft of a record" };
    let bytes = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| odd());
    let record = NameRecord::decode(&bytes(&draft.record)?).map_err(|_| odd())?;
    let former = match &draft.former {
        Some(former) => Some(SignedNameRecord::decode(&bytes(former)?).map_err(|_| odd())?),
        None => None,
    };
    let expected = match (wanted.change, &former) {
        (NameChange::Claimed, None) => Some(first(&record, name)),
        (NameChange::Claimed, Some(_)) | (_, None) => None,
        // What the owner signed before is not what somebody else says it was.
        (_, Some(former)) if former.verify_alone().is_err() => None,
        (_, Some(former)) => Some(next(&record, former.record(), wanted.change)),
    };
    let expected = expected.and_then(|expected| with_wanted(expected, wanted));
    let is_brief = record.take_until <= record.issued.saturating_add(TAKE_MAX);
    if expected.as_ref() != Some(&record) || record.name != *name || !is_brief {
        return Err(CliError::DraftDiffers { name: name.to_string() });
    }
    Ok(record)
}

/// The first version of a life. Its place in the history, and how long it lasts, are the registry's to say.
fn first(record: &NameRecord, name: &Name) -> NameRecord {
    NameRecord {
        standing: Standing::Good,
        name: name.clone(),
        offered_to: None,
        owner: None,
        recovery: None,
        successor: None,
        digest: None,
        dns: DnsRecords::default(),
        tags: Tags::default(),
        ..record.clone()
    }
}

/// What comes after a version by a change, as far as nobody says what to change.
fn next(record: &NameRecord, former: &NameRecord, change: NameChange) -> NameRecord {
    let next = NameRecord {
        change: record.change,
        sequence: former.sequence.saturating_add(1),
        offered_to: None,
        successor: None,
        issued: record.issued,
        take_until: record.take_until,
        previous: former.digest_of(),
        ..former.clone()
    };
    match change {
        NameChange::Renewed => NameRecord { expires: record.expires, ..next },
        NameChange::Transferred => {
            let (project, expires) = (record.project.clone(), record.expires.min(former.expires));
            NameRecord { project, expires, owner: None, recovery: None, tags: Tags::default(), ..next }
        }
        NameChange::Rotated => NameRecord { owner: None, recovery: None, ..next },
        NameChange::Recovered => NameRecord { owner: former.successor.clone(), ..next },
        NameChange::Released => {
            let (dns, tags) = (DnsRecords::default(), Tags::default());
            NameRecord { digest: None, dns, tags, expires: record.issued, ..next }
        }
        _ => next,
    }
}

/// A version with what was asked for; `None` if that is not to be read.
fn with_wanted(mut version: NameRecord, wanted: &DraftName) -> Option<NameRecord> {
    if version.change.as_str() != wanted.change.as_str() {
        return None;
    }
    if let Some(digest) = &wanted.digest {
        version.digest = Some(digest.parse().ok()?);
    }
    if let Some(NameDns { ttl, records }) = &wanted.dns {
        let records = records.iter().map(|record| record.parse().ok()).collect::<Option<_>>()?;
        version.dns = DnsRecords::new(*ttl, records).ok()?;
    }
    if let Some(tags) = &wanted.tags {
        version.tags =
            Tags::new(tags.iter().map(|tag| tag.parse().ok()).collect::<Option<Vec<Tag>>>()?).ok()?;
    }
    if let Some(to) = &wanted.to {
        version.offered_to = Some(to.parse().ok()?);
    }
    for (key, place) in [
        (&wanted.owner, &mut version.owner),
        (&wanted.recovery, &mut version.recovery),
        (&wanted.successor, &mut version.successor),
    ] {
        if let Some(key) = key {
            *place = Some(key.parse().ok()?);
        }
    }
    Some(version)
}
