//! Names, as they go over the wire and come from it.

use casemate_api as wire;
use std::time::Duration;

use casemate_api::names::{
    AcceptName, ClaimName, DraftName, NameDns, Resolution, ResolutionKind, UpdateName,
};
use casemate_ledger::NameChange;
use casemate_model::{Digest, DnsError, DnsRecords, Tags};
use casemate_names::{Content, Edit, Keys, NameVersion, Order, Resolved, Status};

use crate::problem::{Problem, body_field};

pub(crate) fn name(resolved: &Resolved) -> wire::names::Name {
    let (held, record) = (&resolved.held, &resolved.held.record);
    let is_active = resolved.status == Status::Active;
    wire::names::Name {
        name: record.name.to_string(),
        project: record.project.to_string(),
        epoch: record.epoch,
        sequence: record.sequence,
        status: match resolved.status {
            Status::Active => wire::names::NameStatus::Active,
            Status::Grace { .. } => wire::names::NameStatus::Grace,
            Status::Suspended => wire::names::NameStatus::Suspended,
            Status::SuspendedAbove { .. } => wire::names::NameStatus::SuspendedAbove,
            Status::Revoked { .. } => wire::names::NameStatus::Revoked,
            Status::Ended => wire::names::NameStatus::Ended,
        },
        until: match &resolved.status {
            Status::Grace { until } | Status::Revoked { until } => Some(until.to_string()),
            Status::Active | Status::Suspended | Status::SuspendedAbove { .. } | Status::Ended => None,
        },
        digest: record.digest.filter(|_| is_active).map(|digest| digest.to_string()),
        dns: is_active.then(|| name_dns(&record.dns)),
        tags: record.tags.iter().map(ToString::to_string).collect(),
        owner: record.owner.as_ref().map(ToString::to_string),
        recovery: record.recovery.as_ref().map(ToString::to_string),
        successor: record.successor.as_ref().map(ToString::to_string),
        offered_to: record.offered_to.as_ref().map(ToString::to_string),
        decided: held.decided().map(|at| at.to_string()),
        change: name_change(record.change),
        record: record.digest_of().to_string(),
        claimed: held.claimed.to_string(),
        updated: held.updated.to_string(),
        expires: record.expires.to_string(),
        locked_until: held.locked_until.to_string(),
        resolution: None,
    }
}

pub(crate) fn bounded(age: Duration) -> Resolution {
    Resolution { kind: ResolutionKind::Bounded, age_ms: Some(millis(age)) }
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn name_dns(dns: &DnsRecords) -> NameDns {
    NameDns { ttl: dns.ttl(), records: dns.records().iter().map(ToString::to_string).collect() }
}

pub(crate) fn name_version(version: &NameVersion) -> wire::names::NameVersion {
    wire::names::NameVersion {
        name: version.name.to_string(),
        project: version.project.to_string(),
        epoch: version.epoch,
        sequence: version.sequence,
        kind: name_change(version.change),
        digest: version.digest.map(|digest| digest.to_string()),
        actor: version.actor.clone(),
        at: version.at.to_string(),
        record: version.record.map(|record| record.to_string()),
        dns: version.said.as_ref().map(|said| name_dns(&said.dns)),
        tags: version.said.as_ref().map(|said| said.tags.iter().map(ToString::to_string).collect()),
    }
}

macro_rules! changes {
    ($($change:ident),+ $(,)?) => {
        pub(crate) fn name_change(change: NameChange) -> wire::names::NameChange {
            match change { $(NameChange::$change => wire::names::NameChange::$change,)+ }
        }
    };
}

changes!(
    Claimed,
    Updated,
    Renewed,
    Offered,
    Withdrawn,
    Declined,
    Transferred,
    Rotated,
    Recovering,
    Recovered,
    Suspended,
    Resumed,
    Revoked,
    Released,
    Lapsed,
    Removed,
);

/// What a claim says; it needs nobody's signature.
pub(crate) fn claim_of(claim: &ClaimName) -> Result<(Content, Keys), Problem> {
    let digest = body_field("/digest", &claim.digest)?;
    let dns = dns_of(claim.dns.as_ref())?.unwrap_or_default();
    Ok((Content { digest, dns, tags: tags_of(&claim.tags)? }, Keys::default()))
}

pub(crate) fn edit_of(update: &UpdateName) -> Result<Edit, Problem> {
    Ok(Edit {
        digest: optional("/digest", update.digest.as_deref())?,
        dns: dns_of(update.dns.as_ref())?,
        tags: update.tags.as_deref().map(tags_of).transpose()?,
    })
}

pub(crate) fn acceptance_of(accept: &AcceptName) -> Result<Order, Problem> {
    Ok(Order::Accept { digest: optional("/digest", accept.digest.as_deref())?, keys: Keys::default() })
}

/// The order that somebody wants to sign.
pub(crate) fn order_of(draft: &DraftName) -> Result<Order, Problem> {
    use wire::names::NameChange as Wire;
    let needed =
        |pointer: &str| Problem::field(pointer, format!("is needed for `{}`", draft.change.as_str()));
    let keys = || -> Result<Keys, Problem> {
        Ok(Keys {
            owner: optional("/owner", draft.owner.as_deref())?,
            recovery: optional("/recovery", draft.recovery.as_deref())?,
        })
    };
    let digest: Option<Digest> = optional("/digest", draft.digest.as_deref())?;
    let (dns, tags) = (dns_of(draft.dns.as_ref())?, draft.tags.as_deref().map(tags_of).transpose()?);
    Ok(match draft.change {
        Wire::Claimed => {
            let digest = digest.ok_or_else(|| needed("/digest"))?;
            let content = Content { digest, dns: dns.unwrap_or_default(), tags: tags.unwrap_or_default() };
            Order::Claim { content, keys: keys()? }
        }
        Wire::Updated => Order::Update(Edit { digest, dns, tags }),
        Wire::Renewed => Order::Renew,
        Wire::Offered => {
            let to = optional("/to", draft.to.as_deref())?;
            Order::Offer { to: to.ok_or_else(|| needed("/to"))? }
        }
        Wire::Withdrawn => Order::Withdraw,
        Wire::Transferred => Order::Accept { digest, keys: keys()? },
        Wire::Rotated => Order::Rotate(keys()?),
        Wire::Recovering => {
            let successor = optional("/successor", draft.successor.as_deref())?;
            Order::Recover { successor: successor.ok_or_else(|| needed("/successor"))? }
        }
        Wire::Released => Order::Release,
        other => {
            return Err(Problem::field(
                "/change",
                format!("`{}` is nothing that owners sign", other.as_str()),
            ));
        }
    })
}

fn dns_of(dns: Option<&NameDns>) -> Result<Option<DnsRecords>, Problem> {
    let Some(dns) = dns else { return Ok(None) };
    if dns.records.len() > DnsRecords::COUNT_MAX {
        let text = format!("a name has at most {} DNS records", DnsRecords::COUNT_MAX);
        return Err(Problem::field("/dns/records", text));
    }
    let records = dns.records.iter().enumerate();
    let records = records.map(|(index, line)| body_field(&format!("/dns/records/{index}"), line));
    let records = records.collect::<Result<Vec<_>, Problem>>()?;
    DnsRecords::new(dns.ttl, records).map(Some).map_err(|error| {
        let place = if matches!(error, DnsError::Ttl) { "/dns/ttl" } else { "/dns/records" };
        Problem::field(place, error.to_string())
    })
}

fn tags_of(tags: &[String]) -> Result<Tags, Problem> {
    let words = tags.iter().enumerate().take(Tags::COUNT_MAX + 1);
    let words = words.map(|(index, tag)| body_field(&format!("/tags/{index}"), tag));
    let words = words.collect::<Result<Vec<_>, Problem>>()?;
    Tags::new(words).map_err(|error| Problem::field("/tags", error.to_string()))
}

fn optional<T: std::str::FromStr<Err: std::error::Error>>(
    pointer: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| body_field(pointer, text)).transpose()
}
