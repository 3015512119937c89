use std::io::Write;
use std::path::Path;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::watch::report;
use super::*;

/// A certificate for `localhost` and its key, written where a node looks for them.
fn write_pair(directory: &Path) -> rcgen::Certificate {
    write_pair_until(directory, 2100)
}

/// The same, good until the beginning of a year.
fn write_pair_until(directory: &Path, year: i32) -> rcgen::Certificate {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    write(&directory.join("certificate.pem"), certificate.pem().as_bytes());
    write(&directory.join("key.pem"), key.serialize_pem().as_bytes());
    certificate
}

/// Some time in the year 2027.
fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).unwrap()
}

fn write(path: &Path, bytes: &[u8]) {
    let directory = casemate_fs::open_user_dir(path.parent().unwrap()).unwrap();
    directory.replace(path.file_name().unwrap().to_str().unwrap(), bytes).unwrap();
}

fn files(directory: &TempDir) -> TlsFiles {
    let path = directory.path();
    TlsFiles { certificate: path.join("certificate.pem"), key: path.join("key.pem") }
}

fn client(
    certificate: &rcgen::Certificate,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(crypto_provider());
    builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth()
}

/// What client and node agree on.
#[derive(Debug, PartialEq)]
struct Agreed {
    version: Option<ProtocolVersion>,
    group: Option<NamedGroup>,
    protocol: Option<Vec<u8>>,
}

async fn shake_hands(tls: &Tls, client: ClientConfig) -> std::io::Result<Agreed> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::try_from("localhost").unwrap();
    let accepting = TlsAcceptor::from(tls.config()).accept(theirs);
    let (connected, accepted) = tokio::join!(connector.connect(name, ours), accepting);
    let (connected, _accepted) = (connected?, accepted?);
    let (_, connection) = connected.get_ref();
    Ok(Agreed {
        version: connection.protocol_version(),
        group: connection.negotiated_key_exchange_group().map(|group| group.name()),
        protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
    })
}

#[tokio::test]
async fn the_key_exchange_is_hybrid_unless_the_client_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_pair(directory.path());
    let tls = Tls::open(files(&directory)).unwrap();
    let agreed = |version, group| Agreed { version: Some(version), group: Some(group), protocol: None };

    let today = client(&certificate, rustls::ALL_VERSIONS);
    let hybrid = agreed(ProtocolVersion::TLSv1_3, NamedGroup::X25519MLKEM768);
    assert_eq!(shake_hands(&tls, today).await.unwrap(), hybrid);

    let older = client(&certificate, &[&rustls::version::TLS12]);
    let classic = agreed(ProtocolVersion::TLSv1_2, NamedGroup::X25519);
    assert_eq!(shake_hands(&tls, older).await.unwrap(), classic);
}

#[tokio::test]
async fn only_the_first_version_of_http_is_agreed_on() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_pair(directory.path());
    let tls = Tls::open(files(&directory)).unwrap();
    let asking = |protocols: &[&[u8]]| {
        let mut config = client(&certificate, rustls::ALL_VERSIONS);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    };
    let agreed = shake_hands(&tls, asking(&[b"h2", b"http/1.1"])).await.unwrap();
    assert_eq!(agreed.protocol.as_deref(), Some(&b"http/1.1"[..]));
    let error = shake_hands(&tls, asking(&[b"h2"])).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn new_files_are_taken_and_broken_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let first = write_pair(directory.path());
    let tls = Tls::open(files(&directory)).unwrap();
    assert!(matches!(tls.look(now()), Look::Same));

    let second = write_pair(directory.path());
    assert!(matches!(tls.look(now()), Look::Exchanged));
    assert!(matches!(tls.look(now()), Look::Same));
    shake_hands(&tls, client(&second, rustls::ALL_VERSIONS)).await.unwrap();
    shake_hands(&tls, client(&first, rustls::ALL_VERSIONS)).await.unwrap_err();

    // Each way of being broken, one after the other; the second pair stays in use throughout.
    let (certificate, key) = (files(&directory).certificate, files(&directory).key);
    write(&certificate, first.pem().as_bytes());
    assert!(matches!(tls.look(now()), Look::Broken(Some(_), TlsError::Unfit { .. })));
    write(&certificate, b"-----BEGIN CERTIFICATE-----\nno\n");
    assert!(matches!(tls.look(now()), Look::Broken(Some(_), TlsError::NoCertificate { .. })));
    write(&certificate, second.pem().as_bytes());
    write(&key, b"");
    assert!(matches!(tls.look(now()), Look::Broken(Some(_), TlsError::NoKey { .. })));
    casemate_fs::open_user_dir(directory.path()).unwrap().remove_file("key.pem").unwrap();
    assert!(matches!(tls.look(now()), Look::Broken(None, TlsError::Files(_))));
    shake_hands(&tls, client(&second, rustls::ALL_VERSIONS)).await.unwrap();

    write_pair_until(directory.path(), 2027);
    assert!(matches!(tls.look(now()), Look::Broken(Some(_), TlsError::Expired { .. })));
    assert_eq!(tls.not_after().unwrap().to_string(), "2100-01-01T00:00:00.000Z");

    let third = write_pair(directory.path());
    assert!(matches!(tls.look(now()), Look::Exchanged));
    shake_hands(&tls, client(&third, rustls::ALL_VERSIONS)).await.unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let files = files(&directory);
    let key = casemate_fs::read_config_file(&files.key, 1 << 16).unwrap();
    casemate_fs::open_user_dir(directory.path()).unwrap().remove_file("key.pem").unwrap();
    // As the umask of the test has it, which lets others read.
    let mut open = casemate_fs::create_user_file(&files.key).unwrap();
    open.write_all(&key).unwrap();
    open.commit().unwrap();
    assert!(matches!(Tls::open(files), Err(TlsError::Files(FsError::NotPrivate { .. }))));
}

#[test]
fn a_broken_pair_is_reported_once_and_not_in_the_middle_of_its_writing() {
    let broken = |content: u8| Look::Broken(Some([content; 32]), TlsError::NoKey { path: PathBuf::new() });
    let reported = |seen: &Option<watch::Broken>| seen.as_ref().map(|broken| broken.reported);
    let seen = report(broken(1), None, false);
    assert_eq!(reported(&seen), Some(false), "it may be half written");
    let seen = report(broken(2), seen, false);
    assert_eq!(reported(&seen), Some(false), "it is another one");
    let seen = report(broken(2), seen, false);
    assert_eq!(reported(&seen), Some(true));
    assert_eq!(reported(&report(broken(2), seen, false)), Some(true));
    assert_eq!(reported(&report(broken(3), None, true)), Some(true), "who asks is told");
    assert_eq!(reported(&report(Look::Same, None, true)), None);
}
