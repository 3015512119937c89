//! A zone as those see it who ask: bytes in, bytes out.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use casemate_dns::{Dns, DnsSettings, Look, Reply, Signer, Transport, View, Zone};
use casemate_limits::Quota;
use casemate_model::test_support::ManualClock;
use casemate_model::{DnsRecords, Name, StoreError};
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name as DnsName, RData, RecordType};
use proptest::prelude::*;

/// Names that say what a test has them say.
#[derive(Default)]
struct Names(Mutex<BTreeMap<String, DnsRecords>>);

#[async_trait]
impl View for Names {
    async fn look(&self, name: &Name) -> Result<Look, StoreError> {
        let names = self.0.lock().unwrap();
        let below = format!(".{name}");
        let has_below = names.keys().any(|other| other.ends_with(&below));
        Ok(Look { says: names.get(name.as_str()).cloned().map(Arc::new), has_below })
    }

    async fn page(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<(Vec<(Name, DnsRecords)>, Option<Name>), StoreError> {
        let names = self.0.lock().unwrap();
        let after = after.map(Name::as_str).unwrap_or_default();
        let page = names.iter().filter(|(name, _)| name.as_str() > after).take(limit as usize);
        let page: Vec<(Name, DnsRecords)> =
            page.map(|(name, says)| (name.parse().unwrap(), says.clone())).collect();
        let last = page.last().map(|(name, _)| name.clone());
        Ok((page, last))
    }

    async fn serial(&self) -> Result<u32, StoreError> {
        Ok(7)
    }
}

fn zone(sign: bool, answers: Option<Quota>) -> Dns {
    let names = Names::default();
    for (name, says) in [
        (
            "wordcount.tools",
            "A 192.0.2.1\nAAAA 2001:db8::1\nTXT words\n_http._tcp SRV 0 5 443 wordcount.tools.names.example",
        ),
        ("alias.tools", "CNAME wordcount.tools.names.example"),
        ("away.tools", "CNAME www.example.org"),
        ("silent.tools", ""),
        ("web.tools", "HTTPS 1 . alpn=h2 port=8443"),
    ] {
        names.0.lock().unwrap().insert(name.to_owned(), says.parse().unwrap());
    }
    for number in 0..40 {
        let says = format!("TXT {}", "x".repeat(900)).parse().unwrap();
        names.0.lock().unwrap().insert(format!("long-{number}.tools"), says);
    }
    let zone = Zone::new("names.example", &["ns1.names.example=192.0.2.53".to_owned()]).unwrap();
    let signer = sign.then(|| Signer::new(zone.origin().clone(), &[7; 32]).unwrap());
    let transfer_key = Some("xfr:hmac-sha256:MDEyMzQ1Njc4OWFiY2RlZg==".parse().unwrap());
    let settings = DnsSettings { zone, signer, transfer_key, answers };
    Dns::new(settings, Arc::new(names), Arc::new(ManualClock::new()))
}

fn from() -> SocketAddr {
    "198.51.100.7:4000".parse().unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    let mut query = Query::query(DnsName::from_ascii(name).unwrap(), kind);
    query.set_query_class(DNSClass::IN);
    message.add_query(query);
    message.metadata.recursion_desired = true;
    message
}

fn ask(dns: &Dns, message: &Message, transport: Transport) -> Option<Message> {
    match run(dns.reply(&message.to_vec().unwrap(), from(), transport)) {
        Reply::Message(bytes) => Some(Message::from_vec(&bytes).unwrap()),
        Reply::Silence => None,
        Reply::Transfer(_) => panic!("a transfer was not asked for"),
    }
}

fn answer(dns: &Dns, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let answer = ask(dns, &question(name, kind), Transport::Udp).unwrap();
    assert_eq!((answer.metadata.id, answer.metadata.recursion_available), (4711, false));
    (answer.metadata.response_code, answer.answers.iter().map(|record| record.data.to_string()).collect())
}

#[test]
fn a_zone_answers_for_its_names_and_nothing_else() {
    let dns = zone(false, None);
    let ok = |data: &[&str]| {
        (ResponseCode::NoError, data.iter().map(|data| (*data).to_owned()).collect::<Vec<_>>())
    };
    let nothing = |code| (code, Vec::new());
    for (name, kind, expected) in [
        ("wordcount.tools.names.example.", RecordType::A, ok(&["192.0.2.1"])),
        ("WordCount.TOOLS.names.example.", RecordType::AAAA, ok(&["2001:db8::1"])),
        ("wordcount.tools.names.example.", RecordType::MX, ok(&[])),
        (
            "_http._tcp.wordcount.tools.names.example.",
            RecordType::SRV,
            ok(&["0 5 443 wordcount.tools.names.example."]),
        ),
        ("_tcp.wordcount.tools.names.example.", RecordType::SRV, ok(&[])),
        ("_udp.wordcount.tools.names.example.", RecordType::SRV, nothing(ResponseCode::NXDomain)),
        ("alias.tools.names.example.", RecordType::A, ok(&["wordcount.tools.names.example.", "192.0.2.1"])),
        ("alias.tools.names.example.", RecordType::CNAME, ok(&["wordcount.tools.names.example."])),
        ("away.tools.names.example.", RecordType::A, ok(&["www.example.org."])),
        ("silent.tools.names.example.", RecordType::A, ok(&[])),
        ("tools.names.example.", RecordType::A, ok(&[])),
        ("missing.tools.names.example.", RecordType::A, nothing(ResponseCode::NXDomain)),
        ("below.wordcount.tools.names.example.", RecordType::A, nothing(ResponseCode::NXDomain)),
        ("names.example.", RecordType::NS, ok(&["ns1.names.example."])),
        ("ns1.names.example.", RecordType::A, ok(&["192.0.2.53"])),
        ("example.", RecordType::A, nothing(ResponseCode::Refused)),
        ("www.example.org.", RecordType::A, nothing(ResponseCode::Refused)),
    ] {
        assert_eq!(answer(&dns, name, kind), expected, "{name} {kind}");
    }
    let https = answer(&dns, "web.tools.names.example.", RecordType::HTTPS).1;
    assert!(https[0].contains("h2") && https[0].contains("8443"), "{https:?}");
}

#[test]
fn what_is_not_there_says_for_how_long() {
    let dns = zone(false, None);
    let answer = ask(&dns, &question("missing.tools.names.example.", RecordType::A), Transport::Udp).unwrap();
    let [soa] = answer.authorities.as_slice() else { panic!("{answer:?}") };
    let RData::SOA(data) = &soa.data else { panic!("{soa}") };
    assert_eq!((soa.ttl, data.minimum, data.serial), (60, 60, 7));
    assert!(answer.metadata.authoritative);
}

#[test]
fn what_does_not_fit_is_asked_for_by_a_connection() {
    let dns = zone(false, None);
    let mut long = question("long-1.tools.names.example.", RecordType::TXT);
    let cut = ask(&dns, &long, Transport::Udp).unwrap();
    assert!(cut.metadata.truncation && cut.answers.is_empty(), "{cut:?}");
    assert_eq!(ask(&dns, &long, Transport::Stream).unwrap().answers.len(), 1);
    let mut edns = Edns::new();
    edns.set_max_payload(65_535);
    long.edns = Some(edns);
    let whole = ask(&dns, &long, Transport::Udp).unwrap();
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 1));
    assert_eq!(whole.edns.unwrap().max_payload(), 1_232, "no path takes it apart");
}

#[test]
fn what_is_no_question_gets_little() {
    let dns = zone(false, None);
    let code =
        |message: &Message| ask(&dns, message, Transport::Udp).map(|answer| answer.metadata.response_code);
    let mut update = question("names.example.", RecordType::SOA);
    update.metadata.op_code = OpCode::Update;
    assert_eq!(code(&update), Some(ResponseCode::NotImp));
    let mut chaos = question("names.example.", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos), Some(ResponseCode::Refused));
    let mut none = question("names.example.", RecordType::SOA);
    none.queries.clear();
    assert_eq!(code(&none), Some(ResponseCode::FormErr));
    let mut answer = question("names.example.", RecordType::SOA);
    answer.metadata.message_type = MessageType::Response;
    assert_eq!(code(&answer), None, "nobody gets two servers to talk to each other");
    let mut newer = question("names.example.", RecordType::SOA);
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.edns = Some(edns);
    // The same number is BADSIG in signatures of transfers.
    assert_eq!(code(&newer).map(u16::from), Some(u16::from(ResponseCode::BADVERS)));
    let any =
        ask(&dns, &question("wordcount.tools.names.example.", RecordType::ANY), Transport::Udp).unwrap();
    assert_eq!(any.answers.len(), 1);
    for transport in [Transport::Udp, Transport::Stream] {
        let unsigned = question("names.example.", RecordType::AXFR);
        let refused = ask(&dns, &unsigned, transport).unwrap();
        assert!(refused.answers.is_empty());
        assert_ne!(
            refused.metadata.response_code,
            ResponseCode::NoError,
            "nobody has the zone without its key"
        );
    }
}

#[test]
fn answers_are_signed_for_those_who_ask() {
    let dns = zone(true, None);
    let signed = |name: &str, kind| {
        let mut question = question(name, kind);
        let mut edns = Edns::new();
        edns.set_dnssec_ok(true);
        question.edns = Some(edns);
        ask(&dns, &question, Transport::Stream).unwrap()
    };
    let is_signature = |data: &RData| matches!(data, RData::DNSSEC(DNSSECRData::RRSIG(_)));
    let plain =
        ask(&dns, &question("wordcount.tools.names.example.", RecordType::A), Transport::Udp).unwrap();
    assert!(plain.answers.iter().all(|record| !is_signature(&record.data)));
    let found = signed("wordcount.tools.names.example.", RecordType::A);
    assert_eq!(found.answers.iter().filter(|record| is_signature(&record.data)).count(), 1);
    let key = signed("names.example.", RecordType::DNSKEY);
    assert_eq!(key.answers.len(), 2, "{key:?}");
    // Nothing is there, and the type that says so is.
    let missing = signed("missing.tools.names.example.", RecordType::A);
    assert_eq!(missing.metadata.response_code, ResponseCode::NoError);
    let nsec = missing.authorities.iter().find(|record| record.record_type() == RecordType::NSEC).unwrap();
    assert!(nsec.data.to_string().contains("Unknown"), "{nsec}");
    assert_eq!(missing.authorities.iter().filter(|record| is_signature(&record.data)).count(), 2);
    let none = signed("wordcount.tools.names.example.", RecordType::MX);
    let nsec = none.authorities.iter().find(|record| record.record_type() == RecordType::NSEC).unwrap();
    assert!(!nsec.data.to_string().contains("Unknown") && nsec.data.to_string().contains("AAAA"), "{nsec}");
}

#[test]
fn who_asks_too_often_by_datagrams_is_cut_short_or_left_out() {
    let dns = zone(false, Some(Quota { per_second: 1, burst: 3 }));
    let (mut whole, mut cut, mut left_out) = (0, 0, 0);
    for id in 0..103_u16 {
        let mut question = question("wordcount.tools.names.example.", RecordType::A);
        question.metadata.id = id;
        match ask(&dns, &question, Transport::Udp) {
            None => left_out += 1,
            Some(answer) if answer.metadata.truncation => cut += 1,
            Some(_) => whole += 1,
        }
        assert!(ask(&dns, &question, Transport::Stream).is_some(), "a connection shows who asks");
    }
    assert_eq!(whole, 3);
    assert_eq!((cut + left_out, cut > 30, left_out > 30), (100, true, true));
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..600), stream: bool) {
        let transport = if stream { Transport::Stream } else { Transport::Udp };
        match run(zone(true, None).reply(&bytes, from(), transport)) {
            Reply::Silence => {}
            Reply::Message(answer) => {
                let read = Message::from_vec(&answer).unwrap();
                prop_assert_eq!(read.metadata.message_type, MessageType::Response);
                prop_assert_eq!(&answer[..2], &bytes[..2], "it is the answer to this");
            }
            Reply::Transfer(_) => prop_assert!(false, "nobody signed that"),
        }
    }

    #[test]
    fn any_name_and_type_get_an_answer(labels in proptest::collection::vec("[ -~]{1,20}", 0..6), kind: u16, signed: bool) {
        let labels = labels.iter().map(|label| label.as_bytes()).chain([b"names".as_slice(), b"example"]);
        let Ok(mut name) = DnsName::from_labels(labels) else { return Ok(()) };
        name.set_fqdn(true);
        let mut message = question("names.example.", RecordType::from(kind));
        message.queries[0].set_name(name);
        let mut edns = Edns::new();
        edns.set_dnssec_ok(signed);
        message.edns = Some(edns);
        let Ok(bytes) = message.to_vec() else { return Ok(()) };
        if let Reply::Message(answer) = run(zone(true, None).reply(&bytes, from(), Transport::Udp)) {
            let read = Message::from_vec(&answer).unwrap();
            prop_assert!(answer.len() <= 1_232 && read.metadata.response_code != ResponseCode::ServFail);
        }
    }
}
