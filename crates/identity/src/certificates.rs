//! Certificates by which nodes and plugins are known on the mutual TLS listener, and it to them.
//!
//! The authority is the node's own: its keys follow from the pepper and the time, as those of access tokens do, so nodes with
//! the same pepper believe each other's certificates and nothing needs to be kept or handed around.
//!
//! ```text
//!   pepper, quarter ──> root (good for the quarter before, its own, and the one after)
//!                        └─> leaf, 24 hours: a listener, or the holder of an API key, by the key's id
//! ```
//!
//! A certificate is another way of presenting an API key: at each request the key is looked up, so that what a certificate
//! can do ends with the key.

use std::time::Duration;

use casemate_model::{KeyId, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData, SanType, SerialNumber,
};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

use crate::access_token::pkcs8_of_seed;
use crate::{KeyRecord, Pepper, Peppers, Rejected, SecretMac};

/// How long a root signs. It is believed for as long before and after, so that a change interrupts nobody.
const PERIOD: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long a leaf is good. Its holder gets another at half of it.
const LEAF_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the clocks of nodes may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Longer text is no request: one of a key that is taken has well under a kilobyte.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// Who signs the certificates.
pub struct CertificateAuthority {
    peppers: Peppers,
    issuer: String,
}

/// A certificate that the authority has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// In DER (X.509).
    pub der: Vec<u8>,
    /// In PEM.
    pub pem: String,
    /// Until when it is good.
    pub expires: Timestamp,
    /// From when on its holder is to get another.
    pub renew_after: Timestamp,
}

/// A certificate of the mutual TLS listener with its private key.
pub struct ServerCertificate {
    /// The certificate.
    pub certificate: IssuedCertificate,
    /// Its private key in DER (PKCS #8).
    pub key: Zeroizing<Vec<u8>>,
}

/// Of whom a client's certificate is, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The API key whose holder got it.
    pub key: KeyId,
    /// Which secret of the key it goes with; it says nothing of the secret.
    pub tag: u64,
    /// From when on it is refused, also on connections that are open by then.
    pub expires: Timestamp,
}

/// What was sent is no request for a certificate that could be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is no certificate signing request in PEM (PKCS #10) for an Ed25519 or ECDSA (P-256, P-384) key, signed with it"
)]
pub struct CertificateRequestError;

/// A name that a certificate of a listener cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a DNS name nor an IP address")]
pub struct ServerNameError(String);

impl CertificateAuthority {
    /// Signs in the name of `issuer`.
    pub fn new(peppers: Peppers, issuer: String) -> Self {
        Self { peppers, issuer }
    }

    /// The roots by which certificates are checked now, in DER: the next, the current, the one before, and those under
    /// former peppers.
    pub fn roots(&self, now: Timestamp) -> Vec<Vec<u8>> {
        self.good_roots(now).map(|root| root.certificate.der().to_vec()).collect()
    }

    /// The same in PEM, for clients to check the listener by.
    pub fn roots_pem(&self, now: Timestamp) -> String {
        self.good_roots(now).map(|root| root.certificate.pem()).collect()
    }

    /// Signs a certificate for the holder of `key` and of the private key that `request` (PKCS #10 in PEM) is signed with.
    /// Of the request nothing else is used: what it asks to be called or allowed is not up to it. The certificate is good with
    /// one secret of the key, and no longer than that: while two fit it is the one that ends first.
    pub fn issue(
        &self,
        key: &KeyRecord,
        request: &str,
        now: Timestamp,
    ) -> Result<IssuedCertificate, CertificateRequestError> {
        let former = key.former.filter(|(_, until)| now < *until);
        let (secret, until) = former.map_or((key.secret, None), |(secret, until)| (secret, Some(until)));
        let until = until.into_iter().chain(key.expires).min();
        let key = key.id;
        let request = read_request(request)?;
        let algorithm = PublicKeyData::algorithm(&request.public_key);
        if ![&PKCS_ED25519, &PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384].contains(&algorithm) {
            return Err(CertificateRequestError);
        }
        let mut params = leaf(&key.to_string(), ExtendedKeyUsagePurpose::ClientAuth);
        let uri =
            Ia5String::try_from(format!("casemate:key:{key}:{}", tag_of(&secret))).expect("ids are ASCII");
        params.subject_alt_names = vec![SanType::URI(uri)];
        Ok(self.sign(params, &request.public_key, (now, until)))
    }

    /// The Ed25519 key of a request in PEM that is signed with it; any other is refused.
    pub fn ed25519_key_of(request: &str) -> Result<[u8; 32], CertificateRequestError> {
        let public_key = read_request(request)?.public_key;
        if public_key.algorithm() != &PKCS_ED25519 {
            return Err(CertificateRequestError);
        }
        public_key.der_bytes().try_into().map_err(|_| CertificateRequestError)
    }

    /// Makes a key and a certificate for a listener that is reached by `names`.
    pub fn for_server(&self, names: &[String], now: Timestamp) -> Result<ServerCertificate, ServerNameError> {
        let mut params = leaf("casemate", ExtendedKeyUsagePurpose::ServerAuth);
        for name in names {
            let one = CertificateParams::new([name.clone()]).map_err(|_| ServerNameError(name.clone()))?;
            params.subject_alt_names.extend(one.subject_alt_names);
        }
        let key = KeyPair::generate().expect("the library has its own randomness");
        let certificate = self.sign(params, &key, (now, None));
        Ok(ServerCertificate { certificate, key: Zeroizing::new(key.serialize_der()) })
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
        (now, until): (Timestamp, Option<Timestamp>),
    ) -> IssuedCertificate {
        let pepper = self.peppers.sealing_first().next().expect("there is one");
        let root = self.root(pepper, period_of(now));
        let longest = now.saturating_add(LEAF_LIFETIME);
        let expires = until.map_or(longest, |until| until.min(longest));
        set_validity(&mut params, now.saturating_sub(CLOCK_SKEW), expires);
        let serial = Sha256::new().chain_update(now.as_millis().to_be_bytes()).chain_update(key.der_bytes());
        params.serial_number = Some(serial_number(&serial.finalize()));
        let signed = params.signed_by(key, &root.issuer).expect("a key of ours signs plain names");
        IssuedCertificate {
            der: signed.der().to_vec(),
            pem: signed.pem(),
            expires,
            renew_after: now.saturating_add(expires.saturating_since(now) / 2),
        }
    }

    fn good_roots(&self, now: Timestamp) -> impl Iterator<Item = Root> {
        let period = period_of(now);
        let periods = [period + 1, period, period.saturating_sub(1)];
        let of_pepper = move |pepper| periods.into_iter().map(move |period| self.root(pepper, period));
        self.peppers.sealing_first().flat_map(of_pepper)
    }

    /// The root of a period, the same to the byte on every node and at every time.
    fn root(&self, pepper: &Pepper, period: u64) -> Root {
        let seed = pepper.key_for(&format!("certificate authority of period {period}"));
        let der = pkcs8_of_seed(&seed);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_slice().into(), &PKCS_ED25519);
        let key = key.expect("a seed of 32 bytes in its frame is a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&format!("Casemate authority of {}, {period}", self.issuer));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        set_validity(&mut params, start_of(period.saturating_sub(1)), start_of(period + 2));
        params.serial_number = Some(serial_number(&Sha256::digest(key.public_key_raw())));
        let certificate = params.self_signed(&key).expect("a key of ours signs plain names");
        Root { certificate, issuer: Issuer::new(params, key) }
    }
}

/// A request for a certificate by the holder of an Ed25519 key, and that key; both in PEM.
pub fn ed25519_request(seed: &[u8; 32]) -> (String, Zeroizing<String>) {
    let der = pkcs8_of_seed(seed);
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_slice().into(), &PKCS_ED25519);
    let key = key.expect("a seed of 32 bytes in its frame is a key");
    let request = CertificateParams::default().serialize_request(&key).and_then(|request| request.pem());
    (request.expect("a key of ours signs a plain request"), Zeroizing::new(key.serialize_pem()))
}

/// Checks the request's own signature too.
fn read_request(request: &str) -> Result<CertificateSigningRequestParams, CertificateRequestError> {
    if request.len() > REQUEST_BYTES_MAX {
        return Err(CertificateRequestError);
    }
    CertificateSigningRequestParams::from_pem(request).map_err(|_| CertificateRequestError)
}

struct Root {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl ClientCertificate {
    /// Whether it goes with `secret`.
    pub(crate) fn fits(&self, secret: &SecretMac) -> bool {
        self.tag == tag_number(secret)
    }

    /// Reads a certificate that was already found to be signed by the authority for a client.
    pub fn read(der: &[u8]) -> Result<Self, Rejected> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Rejected)?;
        let mut names = certificate.subject().iter_common_name();
        let (Some(name), None) = (names.next(), names.next()) else { return Err(Rejected) };
        let key = name.as_str().ok().and_then(|name| name.parse().ok()).ok_or(Rejected)?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).map_err(|_| Rejected)?;
        let expires = Timestamp::from_millis(seconds.saturating_mul(1_000)).map_err(|_| Rejected)?;
        let names = certificate.subject_alternative_name().ok().flatten().ok_or(Rejected)?;
        let [GeneralName::URI(uri)] = names.value.general_names[..] else { return Err(Rejected) };
        let tag = uri.rsplit(':').next().and_then(|tag| u64::from_str_radix(tag, 16).ok()).ok_or(Rejected)?;
        Ok(Self { key, tag, expires })
    }
}

/// What tells one secret of a key from another; it follows from the stored hash.
fn tag_number(secret: &SecretMac) -> u64 {
    let hash = Sha256::new().chain_update("casemate certificate").chain_update(secret.mac).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn tag_of(secret: &SecretMac) -> String {
    format!("{:016x}", tag_number(secret))
}

fn leaf(name: &str, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// A positive number of at most 16 bytes.
fn serial_number(hash: &[u8]) -> SerialNumber {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[0] &= 0x7f;
    SerialNumber::from_slice(&bytes)
}

fn period_of(now: Timestamp) -> u64 {
    now.as_millis() / millis(PERIOD)
}

fn start_of(period: u64) -> Timestamp {
    Timestamp::from_millis(period * millis(PERIOD)).expect("a period after one that is now")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("some months")
}

/// Sets from when until when a certificate is good, in whole seconds as certificates have it.
fn set_validity(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let since_1970 = |time: Timestamp| Duration::from_secs(time.as_millis() / 1_000);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_1970(from);
    params.not_after = epoch + since_1970(until);
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use casemate_model::{Project, Role, Scopes};

    use super::*;

    fn authority(byte: u8) -> CertificateAuthority {
        CertificateAuthority::new(Peppers::new(Pepper::new(Zeroizing::new([byte; 32]))), "here".to_owned())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000).expect("in range")
    }

    fn key() -> KeyRecord {
        KeyRecord {
            id: KeyId::generate(at(0), &CountingEntropy::default()),
            project: Project::default_project(),
            label: "node".to_owned(),
            role: Role::NODE,
            scopes: Scopes::ALL,
            secret: SecretMac { pepper: 1, mac: [1; 32] },
            created: at(0),
            expires: None,
            revoked: None,
            former: None,
            owner: None,
            networks: Default::default(),
            limit: None,
            used: None,
        }
    }

    #[test]
    fn a_certificate_ends_with_the_secret_that_it_was_got_by() {
        let wanted = request(|_| {});
        let issue = |key: &KeyRecord| {
            let issued = authority(1).issue(key, &wanted, at(0)).expect("a good request");
            ClientCertificate::read(&issued.der).expect("of a client")
        };
        let first = issue(&key());
        let next = SecretMac { pepper: 1, mac: [2; 32] };
        let rotated = KeyRecord { former: Some((key().secret, at(600))), secret: next, ..key() };
        let meanwhile = issue(&rotated);
        assert!(first.fits(&key().secret) && !first.fits(&next));
        assert!(meanwhile.fits(&key().secret), "whoever has the former secret gets nothing that outlasts it");
        assert_eq!(meanwhile.expires, at(600));
        let over = KeyRecord { former: Some((key().secret, at(0))), secret: next, ..key() };
        assert!(issue(&over).fits(&next));
        assert_eq!(issue(&KeyRecord { expires: Some(at(60)), ..key() }).expires, at(60));
    }

    /// A request as `openssl req` makes it.
    fn request(change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params.serialize_request(&key).and_then(|request| request.pem()).expect("a request")
    }

    #[test]
    fn every_node_with_the_pepper_has_the_same_roots_and_they_overlap() {
        let period = PERIOD.as_secs();
        let roots = authority(1).roots(at(0));
        assert_eq!(roots.len(), 3);
        assert_eq!(authority(1).roots(at(1)), roots);
        assert_ne!(authority(2).roots(at(0)), roots);
        assert_eq!(authority(1).roots(at(period))[1..], roots[..2], "the next is believed before it signs");
        assert_eq!(authority(1).roots_pem(at(0)).matches("BEGIN CERTIFICATE").count(), 3);
    }

    #[test]
    fn a_certificate_says_whose_key_it_is_and_nothing_that_was_asked_for() {
        let wanted = request(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name = named("root of everything");
            params.subject_alt_names = vec![SanType::DnsName("bank.example".try_into().expect("a name"))];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        let issued = authority(1).issue(&key(), &wanted, at(0)).expect("a good request");
        assert_eq!((issued.expires, issued.renew_after), (at(86_400), at(43_200)));
        let read = ClientCertificate::read(&issued.der);
        assert_eq!(
            read,
            Ok(ClientCertificate { key: key().id, tag: tag_number(&key().secret), expires: at(86_400) })
        );
        let (_, certificate) = X509Certificate::from_der(&issued.der).expect("a certificate");
        assert!(!certificate.is_ca());
        let usage = certificate.extended_key_usage().expect("well-formed").expect("there is one").value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        let names = certificate.subject_alternative_name().expect("well-formed").expect("there is one").value;
        assert_eq!(names.general_names.len(), 1);
        let again = authority(1).issue(&key(), &wanted, at(1)).expect("a good request");
        let (_, again) = X509Certificate::from_der(&again.der).expect("a certificate");
        assert_ne!(again.raw_serial(), certificate.raw_serial());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let good = request(|_| {});
        let mut forged = pem_body(&good);
        let middle = forged.len() / 2;
        forged[middle] ^= 1;
        for text in [
            String::new(),
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n".to_owned(),
            good.replace("CERTIFICATE REQUEST", "CERTIFICATE REQUEST-----").chars().take(60).collect(),
            good.clone() + &"\n".repeat(REQUEST_BYTES_MAX),
            frame(&forged),
        ] {
            let refused = authority(1).issue(&key(), &text, at(0));
            assert_eq!(refused, Err(CertificateRequestError), "{text}");
        }
    }

    fn pem_body(pem: &str) -> Vec<u8> {
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        data_encoding::BASE64.decode(lines.as_bytes()).expect("base 64")
    }

    fn frame(der: &[u8]) -> String {
        let body = data_encoding::BASE64.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
    }

    #[test]
    fn a_listener_is_called_what_it_is_to_be_called() {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = authority(1).for_server(&names, at(0)).expect("good names");
        let (_, certificate) = X509Certificate::from_der(&made.certificate.der).expect("a certificate");
        let names = certificate.subject_alternative_name().expect("well-formed").expect("there is one").value;
        assert_eq!(names.general_names.len(), 3);
        assert!(ClientCertificate::read(&made.certificate.der).is_err(), "a listener's is no client's");
        assert!(authority(1).for_server(&["no name \u{e9}".to_owned()], at(0)).is_err());
    }
}
