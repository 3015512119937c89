use std::sync::{Arc, Mutex, PoisonError};

use casemate_api::tls::crypto_provider;
use casemate_control::Control;
use casemate_identity::{ClientCertificate, ServerNameError};
use casemate_model::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::PROTOCOLS;

/// The listener of mutual TLS: its certificate, and those of its clients, are of the node's own authority. Both sides are of
/// today, so TLS 1.3 is all that is spoken.
pub struct MutualTls {
    control: Control,
    names: Vec<String>,
    current: Mutex<Current>,
}

struct Current {
    /// Half of the certificate's life: from then on new connections get another, and the roots of that time are believed.
    renew_after: Timestamp,
    config: Arc<ServerConfig>,
}

impl MutualTls {
    /// A listener that is reached by `names`.
    pub fn new(control: Control, names: Vec<String>) -> Result<Self, ServerNameError> {
        let made = make(&control, &names)?;
        Ok(Self { control, names, current: Mutex::new(made) })
    }

    /// What new connections are met with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if self.control.now() >= current.renew_after {
            *current = make(&self.control, &self.names).expect("the names were good before");
        }
        Arc::clone(&current.config)
    }
}

/// A certificate of the listener with all that belongs to it.
fn make(control: &Control, names: &[String]) -> Result<Current, ServerNameError> {
    let (authority, now) = (control.authenticator().certificates(), control.now());
    let mut roots = RootCertStore::empty();
    for root in authority.roots(now) {
        roots.add(CertificateDer::from(root)).expect("a root of ours is one");
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider()).build();
    let own = authority.for_server(names, now)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.key.to_vec()));
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has ciphers for it")
        .with_client_cert_verifier(verifier.expect("there are roots"))
        .with_single_cert(vec![CertificateDer::from(own.certificate.der)], key)
        .expect("they were made for each other");
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Who resumes a session is not asked for a certificate again, and it may have ended by then.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Current { renew_after: own.certificate.renew_after, config: Arc::new(config) })
}

/// The client's certificate of a connection that has shaken hands.
pub(crate) fn client_of(connection: &rustls::ServerConnection) -> Option<ClientCertificate> {
    let certificate = connection.peer_certificates()?.first()?;
    ClientCertificate::read(certificate).ok()
}
