//! Names as stock tools of DNS see them: dig, kdig and delv.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use data_encoding::BASE64URL_NOPAD;

use crate::binary::{Node, User};
use crate::tls::Authority;

const ZONE: &str = "names.example";

/// A node that answers for names below the zone, and the port where.
fn node(user: &User, more: &str) -> (Node, u16) {
    let port = free_port();
    user.file("transfer.key", b"xfr:hmac-sha256:MDEyMzQ1Njc4OWFiY2RlZg==");
    let config = format!(
        "{}[dns]\nlisten = \"127.0.0.1:{port}\"\nzone = \"{ZONE}\"\nservers = [\"ns1.{ZONE}=127.0.0.1\"]\n\
         transfer_key_file = \"{}\"\nanswers_per_second = 0\n{more}",
        if more.contains("tls_listen") {
            format!(
                "tls_certificate_file = \"{}\"\ntls_key_file = \"{}\"\n",
                user.path("certificate.pem").display(),
                user.path("key.pem").display()
            )
        } else {
            String::new()
        },
        user.path("transfer.key").display(),
    );
    user.file("casemate.toml", config.as_bytes());
    let config = user.path("casemate.toml");
    (user.serve_with(&["--config", config.to_str().unwrap()]), port)
}

/// A port that is free for datagrams and for connections.
fn free_port() -> u16 {
    loop {
        let connections = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = connections.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}

fn tool(program: &str, port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let done = Command::new(program).args(["@127.0.0.1", "-p", &port]).args(words).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn claim(user: &User, name: &str, more: &[&str]) {
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    let claimed = user.run(&[&["name", "claim", name, "cm://builds/app"], more].concat());
    assert_eq!(claimed.code, 0, "{}", claimed.stderr);
}

#[test]
fn stock_tools_resolve_names() {
    let user = User::new();
    let (_node, port) = node(&user, "");
    let long = format!("TXT {}", "x".repeat(1_000));
    let says = ["--dns", "A 192.0.2.1", "--dns", "AAAA 2001:db8::1", "--dns", &long, "--ttl", "60"];
    claim(&user, "wordcount.tools", &says);
    let name = format!("wordcount.tools.{ZONE}");
    let short = |words: &[&str]| tool("dig", port, &[&["+short"], words].concat()).trim().to_owned();
    assert_eq!(short(&[&name, "A"]), "192.0.2.1");
    assert_eq!(short(&[&name, "AAAA"]), "2001:db8::1");
    assert_eq!(short(&[&name, "A", "+tcp"]), "192.0.2.1");
    let fallen_back = tool("dig", port, &[&name, "TXT", "+bufsize=512"]);
    assert!(fallen_back.contains("Truncated, retrying in TCP mode"), "{fallen_back}");
    assert_eq!(fallen_back.matches('x').count() / 1_000, 1);
    let missing = tool("dig", port, &[&format!("missing.tools.{ZONE}"), "A"]);
    assert!(missing.contains("status: NXDOMAIN") && missing.contains("SOA"), "{missing}");
    let outside = tool("dig", port, &["example.org", "A"]);
    assert!(outside.contains("status: REFUSED"), "{outside}");
    // What changes counts at once.
    let set = user.run(&["name", "set", "wordcount.tools", "--dns", "A 192.0.2.2"]);
    assert_eq!(set.code, 0, "{}", set.stderr);
    assert_eq!(short(&[&name, "A"]), "192.0.2.2");
    assert_eq!(user.run(&["name", "suspend", "wordcount.tools"]).code, 0);
    assert_eq!(short(&[&name, "A"]), "", "a name that may not be used says nothing");
    assert_eq!(user.run(&["name", "resume", "wordcount.tools"]).code, 0);
    assert_eq!(short(&[&name, "A"]), "192.0.2.2");
    assert_eq!(user.run(&["name", "release", "wordcount.tools"]).code, 0);
    assert!(tool("dig", port, &[&name, "A"]).contains("status: NXDOMAIN"));
}

#[test]
fn who_holds_many_connections_leaves_room_for_others() {
    let user = User::new();
    let (_node, port) = node(&user, "");
    claim(&user, "wordcount.tools", &["--dns", "A 192.0.2.1"]);
    let name = format!("wordcount.tools.{ZONE}");
    let held: Vec<_> = (0..64).map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let ask =
        |from: &str| tool("dig", port, &["+short", "+tcp", "+tries=1", "+time=5", "-b", from, &name, "A"]);
    assert!(!ask("127.0.0.1").contains("192.0.2.1"));
    assert_eq!(ask("127.0.0.2").trim(), "192.0.2.1");
    drop(held);
}

#[test]
fn signatures_hold_for_who_knows_the_key() {
    let user = User::new();
    let (_node, port) = node(&user, "");
    claim(&user, "wordcount.tools", &["--dns", "A 192.0.2.1"]);
    let key = tool("dig", port, &["+short", ZONE, "DNSKEY"]);
    let [flags, protocol, algorithm, public] =
        key.trim().splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
    let anchor = |public: &str| {
        let text = format!(
            "trust-anchors {{ \"{ZONE}\" static-key {flags} {protocol} {algorithm} \"{public}\"; }};\n"
        );
        user.file("anchor.conf", text.as_bytes());
        user.path("anchor.conf").display().to_string()
    };
    let public = public.replace(' ', "");
    let delv = |file: &str, name: &str, kind: &str| {
        let root = format!("+root={ZONE}");
        tool("delv", port, &["-a", file, &root, &format!("{name}.{ZONE}"), kind])
    };
    let file = anchor(&public);
    let found = delv(&file, "wordcount.tools", "A");
    assert!(found.contains("; fully validated") && found.contains("192.0.2.1"), "{found}");
    let none = delv(&file, "wordcount.tools", "AAAA");
    assert!(none.contains("; negative response, fully validated"), "{none}");
    let missing = delv(&file, "missing.tools", "A");
    assert!(missing.contains("; negative response, fully validated"), "{missing}");
    let other = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let refused = delv(&anchor(other), "wordcount.tools", "A");
    assert!(!refused.contains("fully validated"), "{refused}");
    let said = tool("dig", port, &["+dnssec", &format!("wordcount.tools.{ZONE}"), "A"]);
    assert!(said.contains("RRSIG") && said.contains("flags: do"), "{said}");
}

#[test]
fn the_zone_goes_to_who_signs_with_its_key() {
    let user = User::new();
    let (_node, port) = node(&user, "");
    // More than one message: these would fill two.
    for number in 0..30 {
        let says: Vec<String> =
            (0..4).map(|part| format!("TXT {number}-{part}-{}", "x".repeat(1_000))).collect();
        let says: Vec<&str> = says.iter().flat_map(|says| ["--dns", says.as_str()]).collect();
        claim(&user, &format!("name-{number}.tools"), &says);
    }
    // What somebody says at the place of the zone's server says nobody: not here, and not at the servers that get the zone.
    claim(&user, "ns1", &["--dns", "A 192.0.2.66", "--dns", "_http._tcp TXT words"]);
    assert_eq!(tool("dig", port, &["+short", &format!("ns1.{ZONE}"), "A"]).trim(), "127.0.0.1");
    let transfer = |key: &str| tool("dig", port, &[ZONE, "AXFR", "-y", &format!("hmac-sha256:{key}")]);
    let whole = transfer("xfr:MDEyMzQ1Njc4OWFiY2RlZg==");
    assert!(whole.contains("XFR size: 125 records"), "{}", whole.lines().rev().take(8).collect::<String>());
    assert!(whole.contains("127.0.0.1") && !whole.contains("192.0.2.66"), "{whole}");
    let since = tool("dig", port, &[ZONE, "IXFR=1", "-y", "hmac-sha256:xfr:MDEyMzQ1Njc4OWFiY2RlZg=="]);
    assert!(since.contains("XFR size: 125 records"), "{}", since.lines().rev().take(8).collect::<String>());
    assert!(!whole.contains("could not be validated"), "{whole}");
    assert!(!whole.contains("verify failure") && !whole.contains("BADSIG"), "{whole}");
    for key in
        ["xfr:MDEyMzQ1Njc4OWFiY2RlZh==", "xfr:MTEyMzQ1Njc4OWFiY2RlZg==", "other:MDEyMzQ1Njc4OWFiY2RlZg=="]
    {
        let refused = transfer(key);
        assert!(!refused.contains("name-1"), "{key}: {refused}");
    }
    let unsigned = tool("dig", port, &[ZONE, "AXFR"]);
    assert!(unsigned.contains("Transfer failed"), "{unsigned}");
}

#[test]
fn names_are_answered_for_over_tls_and_https() {
    let user = User::new();
    let authority = Authority::new(&user, "authority.pem");
    authority.issue(&user);
    let secure = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (node, _) = node(&user, &format!("tls_listen = \"127.0.0.1:{secure}\"\n"));
    claim(&user, "wordcount.tools", &["--dns", "A 192.0.2.1"]);
    let name = format!("wordcount.tools.{ZONE}");
    let ca = format!("+tls-ca={}", authority.file());
    let asked = |port: u16, words: &[&str]| {
        tool("kdig", port, &[&["+short", "+tls-hostname=localhost", &ca, &name, "A"], words].concat())
            .trim()
            .to_owned()
    };
    assert_eq!(asked(secure, &["+tls"]), "192.0.2.1");
    // Whoever believes another authority gets nothing.
    let other = Authority::new(&user, "other.pem");
    let wrong = format!("+tls-ca={}", other.file());
    let refused = tool("kdig", secure, &["+tls", "+tls-hostname=localhost", &wrong, &name, "A"]);
    assert!(!refused.contains("192.0.2.1"), "{refused}");

    // Programs that insist on HTTP/2 do not get this far; curl speaks both.
    let curl = |words: &[&str]| {
        Command::new("curl").args(["-s", "--cacert", authority.file()]).args(words).output().unwrap().stdout
    };
    let address = format!("{}/dns-query", node.url);
    let question = question(&name);
    user.file("question", &question);
    let file = format!("@{}", user.path("question").display());
    let kind = "content-type: application/dns-message";
    let posted = curl(&["-H", kind, "--data-binary", &file, &address]);
    let got = curl(&[&format!("{address}?dns={}", BASE64URL_NOPAD.encode(&question))]);
    assert_eq!(posted, got);
    assert!(got.windows(4).any(|bytes| bytes == [192, 0, 2, 1]), "{got:?}");
    let mut whole = question.clone();
    let at = whole.len() - 3;
    whole[at] = 252;
    let refused = curl(&[&format!("{address}?dns={}", BASE64URL_NOPAD.encode(&whole))]);
    assert_eq!(refused[3] & 15, 5, "a zone does not go over HTTPS: {refused:?}");
    let twice = format!("?dns={0}&dns={0}", BASE64URL_NOPAD.encode(&question));
    for bad in ["", "?dns=", "?dns=****", "?dns=AAAA", "?dns=AAABAAAB", &twice] {
        let said = String::from_utf8_lossy(&curl(&[&format!("{address}{bad}")])).into_owned();
        assert!(said.contains("invalid_parameter"), "{bad}: {said}");
    }
    let said = |kind: &str, file: &str| {
        let kind = format!("content-type: {kind}");
        String::from_utf8_lossy(&curl(&["-H", &kind, "--data-binary", file, &address])).into_owned()
    };
    assert!(said("text/plain", &file).contains("unsupported_media_type"));
    assert_eq!(
        said("Application/DNS-Message; a=b", &file).as_bytes(),
        String::from_utf8_lossy(&got).as_bytes()
    );
    user.file("long", &vec![0; 5 << 20]);
    let long = said("application/dns-message", &format!("@{}", user.path("long").display()));
    assert!(long.contains("body_too_large"), "{long}");
}

/// A question for the address of a name, as RFC 1035 spells it.
fn question(name: &str) -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}
