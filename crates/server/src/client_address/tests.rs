use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn proxies() -> TrustedProxies {
    TrustedProxies::parse(["10.0.0.0/8", "2001:db8:ffff::/48"]).expect("networks")
}

/// The client that a request of `peer` with header lines comes from.
fn client(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    proxies().client(peer.parse().expect("a socket address"), &headers).to_string()
}

const PROXY: &str = "10.0.0.1:999";

#[test]
fn a_peer_that_is_not_trusted_is_never_believed() {
    for header in ["x-forwarded-for", "forwarded"] {
        for value in ["192.0.2.9", "for=192.0.2.9", "10.0.0.1", "for=10.0.0.1", "", "unknown"] {
            assert_eq!(client("203.0.113.7:1", &[(header, value)]), "203.0.113.7", "{value}");
        }
    }
}

#[test]
fn the_chain_is_walked_from_the_right() {
    for (value, found) in [
        ("203.0.113.7", "203.0.113.7"),
        ("192.0.2.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("192.0.2.1,203.0.113.7 ,\t10.0.0.2,,", "203.0.113.7"),
        ("nonsense, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:80, [2001:db8:ffff::1]", "2001:db8::7"),
        ("::ffff:203.0.113.7, ::ffff:10.0.0.3", "203.0.113.7"),
        ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.7, _secret", "10.0.0.1"),
        // What is malformed where it counts.
        ("203.0.113.7, nonsense", "10.0.0.1"),
        ("203.0.113.7, 10.0.0.2:port", "10.0.0.1"),
        ("203.0.113.7 10.0.0.2", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("[2001:db8::7", "10.0.0.1"),
        ("[203.0.113.7]", "10.0.0.1"),
        ("0x7f.1", "10.0.0.1"),
        ("203.0.113.07", "10.0.0.1"),
        ("ä", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(client(PROXY, &[("x-forwarded-for", value)]), found, "{value}");
    }
    let lines = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "203.0.113.7")];
    assert_eq!(client(PROXY, &lines), "203.0.113.7", "lines are one list");
    let long = "10.0.0.2,".repeat(40);
    assert_eq!(client(PROXY, &[("x-forwarded-for", &format!("203.0.113.7,{long}"))]), "10.0.0.1");
}

#[test]
fn the_standard_header_says_the_same() {
    for (value, found) in [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7;proto=https;by=10.0.0.2", "203.0.113.7"),
        ("for=192.0.2.1, for=203.0.113.7, for=10.0.0.2", "203.0.113.7"),
        (r#"for="[2001:db8::7]:4711""#, "2001:db8::7"),
        (r#"for="203.0.113.7:_port""#, "203.0.113.7"),
        (r#"for="203.0.113.\7""#, "203.0.113.7"),
        (r#"for=192.0.2.1;by="a, for=192.0.2.2", for=203.0.113.7"#, "203.0.113.7"),
        ("for=unknown, for=10.0.0.2", "10.0.0.2"),
        ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
        ("proto=https, for=10.0.0.2", "10.0.0.2"),
        // A quote that the client left open would swallow what the proxy added.
        (r#"for=", for=203.0.113.7"#, "10.0.0.1"),
        (r#"for=203.0.113.7, for=""#, "10.0.0.1"),
        ("for=203.0.113.7;for=192.0.2.1", "10.0.0.1"),
        (r#"for="2001:db8::7""#, "10.0.0.1"),
        ("for=[2001:db8::7]", "10.0.0.1"),
        ("for = 203.0.113.7", "10.0.0.1"),
        ("203.0.113.7", "10.0.0.1"),
        ("for=", "10.0.0.1"),
    ] {
        assert_eq!(client(PROXY, &[("forwarded", value)]), found, "{value}");
    }
    let lines = [("forwarded", r#"for=""#), ("forwarded", "for=203.0.113.7")];
    assert_eq!(client(PROXY, &lines), "203.0.113.7", "what is left of the client is not read");
    let long = format!("for=203.0.113.7;by=\"{}\"", "x".repeat(5_000));
    assert_eq!(client(PROXY, &[("forwarded", &long)]), "10.0.0.1");
}

#[test]
fn two_tales_are_none() {
    let both =
        |list: &str, standard: &str| client(PROXY, &[("x-forwarded-for", list), ("forwarded", standard)]);
    assert_eq!(both("203.0.113.7", "for=203.0.113.7"), "203.0.113.7");
    assert_eq!(both("203.0.113.7", "for=192.0.2.9"), "10.0.0.1");
    assert_eq!(both("203.0.113.7", "for=\""), "10.0.0.1");
    assert_eq!(both("nonsense", "for=203.0.113.7"), "10.0.0.1");
}

#[test]
fn networks_are_read_whole() {
    let parse = |text| TrustedProxies::parse([text]);
    assert_eq!(parse("10.1.2.3/8"), TrustedProxies::parse(["10.0.0.0/8"]));
    assert_eq!(parse("10.1.2.3"), parse("10.1.2.3/32"));
    for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/8 ", "::1/"] {
        assert_eq!(parse(text), Err(TrustedProxiesError::Network(text.to_owned())));
    }
    for text in ["0.0.0.0/0", "::/0"] {
        assert_eq!(parse(text), Err(TrustedProxiesError::Everybody(text.to_owned())));
    }
    assert_eq!(TrustedProxies::parse(["10.0.0.1"; 65]), Err(TrustedProxiesError::TooMany));
    assert_eq!(
        TrustedProxies::default().client(PROXY.parse().expect("an address"), &HeaderMap::new()).to_string(),
        "10.0.0.1"
    );
}

proptest! {
    #[test]
    fn whatever_the_client_sends_the_proxy_has_the_last_word(
        sent in proptest::collection::vec(any::<u8>(), 0..80),
        other in "[ -~]{0,40}",
    ) {
        let mut headers = HeaderMap::new();
        let appended = [sent.as_slice(), b", 203.0.113.7"].concat();
        if let Ok(value) = HeaderValue::from_bytes(&appended) {
            headers.append(X_FORWARDED_FOR, value);
            let found = proxies().client(PROXY.parse().expect("an address"), &headers);
            prop_assert_eq!(found.to_string(), "203.0.113.7");
        }
        headers.clear();
        headers.append(header::FORWARDED, HeaderValue::from_str(&format!("{other}, for=203.0.113.7")).expect("printable"));
        let found = proxies().client(PROXY.parse().expect("an address"), &headers).to_string();
        prop_assert!(found == "203.0.113.7" || found == "10.0.0.1", "{}", found);
    }
}
