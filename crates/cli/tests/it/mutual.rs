//! Mutual TLS, spoken by a program of others.

use std::process::{Command, Output, Stdio};

use crate::binary::{Node, User};
use crate::edge::call;

const CONFIG: &[u8] = b"mutual_listen = \"127.0.0.1:0\"\n";

/// A node with a key, and the directory of the key's certificate.
struct World {
    user: User,
    node: Node,
    key: String,
    id: String,
    directory: String,
}

/// What a command says to somebody with an API key.
fn with_key(user: &User, key: &str, arguments: &[&str]) -> Output {
    user.command(arguments).env("CASEMATE_API_KEY", key).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl World {
    fn new() -> Self {
        let user = User::new();
        user.file("config.toml", CONFIG);
        let node = user.serve_with(&["--config", "config.toml"]);
        let made = user.run(&["key", "create", "--label", "worker1", "--role", "viewer", "--json"]).json();
        let key = made["secret"].as_str().unwrap().to_owned();
        let id = made["key"]["id"].as_str().unwrap().to_owned();
        let directory = user.path("worker1").to_str().unwrap().to_owned();
        let got = with_key(&user, &key, &["key", "certificate", &directory, "--url", &node.url]);
        assert!(got.status.success(), "{}", text(&got.stderr));
        Self { user, node, key, id, directory }
    }

    /// The status and body of the answer to `curl` with these options; nothing if there is none.
    fn ask(&self, options: &[&str]) -> Option<(u16, String)> {
        let url = format!("{}/api/v1/session", self.node.mutual_url());
        let output = Command::new("curl")
            .args(["-sS", "-w", "\n%{http_code}", "--cacert", &format!("{}/roots.pem", self.directory), &url])
            .args(options)
            .stdin(Stdio::null())
            .output()
            .expect("curl is installed: scripts/setup.sh test");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n')?;
        output.status.success().then(|| (status.parse().unwrap(), body.to_owned()))
    }

    fn certified(&self, options: &[&str]) -> Option<(u16, String)> {
        self.ask(&[&["--cert", &format!("{}/client.pem", self.directory)], options].concat())
    }
}

#[test]
fn a_certificate_is_as_good_as_its_key_and_ends_with_it() {
    let world = World::new();
    let (status, body) = world.certified(&[]).expect("an answer");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(&format!("key:{}", world.id)), "{body}");
    let own = format!("x-api-key: {}", world.key);
    assert_eq!(world.certified(&["-H", &own]).map(|(status, _)| status), Some(200));

    // What is presented besides must be of the same holder.
    let other = world.user.run(&["key", "create", "--label", "other", "--role", "admin"]).text();
    let other = format!("x-api-key: {}", other.trim());
    assert_eq!(world.certified(&["-H", &other]).map(|(status, _)| status), Some(401));

    // Exchanging the secret shuts out whoever had it, with the certificate and the session that it got.
    let sign_in = format!(r#"{{"api_key":"{}"}}"#, world.key);
    let opened = call(&world.node, "POST", "/api/v1/session", "content-type: application/json\r\n", &sign_in);
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let by_session =
        || call(&world.node, "GET", "/api/v1/session", &format!("cookie: {cookie}\r\n"), "").status;
    assert_eq!(by_session(), 200);
    let rotated = world.user.run(&["key", "rotate", &world.id, "--overlap", "0m"]).text();
    assert_eq!(world.certified(&[]).map(|(status, _)| status), Some(401));
    assert_eq!(by_session(), 401);
    let got = with_key(
        &world.user,
        rotated.trim(),
        &["key", "certificate", &world.directory, "--url", &world.node.url],
    );
    assert!(got.status.success(), "{}", text(&got.stderr));
    assert_eq!(world.certified(&[]).map(|(status, _)| status), Some(200));

    assert_eq!(world.user.run(&["key", "revoke", &world.id]).code, 0);
    assert_eq!(world.certified(&[]).map(|(status, _)| status), Some(401));
}

#[test]
fn whoever_has_no_certificate_of_the_nodes_own_authority_does_not_get_in() {
    let world = World::new();
    assert_eq!(world.ask(&[]), None, "no certificate");
    assert_eq!(world.ask(&["-H", &format!("x-api-key: {}", world.key)]), None, "a key alone");
    let stranger = World::new();
    let theirs = format!("{}/client.pem", stranger.directory);
    assert_eq!(world.ask(&["--cert", &theirs]), None, "another node's authority");

    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, world.id.as_str());
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let forged = params.self_signed(&key).unwrap();
    let forged = world.user.file("forged.pem", format!("{}{}", key.serialize_pem(), forged.pem()).as_bytes());
    assert_eq!(world.ask(&["--cert", &forged]), None, "signed by itself");
    assert_eq!(world.ask(&["--tls-max", "1.2", "--cert", &format!("{}/client.pem", world.directory)]), None);
}

#[test]
fn certificates_are_for_keys_and_renewed_when_they_are_due() {
    let world = World::new();
    let renew = || {
        with_key(
            &world.user,
            &world.key,
            &["key", "certificate", &world.directory, "--if-due", "--url", &world.node.url],
        )
    };
    let client = std::path::Path::new(&world.directory).join("client.pem");
    let before = std::fs::read(&client).unwrap();
    let kept = renew();
    assert!(text(&kept.stderr).contains("the certificate is good"), "{}", text(&kept.stderr));
    assert_eq!(std::fs::read(&client).unwrap(), before);
    let due = std::path::Path::new(&world.directory).join("renew-after");
    std::fs::write(&due, "2020-01-01T00:00:00Z").unwrap();
    assert!(renew().status.success());
    assert_ne!(std::fs::read(&client).unwrap(), before);
    assert_eq!(world.certified(&[]).map(|(status, _)| status), Some(200));
    let mode = std::os::unix::fs::PermissionsExt::mode(&client.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let refused = world.user.run(&["key", "certificate", world.user.path("local").to_str().unwrap()]);
    assert_eq!(refused.code, 4, "the private socket's caller has no key: {}", refused.stderr);
    let audit = world.user.run(&["audit", "search", "certificates.issue", "--json"]).text();
    assert_eq!(audit.lines().filter(|line| line.contains("certificate issued")).count(), 2);
    assert!(!audit.contains("BEGIN"), "{audit}");

    // The listener does not keep its places from others while nobody shakes hands.
    let at = world.node.mutual_url().trim_start_matches("https://");
    let silent: Vec<_> = (0..70).map(|_| std::net::TcpStream::connect(at).unwrap()).collect();
    assert_eq!(world.user.run(&["key", "list", "--url", &world.node.url]).code, 4, "no key, but an answer");
    drop(silent);
}
