use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<DnsRecords, DnsError> {
    text.parse()
}

#[test]
fn records_have_one_order_and_one_spelling() {
    let text = "TXT v=spf1 -all\n_http._tcp SRV 0 5 443 host.example.\na 192.0.2.1\nAAAA 2001:DB8:0::1\nHTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1";
    let records = read(text).unwrap();
    assert_eq!(records.ttl(), DnsRecords::TTL_DEFAULT);
    let written = records.to_string();
    assert_eq!(
        written,
        "A 192.0.2.1\nAAAA 2001:db8::1\nTXT v=spf1 -all\nHTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1\n_http._tcp SRV 0 5 443 host.example\n"
    );
    assert_eq!(read(&written).unwrap(), records);
    let slow = read("$TTL 3600\nA 192.0.2.1").unwrap();
    assert_eq!((slow.ttl(), slow.to_string().as_str()), (3600, "$TTL 3600\nA 192.0.2.1\n"));
    assert_eq!(read("").unwrap(), DnsRecords::default());
}

#[test]
fn what_is_no_record_is_refused() {
    let lines = [
        "A 192.0.2.256",
        "A",
        "A ",
        "A 192.0.2.1 x",
        "MX 10 host.example",
        "TXT ",
        "TXT  two",
        "TXT a\u{e9}",
        "TXT a\u{1b}[31m",
        "CNAME .",
        "CNAME a..b",
        "CNAME -a.example",
        "CNAME Host.Example",
        "_a._b._c TXT x",
        "_ TXT x",
        "http TXT x",
        "_http._tcp SRV 0 5 443",
        "_http._tcp SRV 0 5 65536 a.example",
        "_http._tcp SRV 00 5 443 a.example",
        "HTTPS 1",
        "HTTPS 1 . port=443 alpn=h2",
        "HTTPS 1 . alpn=h2 alpn=h3",
        "HTTPS 0 a.example alpn=h2",
        "HTTPS 1 . ech=AAAA",
        "HTTPS 1 . alpn=h2,h2",
        "HTTPS 1 . alpn=",
    ];
    for line in lines {
        assert!(matches!(read(line), Err(DnsError::Record { .. })), "{line}: {:?}", read(line));
    }
    let long = format!("TXT {}", "x".repeat(DnsRecords::TXT_BYTES_MAX + 1));
    assert!(matches!(read(&long), Err(DnsError::Record { .. })));
    for ttl in ["0", "86401", "-1", "007", "x"] {
        assert_eq!(read(&format!("$TTL {ttl}\nA 192.0.2.1")), Err(DnsError::Ttl), "{ttl}");
    }
}

#[test]
fn what_cannot_be_together_is_refused() {
    let twice = read("A 192.0.2.1\nA 192.0.2.1");
    assert_eq!(twice, Err(DnsError::Twice { line: "A 192.0.2.1".to_owned() }));
    let beside = read("CNAME host.example\nTXT words");
    assert_eq!(beside, Err(DnsError::NotAlone { line: "CNAME host.example".to_owned() }));
    assert!(read("CNAME host.example\n_dmarc TXT v=DMARC1").is_ok(), "these are in two places");
    for line in ["SRV 0 5 443 host.example", "_tcp SRV 0 5 443 host.example"] {
        assert_eq!(read(line), Err(DnsError::NoService { line: line.to_owned() }));
    }
    let many: Vec<_> = (0..=DnsRecords::COUNT_MAX).map(|number| format!("A 192.0.2.{number}")).collect();
    assert_eq!(read(&many.join("\n")), Err(DnsError::TooMany));
    let wide: Vec<_> = (0..5).map(|number| format!("TXT {number}{}", "x".repeat(1000))).collect();
    assert_eq!(read(&wide.join("\n")), Err(DnsError::TooMany));
}

proptest! {
    #[test]
    fn whatever_is_read_is_read_again(text in "[ -~\n]{0,200}") {
        if let Ok(records) = read(&text) {
            prop_assert_eq!(read(&records.to_string()), Ok(records));
        }
    }

    #[test]
    fn whatever_looks_like_records_is_read_again(
        lines in proptest::collection::vec("(_[a-z]{1,3}\\._[a-z]{1,3} )?(A|AAAA|TXT|CNAME|SRV|SVCB|HTTPS) [0-9a-z.:= ,]{1,24}", 0..6),
    ) {
        if let Ok(records) = read(&lines.join("\n")) {
            prop_assert_eq!(read(&records.to_string()), Ok(records));
        }
    }
}
