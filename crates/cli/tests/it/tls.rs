//! TLS of a node, as its clients meet it.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use casemate_api::tls::crypto_provider;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::binary::{Node, User};
use crate::edge::{Answer, PATIENCE, exchange, key, request};

const CONFIG: &[u8] = b"tls_certificate_file = \"certificate.pem\"\ntls_key_file = \"key.pem\"\n";

/// How many handshakes of one network are waited for.
const NETWORK_HANDSHAKES_MAX: usize = 64;

/// An authority of its own, whose certificate is in a file of the user's home.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: String,
}

impl Authority {
    pub(crate) fn new(user: &User, file: &str) -> Self {
        let mut params = named(&format!("authority {file}"), Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = user.file(file, issuer.pem().as_bytes());
        Self { issuer, file }
    }

    /// Where its certificate is.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// A certificate for names, and its key, in PEM.
    pub(crate) fn pair_for(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = named("node", names).signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate of the node, and its key, where the configuration names them.
    pub(crate) fn issue(&self, user: &User) {
        let (certificate, key) = self.pair_for(&["localhost", "127.0.0.1"]);
        replace(user, "certificate.pem", certificate.as_bytes());
        replace(user, "key.pem", key.as_bytes());
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(crypto_provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// Sends a request over TLS.
    fn call(&self, stream: TcpStream, method: &str, path: &str, headers: &str) -> Answer {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        exchange(&mut self.over(stream), request(method, path, headers, "").as_bytes())
    }

    /// Speaks TLS on a connection to a node that this authority vouches for.
    pub(crate) fn over(&self, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(self.client(), name).unwrap(), stream)
    }
}

fn named(common_name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// Files of mode 0600, each there as a whole or not.
fn replace(user: &User, name: &str, bytes: &[u8]) {
    casemate_fs::open_user_dir(&user.path("")).unwrap().replace(name, bytes).unwrap();
}

fn authority_part(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or_else(|| panic!("{url} is no https address"))
}

fn connect(url: &str) -> TcpStream {
    TcpStream::connect(authority_part(url)).unwrap()
}

/// A user with an authority and a node of its.
pub(crate) fn serve(user: &User) -> (Authority, Node) {
    let authority = Authority::new(user, "ca.pem");
    authority.issue(user);
    user.file("config.toml", CONFIG);
    let node = user.serve_with(&["--config", "config.toml"]);
    (authority, node)
}

#[test]
fn a_client_believes_the_authority_that_it_is_told_and_no_other() {
    let user = User::new();
    let (authority, node) = serve(&user);
    let other = Authority::new(&user, "other.pem");
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    let made = user.run(&["key", "create", "--label", "tls", "--role", "admin"]).text();
    user.file("api.key", made.as_bytes());
    let list = |url: &str, more: &[&str]| {
        user.run(&[&["ls", "cm://builds", "--url", url, "--api-key-file", "api.key"], more].concat())
    };
    let url = node.url.as_str();
    let listed = list(url, &["--ca-file", &authority.file]);
    assert!(listed.text().contains("a"));
    let named = url.replace("127.0.0.1", "localhost");
    assert_eq!(list(&named, &["--ca-file", &authority.file]).code, 0);

    // Content of many records, up and down again.
    let content: Vec<u8> =
        (0..8_u32 << 18).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    user.file("large", &content);
    let far = ["--url", url, "--ca-file", &authority.file, "--api-key-file", "api.key"];
    user.run(&[&["cp", "large", "cm://builds/large"][..], &far].concat()).text();
    user.run(&[&["cp", "cm://builds/large", "back"][..], &far].concat()).text();
    assert!(user.read("back") == content, "the same comes back");

    for (more, said) in [(&["--ca-file", other.file.as_str()][..], "UnknownIssuer"), (&[], "UnknownIssuer")] {
        let refused = list(url, more);
        assert_eq!(refused.code, 7, "{}", refused.stderr);
        assert!(refused.stderr.contains(said) && refused.stderr.contains("--ca-file"), "{}", refused.stderr);
    }
    let misnamed = list(&url.replace("127.0.0.1", "[::ffff:127.0.0.1]"), &["--ca-file", &authority.file]);
    assert!(misnamed.stderr.contains("not valid for name"), "{}", misnamed.stderr);
    let no_authority = list(url, &["--ca-file", "api.key"]);
    assert_eq!(no_authority.code, 2, "{}", no_authority.stderr);
    let plain = list(&url.replace("https", "http"), &[]);
    assert_eq!(plain.code, 7, "nothing is said without TLS: {}", plain.stderr);
}

#[test]
fn with_tls_browsers_are_told_to_stay_with_it() {
    let user = User::new();
    let (authority, node) = serve(&user);
    let stays = Some("max-age=63072000");
    let page = authority.call(connect(&node.url), "GET", "/", "");
    assert_eq!((page.status, page.header("strict-transport-security")), (200, stays));
    let s3 = authority.call(connect(node.s3_url()), "GET", "/", "");
    assert_eq!((s3.status, s3.header("strict-transport-security")), (403, stays), "{}", s3.body);

    let link = user.run(&["login"]).text();
    assert!(link.starts_with(&format!("{}/#/login?token=", node.url)), "{link}");
    let token = link.trim().split("token=").nth(1).unwrap();
    let body = serde_json::json!({ "link_token": token }).to_string();
    let asked = request("POST", "/api/v1/session", "content-type: application/json\r\n", &body);
    let opened = exchange(&mut authority.over(connect(&node.url)), asked.as_bytes());
    let cookie = opened.header("set-cookie").unwrap_or_else(|| panic!("{}", opened.body));
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
}

#[test]
fn a_new_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let user = User::new();
    let (first, node) = serve(&user);
    let key = key(&user);
    let outcomes = |authority: &Authority, outcome: &str| {
        let metrics = authority.call(connect(&node.url), "GET", "/metrics", &key).body;
        let name = format!("casemate_tls_exchanges_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name).map(str::to_owned))
    };
    replace(&user, "key.pem", b"half of a");
    node.signal(Signal::HUP);
    let end = Instant::now() + PATIENCE;
    while outcomes(&first, "refused").is_none() {
        assert!(Instant::now() < end, "the broken key is not reported");
    }
    assert_eq!(outcomes(&first, "refused").as_deref(), Some("1"), "and once");

    let second = Authority::new(&user, "second.pem");
    second.issue(&user);
    let health = ["--url", &node.url, "--ca-file", &second.file, "doctor", "--json"];
    let reached = || String::from_utf8(user.run(&health).stdout).unwrap().contains("node: state");
    while !reached() {
        assert!(Instant::now() < end, "the new certificate is not served");
    }
    assert_eq!(outcomes(&second, "done").as_deref(), Some("1"));
    node.stop();
}

/// A connection from an address of this machine that is not the usual one.
fn connect_from(from: &str, to: &str) -> TcpStream {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &address(&format!("{from}:0"))).unwrap();
    rustix::net::connect(&socket, &address(authority_part(to))).unwrap();
    TcpStream::from(socket)
}

#[test]
fn who_is_slow_to_shake_hands_is_in_nobodys_way() {
    let user = User::new();
    let (authority, node) = serve(&user);
    let silent: Vec<_> = (0..NETWORK_HANDSHAKES_MAX).map(|_| connect(&node.url)).collect();
    let asked = |stream| authority.call(stream, "GET", "/api/v1/health", "").status;
    assert_eq!(asked(connect_from("127.0.0.2", &node.url)), 200, "another network has its own places");

    // One more of the same network is closed at once, the others when their time is over.
    let mut one_more = connect(&node.url);
    let mut byte = [0];
    assert!(matches!(one_more.read(&mut byte), Ok(0) | Err(_)));
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut byte).unwrap_or(0), 0);
    }
    assert_eq!(asked(connect(&node.url)), 200);
}

/// What a program of the machine says to a request, or nothing where there is no such program.
#[allow(clippy::print_stderr, reason = "what a machine cannot run is said")]
fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    match command.args(arguments).stdin(std::process::Stdio::null()).output() {
        Ok(output) => {
            let texts =
                [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            Some(texts.concat())
        }
        Err(error) => {
            eprintln!("not tried: {program}: {error}");
            None
        }
    }
}

#[test]
fn programs_of_others_reach_the_node() {
    let user = User::new();
    let (authority, node) = serve(&user);
    let (url, file) = (format!("{}/api/v1/health", node.url), authority.file.as_str());
    if let Some(said) = said_by("curl", &["-sS", "-i", "--cacert", file, &url]) {
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
        assert!(said.contains("strict-transport-security: max-age=63072000"), "{said}");
    }
    let shake = |version: &str| {
        let at = authority_part(&node.url);
        said_by("openssl", &["s_client", "-connect", at, "-CAfile", file, "-verify_return_error", version])
    };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        if let Some(said) = shake(version) {
            assert!(said.contains(name) && said.contains("Verify return code: 0 (ok)"), "{said}");
        }
    }
    if let Some(said) = shake("-tls1_1") {
        assert!(!said.contains("Verify return code: 0 (ok)") || said.contains("Cipher is (NONE)"), "{said}");
    }
}

#[test]
fn a_node_without_its_certificate_opens_no_port() {
    let user = User::new();
    user.file("config.toml", CONFIG);
    let refused = user.run(&["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("the node cannot speak TLS"), "{}", refused.stderr);
    user.file("config.toml", b"tls_key_file = \"key.pem\"\n");
    let half = user.run(&["config", "check", "--config", "config.toml"]);
    assert!(half.stderr.contains("`tls_certificate_file` cannot be ``"), "{}", half.stderr);
}
