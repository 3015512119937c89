//! Records of names as DNS sends them.

use casemate_model::{Binding, DnsData, DnsRecord, DnsTarget};
use hickory_proto::rr::rdata::svcb::{Alpn, IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, SRV, SVCB, TXT};
use hickory_proto::rr::{Name as DnsName, RData, RecordType};

/// Most bytes of one string of a TXT record (RFC 1035, section 3.3).
const STRING_BYTES_MAX: usize = 255;

/// The type of a record.
pub(crate) fn type_of(record: &DnsRecord) -> RecordType {
    match record.data {
        DnsData::A(_) => RecordType::A,
        DnsData::Aaaa(_) => RecordType::AAAA,
        DnsData::Cname(_) => RecordType::CNAME,
        DnsData::Txt(_) => RecordType::TXT,
        DnsData::Srv { .. } => RecordType::SRV,
        DnsData::Svcb(_) => RecordType::SVCB,
        DnsData::Https(_) => RecordType::HTTPS,
    }
}

/// What it says.
pub(crate) fn rdata_of(record: &DnsRecord) -> RData {
    match &record.data {
        DnsData::A(address) => RData::A(A(*address)),
        DnsData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        DnsData::Cname(target) => RData::CNAME(CNAME(target_of(target))),
        DnsData::Txt(words) => {
            let strings = words.as_bytes().chunks(STRING_BYTES_MAX).collect();
            RData::TXT(TXT::from_bytes(strings))
        }
        DnsData::Srv { priority, weight, port, target } => {
            RData::SRV(SRV::new(*priority, *weight, *port, target_of(target)))
        }
        DnsData::Svcb(binding) => RData::SVCB(svcb(binding)),
        DnsData::Https(binding) => RData::HTTPS(HTTPS(svcb(binding))),
    }
}

/// The name that a target means.
pub(crate) fn target_of(target: &DnsTarget) -> DnsName {
    let labels = target.as_str().split('.').filter(|label| !label.is_empty()).map(str::as_bytes);
    let mut name =
        DnsName::from_labels(labels).expect("a target's type keeps its labels and length within bounds");
    name.set_fqdn(true);
    name
}

fn svcb(binding: &Binding) -> SVCB {
    let mut params = Vec::new();
    if !binding.alpn.is_empty() {
        params.push((SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(binding.alpn.clone()))));
    }
    if let Some(port) = binding.port {
        params.push((SvcParamKey::Port, SvcParamValue::Port(port)));
    }
    if !binding.ipv4hint.is_empty() {
        let hints = binding.ipv4hint.iter().map(|address| A(*address)).collect();
        params.push((SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(hints))));
    }
    if !binding.ipv6hint.is_empty() {
        let hints = binding.ipv6hint.iter().map(|address| AAAA(*address)).collect();
        params.push((SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(hints))));
    }
    SVCB::new(binding.priority, target_of(&binding.target), params)
}
